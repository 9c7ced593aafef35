"""Written Italian: numbers, times, dates, money, abbreviations, symbols."""

import re

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
from wavenet_jax.text.italian.numbers import Words, cardinal, decimal, digits, fraction, ordinal
from wavenet_jax.text.italian.words import LETTERS, knows
from wavenet_jax.text.languages import ITALIAN
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

_MONTHS = "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre".split()
_ABBREVIATED_MONTHS = {month[:3]: month for month in _MONTHS} | {"sett": "settembre"}
_UNITS = {
    **{"km": "chilometro", "m": "metro", "cm": "centimetro", "mm": "millimetro", "nm": "nanometro", "µm": "micrometro"},
    **{"kg": "chilogrammo", "g": "grammo", "mg": "milligrammo", "t": "tonnellata", "lb": "libbra", "oz": "oncia"},
    **{"km/h": "chilometro all'ora", "m/s": "metro al secondo", "l": "litro", "L": "litro", "ml": "millilitro"},
    **{"cl": "centilitro", "s": "secondo", "sec": "secondo", "ms": "millisecondo", "min": "minuto", "h": "ora"},
    **{"Hz": "hertz", "kHz": "chilohertz", "MHz": "megahertz", "GHz": "gigahertz", "kB": "kilobyte", "KB": "kilobyte"},
    **{"Kb": "kilobit", "MB": "megabyte", "GB": "gigabyte", "TB": "terabyte", "kbps": "kilobit al secondo"},
    **{"Mbps": "megabit al secondo", "dB": "decibel", "V": "volt", "W": "watt", "kW": "chilowatt", "A": "ampere"},
    **{"kWh": "chilowattora", "mA": "milliampere", "°": "grado", "°C": "grado celsius", "°F": "grado fahrenheit"},
    **{"m²": "metro quadrato", "mq": "metro quadrato", "km²": "chilometro quadrato", "m³": "metro cubo"},
    **{"ha": "ettaro", "%": "per cento", "x": "per"},
}
_WITHOUT_PLURAL = frozenset(
    "hertz chilohertz megahertz gigahertz kilobyte kilobit megabyte megabit gigabyte terabyte decibel volt watt "
    "chilowatt ampere chilowattora milliampere per euro yen".split()
)
_MONEY = {
    **{"$": ("dollaro", "centesimo"), "US$": ("dollaro", "centesimo"), "€": ("euro", "centesimo")},
    **{"£": ("sterlina", "penny"), "¥": ("yen", "")},
}
_FEMININE = frozenset("ora tonnellata libbra oncia sterlina volta settimana chiamata persona pagina".split())
_AFTER_ONE = _FEMININE | frozenset(
    "minuto secondo giorno mese anno messaggio utente partecipante euro dollaro centesimo metro chilometro chilo "
    "chilogrammo "
    "grammo litro grado punto milione miliardo posto nuovo vecchio cliente file byte uomo numero".split()
)
"""Words before which 1 is read un or una; before others it stands alone, as in: press 1 to listen."""

_ABBREVIATIONS = {
    **{
        "sig": "signor",
        "sigg": "signori",
        "sig.ra": "signora",
        "sig.na": "signorina",
        "dott": "dottor",
        "dr": "dottor",
    },
    **{"dott.ssa": "dottoressa", "dr.ssa": "dottoressa", "prof": "professor", "prof.ssa": "professoressa"},
    **{"ing": "ingegner", "avv": "avvocato", "arch": "architetto", "geom": "geometra", "rag": "ragionier"},
    **{
        "on": "onorevole",
        "egr": "egregio",
        "gent": "gentile",
        "spett": "spettabile",
        "ecc": "eccetera",
        "pag": "pagina",
    },
    **{"pagg": "pagine", "nr": "numero", "num": "numero", "tel": "telefono", "cell": "cellulare", "art": "articolo"},
    **{"cap": "capitolo", "vol": "volume", "fig": "figura", "ed": "edizione", "int": "interno"},
    **{"max": "massimo", "ca": "circa", "cfr": "confronta", "p.za": "piazza", "p.zza": "piazza", "v.le": "viale"},
    **{"c.so": "corso", "p. es": "per esempio", "p.es": "per esempio", "ad es": "ad esempio", "a. c": "avanti cristo"},
    **{"a.c": "avanti cristo", "d. c": "dopo cristo", "d.c": "dopo cristo", "s.p.a": "spa"},
    "s.r.l": "società a responsabilità limitata",
}
_ENDS_SENTENCE = {"ecc", "a. c", "a.c", "d. c", "d.c", "s.p.a", "s.r.l"}
"""Abbreviations that a sentence may well end with."""

