"""Numbers in Spanish words."""

from typing import Literal

Form = Literal["uno", "un", "una"]
"""How one is said: alone, before a masculine noun, or before a feminine one, with which hundreds agree."""

_ONES = (
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
    "dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete "
    "veintiocho veintinueve"
).split()
_TENS = ". . . treinta cuarenta cincuenta sesenta setenta ochenta noventa".split()
_HUNDREDS = (
    ". ciento doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos novecientos".split()
)
_MILLIONS = (("", ""), ("millón", "millones"), ("billón", "billones"))
_ORDINALS = (
    ". primero segundo tercero cuarto quinto sexto séptimo octavo noveno décimo undécimo duodécimo decimotercero "
    "decimocuarto decimoquinto decimosexto decimoséptimo decimoctavo decimonoveno"
).split()
_TENTHS = ". . vigésimo trigésimo cuadragésimo quincuagésimo sexagésimo septuagésimo octogésimo nonagésimo".split()
_HUNDREDTHS = (
    ". centésimo ducentésimo tricentésimo cuadringentésimo quingentésimo sexcentésimo septingentésimo octingentésimo "
    "noningentésimo"
).split()

Words = list[str]


def cardinal(number: int, form: Form = "uno") -> Words:
    """Names a number below 10 ** 18, as ``1042``: mil cuarenta y dos."""
    if number == 0:
        return ["cero"]
    assert 0 < number < 10 ** (6 * len(_MILLIONS))
    groups = []
    while number:
        number, group = divmod(number, 10**6)
        groups.append(group)
    words: Words = []
    for place, group in reversed(list(enumerate(groups))):
        if group:
            one, several = _MILLIONS[place]
            words += _below_million(group, "un" if place else form) + (
                [one if group == 1 else several] if place else []
            )
    return words


def ordinal(number: int, ending: Literal["o", "a", "er"] = "o") -> Words:
    """Names a place, as ``22``: vigésimo segundo; from 1000 on, the number itself."""
    if not 0 < number < 1000:
        return cardinal(number)
    hundreds, rest = divmod(number, 100)
    words = [_HUNDREDTHS[hundreds]] if hundreds else []
    if rest >= 20:
        tens, rest = divmod(rest, 10)
        words.append(_TENTHS[tens])
    if rest:
        words.append(_ORDINALS[rest])
    if ending == "er" and words[-1].endswith(("primero", "tercero")):
        return [*words[:-1], words[-1][:-1]]
    return [word[:-1] + "a" for word in words] if ending == "a" else words


def digits(text: str) -> Words:
    """Names each digit."""
    return [_ONES[int(digit)] for digit in text]


def decimal(text: str, form: Form = "uno") -> Words:
    """Names a number with a comma or a point before its fraction, as ``3,14``: tres coma catorce.

    Numbers of more than 15 digits, and those that begin with a zero, are named digit by digit.
    """
    mark = "," if "," in text else "."
    whole, point, fraction = text.partition(mark)
    words: Words = []
    if whole:
        by_digit = len(whole) > 15 or (len(whole) > 1 and whole[0] == "0")
        words = digits(whole) if by_digit else cardinal(int(whole), "uno" if fraction else form)
    if not point or not fraction:
        return words
    short = len(fraction) <= 2 and fraction[0] != "0"
    return [
        *(words or ["cero"]),
        "coma" if mark == "," else "punto",
        *(cardinal(int(fraction)) if short else digits(fraction)),
    ]


def fraction(above: int, below: int) -> Words:
    """Names a fraction below one, as ``3/4``: tres cuartos; its lower number is at most 10."""
    name = {2: "medio", 3: "tercio"}.get(below) or _ORDINALS[below]
    return [*cardinal(above, "un"), name if above == 1 else f"{name}s"]


def _below_million(number: int, form: Form) -> Words:
    thousands, rest = divmod(number, 1000)
    words: Words = []
    if thousands:
        words = [*(_below_thousand(thousands, "una" if form == "una" else "un") if thousands > 1 else []), "mil"]
    return words + (_below_thousand(rest, form) if rest else [])


def _below_thousand(number: int, form: Form) -> Words:
    if number == 100:
        return ["cien"]
    hundreds, rest = divmod(number, 100)
    words = [_HUNDREDS[hundreds]] if hundreds else []
    if hundreds > 1 and form == "una":
        words = [words[0][:-2] + "as"]
    if rest >= 30:
        tens, rest = divmod(rest, 10)
        words += [_TENS[tens], *(["y"] if rest else [])]
    return words + ([_with_form(_ONES[rest], form)] if rest else [])


def _with_form(word: str, form: Form) -> str:
    if not word.endswith("uno") or form == "uno":
        return word
    return word[:-3] + ("una" if form == "una" else "ún" if len(word) > 3 else "un")
