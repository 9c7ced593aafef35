"""Written Spanish: numbers, times, dates, money, abbreviations, symbols."""

import re
import unicodedata

from wavenet_jax.text.actions import (
    abbreviation,
    begins_sentence,
    between,
    date,
    dotted,
    initials,
    iso_date,
    said,
    say_in_pieces,
    telephone,
)
from wavenet_jax.text.languages import SPANISH
from wavenet_jax.text.spanish.numbers import Form, Words, cardinal, decimal, digits, fraction, ordinal
from wavenet_jax.text.spanish.sounds import CLITICS, LETTERS, knows
from wavenet_jax.text.written import (
    Action,
    Reader,
    Writing,
    alternatives,
    latin_name,
    parsed_number,
    patterns,
    roman,
    silent,
)

_MONTHS = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()
_ABBREVIATED_MONTHS = {month[:3]: month for month in _MONTHS} | {"sept": "septiembre", "set": "septiembre"}
_UNITS = {
    **{"km": "kilómetro", "m": "metro", "cm": "centímetro", "mm": "milímetro", "nm": "nanómetro", "µm": "micrómetro"},
    **{"kg": "kilogramo", "g": "gramo", "mg": "miligramo", "t": "tonelada", "lb": "libra", "oz": "onza"},
    **{"km/h": "kilómetro por hora", "m/s": "metro por segundo", "l": "litro", "L": "litro", "ml": "mililitro"},
    **{"cl": "centilitro", "s": "segundo", "seg": "segundo", "ms": "milisegundo", "min": "minuto", "h": "hora"},
    **{"hr": "hora", "hrs": "hora", "Hz": "hercio", "kHz": "kilohercio", "MHz": "megahercio", "GHz": "gigahercio"},
    **{"kB": "kilobyte", "KB": "kilobyte", "Kb": "kilobit", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte"},
    **{"kbps": "kilobit por segundo", "Mbps": "megabit por segundo", "dB": "decibelio", "V": "voltio", "W": "vatio"},
    **{"kW": "kilovatio", "kWh": "kilovatio hora", "A": "amperio", "mA": "miliamperio", "°": "grado"},
    **{"°C": "grado celsius", "°F": "grado fahrenheit", "m²": "metro cuadrado", "m2": "metro cuadrado"},
    **{"km²": "kilómetro cuadrado", "m³": "metro cúbico", "m3": "metro cúbico", "ha": "hectárea", "%": "por ciento"},
    **{"¢": "centavo", "x": "por"},
}
_WITHOUT_PLURAL = {"por", "celsius", "fahrenheit", "hora"}
_MONEY = {
    **{"$": ("dólar", "centavo"), "US$": ("dólar", "centavo"), "€": ("euro", "céntimo"), "£": ("libra", "penique")},
    **{"MX$": ("peso", "centavo"), "¥": ("yen", "")},
}
_FEMININE = frozenset(
    "hora libra tonelada onza hectárea vez mano noche tarde clase parte calle llave red ley mujer flor frase veces "
    "manos noches tardes clases partes calles llaves redes leyes mujeres flores frases imágenes órdenes".split()
)
_MASCULINE = frozenset(
    "día días mapa mapas problema problemas sistema sistemas programa programas tema temas idioma idiomas clima "
    "planeta planetas dilema dilemas poema poemas esquema esquemas".split()
)
_AFTER_ONE = frozenset(
    "minuto segundo hora día dia mes año semana vez mensaje llamada persona usuario participante euro dólar peso "
    "libra centavo céntimo metro kilómetro kilo kilogramo gramo litro grado punto millón billón página capítulo lugar "
    "solo sola nuevo nueva agente número opción extensión cliente correo archivo teléfono byte gigabyte megabyte "
    "noche hombre mujer niño niña".split()
)
"""Words before which 1 is read un or una; before others it stands alone, as in: press 1 to listen."""

_ABBREVIATIONS = {
    **{"sr": "señor", "sra": "señora", "srta": "señorita", "sres": "señores", "dr": "doctor", "dra": "doctora"},
    **{"dña": "doña", "ud": "usted", "uds": "ustedes", "vd": "usted", "vds": "ustedes", "prof": "profesor"},
    **{"profa": "profesora", "lic": "licenciado", "ing": "ingeniero", "arq": "arquitecto", "gral": "general"},
    **{"cap": "capítulo", "art": "artículo", "núm": "número", "num": "número", "tel": "teléfono", "tfno": "teléfono"},
    **{"pág": "página", "pag": "página", "págs": "páginas", "av": "avenida", "avda": "avenida", "ext": "extensión"},
    **{"etc": "etcétera", "aprox": "aproximadamente", "máx": "máximo", "mín": "mínimo", "depto": "departamento"},
    **{"dpto": "departamento", "cía": "compañía", "sto": "santo", "sta": "santa", "vol": "volumen", "ed": "edición"},
    **{"fig": "figura", "izq": "izquierda", "dcha": "derecha", "atte": "atentamente", "pza": "plaza", "col": "colonia"},
    **{"p. ej": "por ejemplo", "p.ej": "por ejemplo", "a. c": "antes de cristo", "a.c": "antes de cristo"},
    **{"d. c": "después de cristo", "d.c": "después de cristo", "ee. uu": "estados unidos", "ee.uu": "estados unidos"},
    **{"rr. hh": "recursos humanos", "rr.hh": "recursos humanos", "s. a": "sociedad anónima"},
}
_ENDS_SENTENCE = {"etc", "ee. uu", "ee.uu", "a. c", "a.c", "d. c", "d.c", "cía", "s. a"}
"""Abbreviations that a sentence may well end with."""

_SYMBOLS = {
    **{"&": "y", "@": "arroba", "#": "numeral", "+": "más", "=": "igual a", "%": "por ciento", "/": "barra"},
    **{"\\": "barra invertida", "*": "asterisco", "_": "guion bajo", "~": "tilde", "^": "circunflejo", "|": "barra"},
    **{"<": "menor que", ">": "mayor que", "×": "por", "÷": "entre", "±": "más menos", "−": "menos"},
    **{"≤": "como máximo", "≥": "como mínimo", "°": "grados", "º": "grados", "§": "sección", "©": "copyright"},
    **{"®": "marca registrada", "™": "marca", "µ": "micro", "$": "dólares", "£": "libras", "€": "euros", "¥": "yenes"},
    **{"¢": "centavos", "√": "raíz de", "∞": "infinito", "≈": "aproximadamente", "•": "", "·": "", "`": "", "´": ""},
    **{"¨": "", "→": "a", "←": "de", "ª": "", "¬": "no"},
}
_RULERS = frozenset(
    "Felipe Carlos Alfonso Fernando Enrique Luis Juan Pedro Pablo Pío Benedicto Francisco Jorge Eduardo Ricardo "
    "Guillermo "
    "Napoleón Isabel Catalina María Sancho Jaime Juana León Gregorio Clemente Nicolás".split()
)
_QUEENS = frozenset("Isabel Catalina María Juana".split())
_SPELLED_AS_WORD = frozenset("de la el en no si sí yo tu tú un es se me te le lo ya su mi al ni va ve ha he".split())
"""Short words that are words even in capitals."""

_BY_DIGIT = frozenset("extensión extension clave pin código codigo contraseña contrasena ext serie".split())
"""Words after which a number of three digits or more is spoken digit by digit."""

_NUMBER = r"\d+(?:[.,]\d+)*"
_LETTER = "A-Za-zÁÉÍÓÚÜÑáéíóúüñ"
_MINUS = r"(?P<minus>(?<![\w-])[-−])?"


def _agreed(noun: str) -> Form:
    """Returns the form of a number before a noun."""
    ends = noun.endswith(("a", "as", "ión", "iones", "dad", "dades")) and noun not in _MASCULINE
    return "una" if ends or noun in _FEMININE else "un"


def _form_before(text: str, number: str) -> Form:
    """Returns the form of a number by the word after it, if that is its noun."""
    match = re.match(rf"\s+([{_LETTER}]+)", text)
    noun = match[1].lower() if match else ""
    if number == "1":
        return _agreed(noun) if noun in _AFTER_ONE else "uno"
    return _agreed(noun) if noun.endswith("s") and len(noun) > 3 else "uno"


def _several(noun: str) -> str:
    return noun + ("es" if noun[-1] in "rn" else "s")


def _spelt(character: str) -> str:
    """Names a character that nothing else fits: letters of other scripts by their names, other signs as such."""
    return latin_name(character, "ideograma", "letra", "símbolo")


def _date(reader: Reader, day: int, month: int, year: int) -> None:
    if 1 <= month <= 12 and 1 <= day <= 31:
        reader.say(*_day(day), "de", _MONTHS[month - 1], "de", *cardinal(year))
    else:
        reader.say(*cardinal(day), "barra", *cardinal(month), "barra", *cardinal(year))


def _day(day: int) -> Words:
    return ["primero"] if day == 1 else cardinal(day)


def _day_of_month(reader: Reader, match: re.Match) -> None:
    month = match[2].lower().rstrip(".")
    reader.say(*_day(int(match[1])), "de", _ABBREVIATED_MONTHS.get(month, month))


def _time(reader: Reader, match: re.Match) -> None:
    hour, minute, second = int(match[1]), match[2], match[3]
    reader.say(*cardinal(hour, "una"))
    if int(minute):
        reader.say(*(["cero"] if minute[0] == "0" else []), *cardinal(int(minute)))
    elif not match[4]:
        reader.say("en punto" if not match[5] else "")
    if second:
        reader.say("y", *cardinal(int(second), "un"), "segundo" if int(second) == 1 else "segundos")
    if match[4]:
        reader.say(*match[4][0].upper(), "M")
    elif match[5]:
        reader.say("hora" if hour == 1 else "horas")


def _hour(reader: Reader, match: re.Match) -> None:
    reader.say(*cardinal(int(match[1]), "una"), match[2][0].upper(), "M")


def _half(reader: Reader, match: re.Match) -> None:
    reader.say(match[1][0].upper(), "M")


def _money(reader: Reader, match: re.Match) -> None:
    unit, cent = _MONEY[match["before"] or match["after"]]
    number = parsed_number(match["number"])
    whole, _, rest = number.replace(",", ".").partition(".")
    form, several = _agreed(unit), match["named"] or _several(unit)
    if match["minus"]:
        reader.say("menos")
    if match["scale"]:
        reader.say(*decimal(number, "un"), match["scale"].lower(), "de", several)
        return
    if len(rest) not in (0, 2) or not cent or len(whole) > 15:
        reader.say(*decimal(number, form), several)
        return
    if int(whole or 0) or not int(rest or 0):
        reader.say(*cardinal(int(whole or 0), form), *(["de"] if whole.endswith("000000") else []))
        one = int(whole or 0) == 1 and not match["named"]
        reader.say(unit if one else several, *(["con"] if int(rest or 0) else []))
    if int(rest or 0):
        reader.say(*cardinal(int(rest), "un"), cent if int(rest) == 1 else _several(cent))


def _ordinal(reader: Reader, match: re.Match) -> None:
    number, ending = int(match[1]), match[2].lower().strip(".")
    feminine = ending in ("ª", "a", "ra", "da", "ta", "ma", "va", "na")
    after = re.match(rf"\s+([{_LETTER}]+[^s\W\d])\b", match.string[match.end() :])
    short = ending == "er" or (after is not None and after[1].lower() not in CLITICS)
    reader.say(*ordinal(number, "a" if feminine else "er" if short and number % 10 in (1, 3) else "o"))


def _fraction(reader: Reader, match: re.Match) -> None:
    above, below = int(match[1]), int(match[2])
    reader.say(*(fraction(above, below) if 0 < above < below <= 10 else [*cardinal(above), "sobre", *cardinal(below)]))
    if match[3]:
        reader.say("de", _UNITS[match[3]])


def _measure(reader: Reader, match: re.Match) -> None:
    number = parsed_number(match["number"])
    words = _UNITS[match["unit"]].split()
    if match["minus"]:
        reader.say("menos")
    if number != "1" and words[0] != "por":
        words = [_several(words[0]), *words[1:]]
        if words[-1].startswith(("cuadrado", "cúbico")):
            words[-1] += "s"
    reader.say(*decimal(number, "uno" if words[0] == "por" else _agreed(_UNITS[match["unit"]].split()[0])), *words)


def _number(reader: Reader, match: re.Match) -> None:
    text = parsed_number(match["number"])
    if match["minus"]:
        reader.say("menos")
    if text.isdigit() and len(text) >= 3 and reader.last in _BY_DIGIT:
        reader.say(*digits(text))
    else:
        reader.say(*decimal(text, _form_before(match.string[match.end() :], text)))


def _century(reader: Reader, match: re.Match) -> None:
    number = roman(match[2])
    reader.say(match[1].lower(), *(cardinal(number) if number else match[2]))


def _ruler(reader: Reader, match: re.Match) -> None:
    number = roman(match[2])
    reader.say(match[1].lower())
    if number is None:
        reader.say(*match[2])
    elif number > 10:
        reader.say(*cardinal(number))
    else:
        reader.say(*ordinal(number, "a" if match[1] in _QUEENS else "o"))


def _word(reader: Reader, match: re.Match) -> None:
    text, lower = match[0], match[0].lower()
    if len(text) == 1:
        is_word = lower in "aeouyáéóú" and (text == lower or begins_sentence(reader, match, _LETTER))
        reader.say(lower if is_word else text.upper())
    elif text.isupper() and (number := roman(text)) and reader.last != "la":
        reader.say(*cardinal(number))
    elif text.isupper() and _is_spelt(lower):
        reader.say(*text)
    else:
        say_in_pieces(reader, lower)


def _is_spelt(word: str) -> bool:
    """Tells whether a word in capitals is spelled out: PBX, but neither ONU nor OTAN."""
    if word in _SPELLED_AS_WORD:
        return False
    return len(word) < 3 or (not knows(word) and len(word) < 6) or not re.search("[aeiouáéíóú]", word)


_abbreviation = abbreviation(_ABBREVIATIONS, _ENDS_SENTENCE)
_UNIT = alternatives(_UNITS)
_MONTH = "|".join([*_MONTHS, *(month.title() for month in _MONTHS), *(rf"{short}\.?" for short in _ABBREVIATED_MONTHS)])
_SHORT = alternatives([*_ABBREVIATIONS, *(n.title() for n in _ABBREVIATIONS), *(n.upper() for n in _ABBREVIATIONS)])
_HALF = r"([AaPp])\.?\s?[Mm]\b\.?"
_PATTERNS: tuple[tuple[str, Action], ...] = (
    (r"(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])", iso_date(_date)),
    (r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4}|\d{2})(?![\d/])", date(_date)),
    (r"(?P<day>\d{1,2})(?P<dash>[-.])(?P<month>\d{1,2})(?P=dash)(?P<year>\d{4})(?!\d)", date(_date)),
    (rf"(\d{{1,2}})(?:\.?º)? de ({_MONTH})(?![{_LETTER}])", _day_of_month),
    (rf"(\d{{1,2}}):([0-5]\d)(?::([0-5]\d))?(?:\s?{_HALF})?(?:\s?(h|hs|hrs|horas)\b\.?)?(?![:\d])", _time),
    (rf"(\d{{1,2}})\s?{_HALF}", _hour),
    (r"(?<!\w)([AaPp])\.\s?[Mm]\.", _half),
    (r"\+\d{1,3}(?:[- ]\d{1,4}){2,5}(?!\d)|(?:\(\d{2,3}\)\s?)\d{3,4}[-. ]\d{4}(?!\d)", telephone),
    (r"\d{2,3}[- ]\d{3,4}[- ]\d{4}(?![\d-])|\d{3}-\d{4}(?![\d-])|\d{3}(?: \d{2}){3}(?!\d)", telephone),
    (
        rf"{_MINUS}(?P<before>US\$|MX\$|[$£€¥])\s?(?P<number>{_NUMBER})(?P<after>(?!))?"
        r"(?:\s?(?P<scale>mill(?:ón|on|ones)|mil millones|bill(?:ón|on|ones))\b)?"
        r"(?: (?:de )?(?P<named>pesos?|dólares|dolares|euros|soles)\b)?",
        _money,
    ),
    (
        rf"{_MINUS}(?P<before>(?!))?(?P<number>{_NUMBER})\s?(?P<scale>mill(?:ón|on|ones)(?= de [€$])|(?!))?"
        r"(?P<after>[£€¥$])(?P<named>(?!))?(?!\d)",
        _money,
    ),
    (r"(\d{1,3})(\.?[ºª]|\.?er\b|\.?[oa]\b|(?:ro|ra|do|da|to|ta|mo|ma|vo|va|no|na)\b)(?:\.(?=\s+[a-z]))?", _ordinal),
    (rf"(\d{{1,3}})/(\d{{1,3}})(?![\d/])(?:\s?({_UNIT})(?![{_LETTER}\d²³]))?", _fraction),
    (r"\d+(?:\.\d{1,2}(?!\d)){2,}|\d+(?:\.\d+){3,}", dotted(decimal)),
    (
        rf"{_MINUS}(?<![A-Za-z])(?P<number>{_NUMBER})\s?(?P<unit>{_UNIT})(?![{_LETTER}\d²³])(?:\.(?=\s+[a-z]))?",
        _measure,
    ),
    (r"(\d{1,4})\s?[-–]\s?(\d{1,4})(?![-\d])", between(decimal, "a")),
    (rf"{_MINUS}(?P<number>{_NUMBER})", _number),
    (r"[Nn]\.?º(?=\s?\d)|[Nn]o\.(?=\s?\d)|№|#(?=\d)", said("número")),
    (r"([Ss]iglo|[Cc]apítulo|[Tt]omo|[Aa]cto|[Vv]olumen) ([IVXL]+)\b", _century),
    (rf"({'|'.join(_RULERS)}) ([IVXL]+)\b", _ruler),
    (r"T(?=\d\d:)|(?<=[a-záéíóúñ])/(?=[a-záéíóúñ])", silent),
    (rf"({_SHORT})\.(?![{_LETTER}])", _abbreviation),
    (r"(Sra?|Dra?|Srta)(?= [A-ZÁÉÍÓÚÑ])", _abbreviation),
    (rf"(?:[{_LETTER}]\.){{2,}}(?:[{_LETTER}]\b)?", initials),
    (rf"[{_LETTER}]+", _word),
)
WRITING = Writing(
    language=SPANISH,
    patterns=patterns(_PATTERNS),
    symbols=_SYMBOLS,
    address={".": "punto", "-": "guion", ":": "dos puntos"},
    digits=digits,
    spelt=_spelt,
    joint="y",
    kept="ÁÉÍÓÚÜÑáéíóúüñºª²³",
)
"""How Spanish is written."""

assert set("ABCDEFGHIJKLMNOPQRSTUVWXYZÑ") <= set(LETTERS)
assert unicodedata.normalize("NFC", WRITING.kept) == WRITING.kept