_SYMBOLS = {
    **{"&": "e", "@": "chiocciola", "#": "cancelletto", "+": "più", "=": "uguale", "%": "per cento", "/": "barra"},
    **{"\\": "barra rovesciata", "*": "asterisco", "_": "trattino basso", "~": "tilde", "^": "circonflesso"},
    **{"|": "barra verticale", "<": "minore di", ">": "maggiore di", "×": "per", "÷": "diviso", "±": "più o meno"},
    **{"−": "meno", "≤": "al massimo", "≥": "almeno", "°": "gradi", "º": "gradi", "§": "paragrafo", "©": "copyright"},
    **{"®": "marchio registrato", "™": "marchio", "µ": "micro", "$": "dollari", "£": "sterline", "€": "euro"},
    **{"¥": "yen", "¢": "centesimi", "√": "radice di", "∞": "infinito", "≈": "circa", "•": "", "·": "", "`": ""},
    **{"´": "", "¨": "", "→": "a", "←": "da", "ª": "", "¬": "non"},
}
_RULERS = frozenset(
    "Emanuele Umberto Carlo Luigi Enrico Ferdinando Francesco Federico Filippo Giovanni Paolo Pio Benedetto Leone "
    "Gregorio "
    "Clemente Giacomo Giorgio Edoardo Guglielmo Napoleone Alfonso Elisabetta Maria Caterina Isabella Margherita".split()
)
_QUEENS = frozenset("Elisabetta Maria Caterina Isabella Margherita".split())
_SPELLED_AS_WORD = frozenset(
    "la il lo le di da in su un no sì si se non ma mi ti ci vi ne al ai ed ad e è ho ha tu io sa va fa più".split()
)
"""Short words that are words even in capitals."""

_BY_DIGIT = frozenset("interno codice pin password cap prefisso".split())
"""Words after which a number of three digits or more is spoken digit by digit."""

_NUMBER = r"\d+(?:[.,]\d+)*"
_LETTER = "A-Za-zÀÈÉÌÍÒÓÙÚàèéìíòóùú"
_MINUS = r"(?P<minus>(?<![\w-])[-−])?"


def _several(noun: str) -> str:
    """Puts a noun into the plural."""
    if noun in _WITHOUT_PLURAL:
        return noun
    if noun.endswith("cia"):
        return f"{noun[:-2]}e"
    return noun[:-1] + {"o": "i", "e": "i", "a": "e", "y": "ies"}.get(noun[-1], noun[-1])


def _one(noun: str) -> str:
    """Returns the word for one before a noun."""
    if noun in _FEMININE:
        return "un'" if noun[0] in "aeiou" else "una"
    return "uno" if re.match("z|y|x|s[^aeiou]|ps|gn", noun) else "un"


def _counted(number: str, noun: str) -> list[str]:
    """Names a number of things."""
    if number != "1":
        return [*decimal(number), _several(noun)]
    one = _one(noun)
    return [one + noun] if one.endswith("'") else [one, noun]


def _spelt(character: str) -> str:
    """Names a character that nothing else fits: letters of other scripts by their names, other signs as such."""
    return latin_name(character, "ideogramma", "lettera", "simbolo")


def _date(reader: Reader, day: int, month: int, year: int) -> None:
    if 1 <= month <= 12 and 1 <= day <= 31:
        reader.say(*_day(day), _MONTHS[month - 1], *cardinal(year))
    else:
        reader.say(*cardinal(day), "barra", *cardinal(month), "barra", *cardinal(year))


def _day(day: int) -> Words:
    return ["primo"] if day == 1 else cardinal(day)


def _day_of_month(reader: Reader, match: re.Match) -> None:
    month = match[2].lower().rstrip(".")
    reader.say(*_day(int(match[1])), _ABBREVIATED_MONTHS.get(month, month))


def _time(reader: Reader, match: re.Match) -> None:
    hour, minute, second = int(match[1]), int(match[2]), match[3]
    reader.say(*(["una"] if hour == 1 else cardinal(hour)))
    if minute:
        reader.say("e", *cardinal(minute))
    if second:
        reader.say("e", *_counted(str(int(second)), "secondo"))


