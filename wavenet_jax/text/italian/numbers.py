"""Numbers in Italian words."""

from typing import Literal

_ONES = (
    "zero uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici "
    "diciassette diciotto diciannove"
).split()
_TENS = "zero dieci venti trenta quaranta cinquanta sessanta settanta ottanta novanta".split()
_ORDINALS = "zero primo secondo terzo quarto quinto sesto settimo ottavo nono decimo".split()

Words = list[str]


def cardinal(number: int) -> Words:
    """Names a number below 10 ** 18, as ``1042``: mille quarantadue.

    Thousands, hundreds and what is below them are words of their own, although they are written together.
    """
    if number == 0:
        return ["zero"]
    assert 0 < number < 10**18
    words: Words = []
    for size, one, several in ((10**9, "miliardo", "miliardi"), (10**6, "milione", "milioni")):
        count, number = divmod(number, size)
        if count == 1:
            words += ["un", one]
        elif count:
            named = cardinal(count)
            words += [*named, *(["di"] if named[-1] in ("milione", "milioni") else []), several]
    thousands, number = divmod(number, 1000)
    if thousands == 1:
        words.append("mille")
    elif thousands:
        *before, last = _below_thousand(thousands)
        words += [*before, f"{last}mila" if last in _ONES else last, *([] if last in _ONES else ["mila"])]
    return words + (_below_thousand(number) if number else [])


def ordinal(number: int, ending: Literal["o", "a"] = "o") -> Words:
    """Names a place, as ``22``: ventiduesimo."""
    if 0 < number <= 10:
        return [_ORDINALS[number][:-1] + ending]
    *before, last = cardinal(number)
    stem = {"mila": "mill", "mille": "mill"}.get(last) or (last if last.endswith("tré") else last[:-1])
    if last.endswith("tré"):
        stem = f"{last[:-1]}e"
    elif last.endswith("sei"):
        stem = last
    elif last.endswith("mila"):
        stem = f"{last[:-4]}mill"
    return [*before, f"{stem}esim{ending}"]


def digits(text: str) -> Words:
    """Names each digit."""
    return [_ONES[int(digit)] for digit in text]


def decimal(text: str) -> Words:
    """Names a number with a comma or a point before its fraction, as ``3,14``: tre virgola quattordici.

    Numbers of more than 15 digits, and those that begin with a zero, are named digit by digit.
    """
    mark = "," if "," in text else "."
    whole, point, fraction = text.partition(mark)
    words: Words = []
    if whole:
        by_digit = len(whole) > 15 or (len(whole) > 1 and whole[0] == "0")
        words = digits(whole) if by_digit else cardinal(int(whole))
    if not point or not fraction:
        return words
    short = len(fraction) <= 2 and fraction[0] != "0"
    said = cardinal(int(fraction)) if short else digits(fraction)
    return [*(words or ["zero"]), "virgola" if mark == "," else "punto", *said]


def fraction(above: int, below: int) -> Words:
    """Names a fraction below one, as ``3/4``: tre quarti; its lower number is at most 10."""
    name = "mezzo" if below == 2 else _ORDINALS[below]
    return ["un", name] if above == 1 else [*cardinal(above), f"{name[:-1]}i"]


def _below_thousand(number: int) -> Words:
    hundreds, rest = divmod(number, 100)
    words = [f"{_ONES[hundreds] if hundreds > 1 else ''}cento"] if hundreds else []
    return words + ([_below_hundred(rest)] if rest else [])


def _below_hundred(number: int) -> str:
    if number < 20:
        return _ONES[number]
    tens, ones = divmod(number, 10)
    if not ones:
        return _TENS[tens]
    stem = _TENS[tens][:-1] if ones in (1, 8) else _TENS[tens]
    return stem + ("tré" if ones == 3 else _ONES[ones])