def _money(reader: Reader, match: re.Match) -> None:
    unit, cent = _MONEY[match["before"] or match["after"]]
    number = parsed_number(match["number"])
    whole, _, rest = number.replace(",", ".").partition(".")
    if match["minus"]:
        reader.say("meno")
    if match["scale"]:
        reader.say(*decimal(number), match["scale"].lower(), "di", _several(unit))
        return
    if len(rest) not in (0, 2) or not cent or len(whole) > 15:
        reader.say(*decimal(number), _several(unit))
        return
    if int(whole or 0) or not int(rest or 0):
        if whole.endswith("000000"):
            reader.say(*cardinal(int(whole)), "di", _several(unit))
        else:
            reader.say(*_counted(str(int(whole or 0)), unit))
        reader.say("e" if int(rest or 0) else "")
    if int(rest or 0):
        cents = str(int(rest))
        reader.say(*(_counted(cents, cent) if cent != "penny" or cents == "1" else [*decimal(cents), "pence"]))


def _ordinal(reader: Reader, match: re.Match) -> None:
    reader.say(*ordinal(int(match[1]), "a" if match[2] == "ª" else "o") if int(match[1]) else cardinal(0))


def _fraction(reader: Reader, match: re.Match) -> None:
    above, below = int(match[1]), int(match[2])
    reader.say(*(fraction(above, below) if 0 < above < below <= 10 else [*cardinal(above), "su", *cardinal(below)]))
    if match[3]:
        reader.say("di", _UNITS[match[3]])


def _measure(reader: Reader, match: re.Match) -> None:
    number = parsed_number(match["number"])
    noun, *rest = _UNITS[match["unit"]].split()
    if match["minus"]:
        reader.say("meno")
    if noun == "per":
        reader.say(*decimal(number), noun, *rest)
        return
    squares = number != "1" and rest and rest[0] in ("quadrato", "cubo")
    reader.say(*_counted(number, noun), *(map(_several, rest) if squares else rest))


def _number(reader: Reader, match: re.Match) -> None:
    text = parsed_number(match["number"])
    if match["minus"]:
        reader.say("meno")
    noun = re.match(rf"\s+([{_LETTER}]+)", match.string[match.end() :])
    if text.isdigit() and len(text) >= 3 and reader.last in _BY_DIGIT:
        reader.say(*digits(text))
    elif text == "1" and noun and noun[1].lower() in _AFTER_ONE:
        reader.say(_one(noun[1].lower()))
    else:
        reader.say(*decimal(text))


def _century(reader: Reader, match: re.Match) -> None:
    number = roman(match[2])
    name = match[1].lower()
    reader.say("secolo" if name == "sec." else name, *(ordinal(number) if number else match[2]))


def _century_after(reader: Reader, match: re.Match) -> None:
    number = roman(match[1])
    reader.say(*(ordinal(number) if number else match[1]))


def _ruler(reader: Reader, match: re.Match) -> None:
    number = roman(match[2])
    reader.say(match[1].lower(), *(ordinal(number, "a" if match[1] in _QUEENS else "o") if number else match[2]))


def _word(reader: Reader, match: re.Match) -> None:
    quoted = re.search(rf"(?:^|[\s(])'[{_LETTER}]", match.string[: match.start() + 1])
    text = match[0].rstrip("'") if quoted else match[0]
    lower = text.lower()
    if len(text) == 1:
        is_word = lower in "aeoiàèéìòù" and (text == lower or lower in "èé" or begins_sentence(reader, match, _LETTER))
        reader.say(lower if is_word else text.upper())
    elif text.isupper() and (number := roman(text)):
        reader.say(*cardinal(number))
    elif text.isupper() and "'" not in text and _is_spelt(lower):
        reader.say(*text)
    else:
        say_in_pieces(reader, lower)


def _is_spelt(word: str) -> bool:
    """Tells whether a word in capitals is spelled out: PBX, but neither ONU nor FIAT."""
    if word in _SPELLED_AS_WORD:
        return False
    if len(word) < 3 or not re.search("[aeiouàèéìòù]", word):
        return True
    return len(word) < 6 and (not knows(f"{word}a") or re.search("[^aeiou]{2}$", word) is not None)


_abbreviation = abbreviation(_ABBREVIATIONS, _ENDS_SENTENCE)
_UNIT = alternatives(_UNITS)
_MONTH = "|".join([*_MONTHS, *(month.title() for month in _MONTHS), *(rf"{short}\.?" for short in _ABBREVIATED_MONTHS)])
_SHORT = alternatives(
    [*_ABBREVIATIONS, *(n[:1].upper() + n[1:] for n in _ABBREVIATIONS), "a.C", "d.C", "a. C", "d. C", "S.p.A"]
)
_PATTERNS: tuple[tuple[str, Action], ...] = (
    (r"(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])", iso_date(_date)),
    (r"(?P<day>\d{1,2})/(?P<month>\d{1,2})/(?P<year>\d{4}|\d{2})(?![\d/])", date(_date)),
    (r"(?P<day>\d{1,2})(?P<dash>[-.])(?P<month>\d{1,2})(?P=dash)(?P<year>\d{4})(?!\d)", date(_date)),
    (rf"(\d{{1,2}})[º°]? ({_MONTH})(?![{_LETTER}])", _day_of_month),
    (r"(\d{1,2}):([0-5]\d)(?::([0-5]\d))?(?![:\d])", _time),
    (
        r"\+\d{1,3}(?:[- ]\d{1,4}){2,5}(?!\d)|\d{2,3}[- /]\d{3,4}[- ]\d{3,4}(?![\d-])|0\d{1,3}[-/ ]\d{5,8}(?!\d)",
        telephone,
    ),
    (
        rf"{_MINUS}(?P<before>US\$|[$£€¥])\s?(?P<number>{_NUMBER})(?P<after>(?!))?"
        r"(?:\s?(?P<scale>milion[ei]|miliard[oi])\b)?",
        _money,
    ),
    (
        rf"{_MINUS}(?P<before>(?!))?(?P<number>{_NUMBER})\s?(?P<scale>(?!))?(?P<after>[£€¥$])(?!\d)",
        _money,
    ),
    (rf"(\d{{1,3}})([ºª]|°(?=\s+[{_LETTER}]))", _ordinal),
    (rf"(\d{{1,3}})/(\d{{1,3}})(?![\d/])(?:\s?({_UNIT})(?![{_LETTER}\d²³']))?", _fraction),
    (r"\d+(?:\.\d{1,2}(?!\d)){2,}|\d+(?:\.\d+){3,}", dotted(decimal)),
    (
        rf"{_MINUS}(?<![A-Za-z])(?P<number>{_NUMBER})\s?(?P<unit>{_UNIT})(?![{_LETTER}\d²³'])(?:\.(?=\s+[a-z]))?",
        _measure,
    ),
    (r"(\d{1,4})\s?[-–]\s?(\d{1,4})(?![-\d])", between(decimal, "a")),
    (rf"{_MINUS}(?P<number>{_NUMBER})", _number),
    (r"[Nn](?:\.[º°]?|[º°])(?=\s?\d)|№|#(?=\d)", said("numero")),
    (r"S\.(?=\s?[A-Z][a-z])", said("san")),
    (r"([IVXL]+)(?= secolo)", _century_after),
    (r"([Ss]ecolo|[Ss]ec\.|[Cc]apitolo|[Tt]omo|[Aa]tto|[Vv]olume) ([IVXL]+)\b", _century),
    (rf"({'|'.join(sorted(_RULERS))}) ([IVXL]+)\b", _ruler),
    (r"T(?=\d\d:)|(?<=[a-zàèéìòù])/(?=[a-zàèéìòù])", silent),
    (rf"({_SHORT})\.(?![{_LETTER}])", _abbreviation),
    (r"((?:[Ss]ig|[Pp]rof|[Dd]ott|[Dd]r)\.(?:ra|na|ssa))(?![A-Za-z])\.?", _abbreviation),
    (r"([Pp]\.zz?a|[Vv]\.le|[Cc]\.so)(?![A-Za-z])", _abbreviation),
    (rf"(?:[{_LETTER}]\.){{2,}}(?:[{_LETTER}]\b)?", initials),
    (rf"[{_LETTER}]+(?:'[{_LETTER}]+)*'?", _word),
)
WRITING = Writing(
    language=ITALIAN,
    patterns=patterns(_PATTERNS),
    symbols=_SYMBOLS,
    address={".": "punto", "-": "trattino", ":": "due punti"},
    digits=digits,
    spelt=_spelt,
    joint="e",
    kept="ÀÈÉÌÍÒÓÙÚàèéìíòóùúºª²³",
)
"""How Italian is written."""

assert set("ABCDEFGHIJKLMNOPQRSTUVWXYZ") <= set(LETTERS)
