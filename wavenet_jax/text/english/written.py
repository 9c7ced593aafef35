"""Written English: numbers, times, dates, money, abbreviations, symbols."""

import re
import unicodedata

from wavenet_jax.text.actions import abbreviation, dotted, pause_at_end, said, say_in_pieces
from wavenet_jax.text.english.numbers import cardinal, decimal, digits, ordinal, plural, year
from wavenet_jax.text.languages import ENGLISH
from wavenet_jax.text.phones import PAUSE_MARKS
from wavenet_jax.text.written import (
    LONGEST_WORD,
    Action,
    Reader,
    Token,
    Writing,
    alternatives,
    patterns,
    roman,
    silent,
)

_MONTHS = "january february march april may june july august september october november december".split()
_ABBREVIATED_MONTHS = {month[:3]: month for month in _MONTHS} | {"sept": "september"}
_UNITS = {
    **{"km": "kilometer", "m": "meter", "cm": "centimeter", "mm": "millimeter", "nm": "nanometer", "µm": "micrometer"},
    **{"kg": "kilogram", "g": "gram", "mg": "milligram", "t": "ton", "lb": "pound", "lbs": "pound", "oz": "ounce"},
    **{"ft": "foot", "in": "inch", "yd": "yard", "mi": "mile", "mph": "mile per hour", "kph": "kilometer per hour"},
    **{"km/h": "kilometer per hour", "m/s": "meter per second", "l": "liter", "ml": "milliliter", "cl": "centiliter"},
    **{"s": "second", "sec": "second", "ms": "millisecond", "µs": "microsecond", "ns": "nanosecond", "min": "minute"},
    **{"h": "hour", "hr": "hour", "hrs": "hour", "Hz": "hertz", "kHz": "kilohertz", "MHz": "megahertz"},
    **{"GHz": "gigahertz", "B": "byte", "kB": "kilobyte", "KB": "kilobyte", "MB": "megabyte", "GB": "gigabyte"},
    **{"kB/s": "kilobyte per second", "MB/s": "megabyte per second", "GB/s": "gigabyte per second"},
    **{"TB": "terabyte", "MiB": "mebibyte", "GiB": "gibibyte", "kbps": "kilobit per second"},
    **{"Mbps": "megabit per second", "Gbps": "gigabit per second", "dB": "decibel", "V": "volt", "W": "watt"},
    **{"kW": "kilowatt", "mW": "milliwatt", "kWh": "kilowatt hour", "A": "ampere", "mA": "milliampere", "°": "degree"},
    **{"°C": "degree celsius", "°F": "degree fahrenheit", "K": "thousand", "k": "thousand", "M": "million"},
    **{"sq ft": "square foot", "m²": "square meter", "m2": "square meter", "km²": "square kilometer"},
    **{"m³": "cubic meter", "m3": "cubic meter", "%": "percent", "¢": "cent", "x": "times"},
}
_WITHOUT_PLURAL = {"hertz", "kilohertz", "megahertz", "gigahertz", "thousand", "million", "percent", "times"}
_MONEY = {"$": ("dollar", "cent"), "£": ("pound", "penny"), "€": ("euro", "cent"), "¥": ("yen", ""), "₹": ("rupee", "")}
_IRREGULAR = {"foot": "feet", "penny": "pence", "yen": "yen", "inch": "inches"}
_ABBREVIATIONS = {
    **{"mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor", "rev": "reverend"},
    **{"jr": "junior", "sr": "senior", "gen": "general", "sgt": "sergeant", "capt": "captain", "lt": "lieutenant"},
    **{"col": "colonel", "sen": "senator", "gov": "governor", "pres": "president", "hon": "honorable"},
    **{"ave": "avenue", "blvd": "boulevard", "rd": "road", "ln": "lane", "hwy": "highway", "apt": "apartment"},
    **{"mt": "mount", "inc": "incorporated", "ltd": "limited", "corp": "corporation", "dept": "department"},
    **{"etc": "et cetera", "vs": "versus", "approx": "approximately", "est": "established", "ext": "extension"},
    **{"fig": "figure", "vol": "volume", "pp": "pages", "ed": "edition", "min": "minimum", "max": "maximum"},
    **{"tel": "telephone", "pt": "part"},
    **{"e.g": "for example", "i.e": "that is", "a.k.a": "also known as", "cf": "compare", "al": "al"},
}
_ENDS_SENTENCE = {"etc", "inc", "ltd", "corp", "jr", "sr", "al", "ave", "blvd", "rd", "st"}
"""Abbreviations that a sentence may well end with."""

_DAYS = {
    **{"mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "thu": "thursday"},
    **{"thur": "thursday", "thurs": "thursday", "fri": "friday"},
}
_SYMBOLS = {
    **{"&": "and", "@": "at", "#": "hash", "+": "plus", "=": "equals", "%": "percent", "/": "slash", "\\": "backslash"},
    **{"*": "star", "_": "underscore", "~": "tilde", "^": "caret", "<": "less than", ">": "greater than", "|": "bar"},
    **{"×": "times", "÷": "divided by", "±": "plus or minus", "−": "minus", "≤": "at most", "≥": "at least"},
    **{"°": "degrees", "§": "section", "©": "copyright", "®": "registered", "™": "trademark", "µ": "micro"},
    **{"$": "dollar", "£": "pound", "€": "euro", "¥": "yen", "¢": "cent", "√": "root", "∞": "infinity", "≈": "about"},
    **{"•": "", "·": "", "`": "", "´": "", "¨": "", "→": "to", "←": "from", "ª": "", "º": "", "¬": "not"},
}
_FRACTIONS = {"2": "half", "3": "third", "4": "quarter"}
_SHOUTED = frozenset(
    "the and not yes no you are for all new but his her she him was has had who why how what when with this that from "
    "your our out now one two any can may must will never always only stop do so if in on of to is be at by or as we "
    "he me my up go an am".split()
)
"""Short words that are words even in capitals; other words of two or three capitals are spelled out."""

_ACRONYMS = frozenset("ram rom pin sim gif lan wan zip dos nasa nato".split())
"""Short acronyms that are spoken as words."""

_BY_DIGIT = frozenset("extension ext dial code pin password zip number serial".split())
"""Words after which a number of three digits or more is spoken digit by digit."""

_RULERS = (
    "Henry Louis George Charles Edward Elizabeth William James Richard Philip Napoleon Pius Benedict Paul Francis"
).split()

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_LETTERS = r"[A-Za-z]+(?:'[A-Za-z]+)*'?"


def _spelt(character: str) -> str:
    """Names a character that nothing else fits, as the Unicode standard does."""
    name = unicodedata.name(character, "")
    if name.startswith("CJK"):
        return "ideograph"
    words = re.sub(r"[^A-Z ]", " ", name).lower().split()
    if unicodedata.category(character)[0] == "L":  # as HIRAGANA LETTER KA
        return words[-1][:LONGEST_WORD] if words else "letter"
    return " ".join(word[:LONGEST_WORD] for word in words[:6]) or "symbol"


def _iso_date(reader: Reader, match: re.Match) -> None:
    _date(reader, int(match[2]), int(match[3]), int(match[1]))


def _slashed_date(reader: Reader, match: re.Match) -> None:
    month, day, number = (int(group) for group in match.groups())
    if month > 12 >= day:  # day first, as outside the United States
        month, day = day, month
    _date(reader, month, day, number + (0 if number > 99 else 2000 if number < 50 else 1900))


def _date(reader: Reader, month: int, day: int, number: int) -> None:
    if 1 <= month <= 12 and 1 <= day <= 31:
        reader.say(_MONTHS[month - 1], *ordinal(day), *year(number))
    else:
        reader.say(*digits(str(month)), "slash", *digits(str(day)), "slash", *digits(str(number)))


def _month_and_day(reader: Reader, match: re.Match) -> None:
    month = match[1].lower().rstrip(".")
    reader.say(_ABBREVIATED_MONTHS.get(month, month), *ordinal(int(match[2])))
    if match[3]:
        reader.say(*year(int(match[3])))


def _time(reader: Reader, match: re.Match) -> None:
    hour, minute, second, half = int(match[1]), match[2], match[3], match[4]
    reader.say(*cardinal(hour))
    if int(minute):
        reader.say(*(["oh", *digits(minute[1])] if minute[0] == "0" else cardinal(int(minute))))
    elif not half and not second:
        reader.say("o'clock" if 0 < hour <= 12 else "hundred")
    if second:
        reader.say("and", *cardinal(int(second)), "second" if int(second) == 1 else "seconds")
    if half:
        reader.say(half[0].upper(), "M")


def _hour(reader: Reader, match: re.Match) -> None:
    reader.say(*cardinal(int(match[1])), match[2][0].upper(), "M")


def _telephone(reader: Reader, match: re.Match) -> None:
    groups = re.findall(r"\d+", match[0])
    if match[0].startswith("+"):
        reader.say("plus")
    for number, group in enumerate(groups):
        if number:
            reader.pause()
        hundreds = group in ("800", "900")
        reader.say(*(cardinal(int(group)) if hundreds else digits(group)))


def _money(reader: Reader, match: re.Match) -> None:
    symbol, number, scale = match["before"] or match["after"], match["number"], match["scale"]
    unit, cent = _MONEY[symbol]
    whole, _, fraction = number.replace(",", "").partition(".")
    if match["minus"]:
        reader.say("minus")
    if scale or len(fraction) not in (0, 2) or not cent:
        reader.say(*decimal(number.replace(",", "")), (scale or "").lower(), _several(unit))
        return
    if int(whole or 0) or not int(fraction or 0):
        reader.say(*decimal(whole or "0"), unit if whole == "1" else _several(unit))
    if int(fraction or 0):
        reader.say(*cardinal(int(fraction)), cent if int(fraction) == 1 else _several(cent))


def _ordinal(reader: Reader, match: re.Match) -> None:
    number = int(match[1].replace(",", ""))
    reader.say(*(ordinal(number) if 0 < number < 10**15 else digits(str(number))))


def _decade(reader: Reader, match: re.Match) -> None:
    number = int(match[1])
    reader.say(*plural(year(number)) if number > 99 else plural(cardinal(number) if number else ["hundred"]))


def _fraction(reader: Reader, match: re.Match) -> None:
    above, below = match[1], match[2]
    if (above == "24" and below == "7") or int(above) >= int(below) or int(below) > 20 or below == "1":
        reader.say(*decimal(above), *([] if above == "24" else ["over"]), *decimal(below))
        return
    part = [_FRACTIONS[below]] if below in _FRACTIONS else ordinal(int(below))
    several = ["halves"] if part == ["half"] else plural(part)
    reader.say(*cardinal(int(above)), *(part if above == "1" else several))


def _measure(reader: Reader, match: re.Match) -> None:
    number = match["number"].replace(",", "")
    words = _UNITS[match["unit"]].split()
    if match["minus"]:
        reader.say("minus")
    if number != "1" and words[0] not in _WITHOUT_PLURAL:
        place = 1 if words[0] in ("square", "cubic") or words[1:] == ["hour"] else 0
        words[place] = _several(words[place])
    reader.say(*decimal(number), *words)


def _power(reader: Reader, match: re.Match) -> None:
    sign = ["minus"] if match[2] == "-" else []
    reader.say(*decimal(match[1]), "times ten to the", *sign, *cardinal(min(int(match[3]), 10**15)))


def _number(reader: Reader, match: re.Match) -> None:
    text = match["number"]
    if match["minus"]:
        reader.say("minus")
    plain = text.replace(",", "")
    if plain.isdigit() and len(plain) >= 3 and reader.last in _BY_DIGIT:
        reader.say(*digits(plain))
    elif len(text) == 4 and text.isdigit() and 1100 <= int(text) <= 2099 and int(text) % 1000:
        reader.say(*year(int(text)))
    else:
        reader.say(*decimal(plain))


def _range(reader: Reader, match: re.Match) -> None:
    for number, text in enumerate((match[1], match[2])):
        reader.say(*(["to"] if number else []))
        years = len(text) == 4 and 1100 <= int(text) <= 2099
        reader.say(*(year(int(text)) if years else decimal(text)))


def _saint_or_street(reader: Reader, match: re.Match) -> None:
    before, after = match.string[: match.start()].rstrip(), match.string[match.end() :].lstrip()
    word = re.search(r"([A-Za-z']+|\d+(?:st|nd|rd|th))$", before)
    of_a_street = word is not None and (word[0][0].isupper() or word[0][0].isdigit())
    saint = after[:1].isupper() and not (of_a_street and before[-1:] != "," and not after)
    reader.say("saint" if saint and not (of_a_street and re.match(r"[A-Z][a-z]* (?:St|Ave)", after)) else "street")
    if not after and match[0].endswith("."):
        reader.pause(".")


def _ruler(reader: Reader, match: re.Match) -> None:
    number = roman(match[2])
    reader.say(match[1].lower(), *(["the", *ordinal(number)] if number else match[2]))


def _initials(reader: Reader, match: re.Match) -> None:
    letters = re.findall("[A-Za-z]", match[0].removesuffix("'s"))
    reader.say(*(letter.upper() for letter in letters))
    if match[0].endswith("'s"):
        reader.tokens[-1] = Token(reader.last + "'s")
    pause_at_end(reader, match)


def _word(reader: Reader, match: re.Match) -> None:
    text = match[0].rstrip("'") if not reader.in_lexicon(match[0].lower()) else match[0]
    lower = text.lower()
    if text in ("I", "A", "a"):
        reader.say("A" if text == "A" and _is_letter(reader, match) else lower)
    elif len(text) == 1:
        reader.say(text.upper())
    elif text.isupper() and (number := roman(text)) and len(text) > 1 and not reader.in_lexicon(lower):
        reader.say(*cardinal(number))
    elif _is_spelt(reader, text, match):
        *letters, last = text.removesuffix("'s").removesuffix("'S").removesuffix("s")
        ending = text[len(letters) + 1 :].lower()
        reader.say(*letters, last + ("'s" if ending else ""))
    elif reader.in_lexicon(lower) or lower == text or text.istitle() or "'" in text or text.isupper():
        say_in_pieces(reader, lower)
    else:  # iPhone, YouTube
        for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text):
            if len(part) > 1 and (not part.isupper() or reader.in_lexicon(part.lower())):
                reader.say(part.lower()[:LONGEST_WORD])
            else:
                reader.say(*part.upper()[:LONGEST_WORD])


def _is_letter(reader: Reader, match: re.Match) -> bool:
    """Tells whether "A" is a letter, as in plan A, and not the article of a sentence's first words or of capitals."""
    after = re.match(r"\s+([A-Za-z]+)", match.string[match.end() :])
    first = not reader.tokens or reader.last in PAUSE_MARKS
    return after is None or (len(after[1]) == 1) or (not first and not after[1].isupper())


def _is_spelt(reader: Reader, text: str, match: re.Match) -> bool:
    """Tells whether a word in capitals is spelled out: PBX, but neither NASA nor shouted words."""
    capitals = re.fullmatch(r"([A-Z]{2,6})(?:s|'s|'S)?", text)
    if capitals is None:
        return False
    word = capitals[1].lower()
    if word in _ACRONYMS or text.lower() in _SHOUTED or (text.isupper() and _is_shouting(reader, match)):
        return False
    if len(word) <= 3:
        return True
    return not reader.in_lexicon(word) and (len(word) <= 5 or not re.search("[aeiou]", word))


def _is_shouting(reader: Reader, match: re.Match) -> bool:
    """Tells whether a word in capitals has a neighbour in capitals that is a word."""
    before = re.search(r"([A-Z]{2,})[^A-Za-z]*$", match.string[max(0, match.start() - 40) : match.start()])
    after = re.match(r"[^A-Za-z]*([A-Z]{2,})(?![a-z])", match.string[match.end() : match.end() + 40])
    near = [found[1].lower() for found in (before, after) if found]
    return reader.in_lexicon(match[0].lower()) and any(
        word in _SHOUTED or (len(word) > 3 and reader.in_lexicon(word)) for word in near
    )


def _several(unit: str) -> str:
    return _IRREGULAR.get(unit, f"{unit}s")


_UNIT = alternatives(_UNITS)
_MONTH = "|".join([*(month.title() for month in _MONTHS), *(f"{short.title()}\\.?" for short in _ABBREVIATED_MONTHS)])
_ALTERNATIVES_OF_RULERS = "|".join(_RULERS)
_HALF = r"([AaPp])\.?[Mm]\b\.?"
_SHORT = alternatives([*_ABBREVIATIONS, *(name.title() for name in _ABBREVIATIONS)])
_abbreviation = abbreviation({**_ABBREVIATED_MONTHS, **_DAYS, **_ABBREVIATIONS}, _ENDS_SENTENCE)
_PATTERNS: tuple[tuple[str, Action], ...] = (
    (r"(\d{4})-(\d{1,2})-(\d{1,2})(?![\d-])", _iso_date),
    (r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?![\d/])", _slashed_date),
    (rf"({_MONTH}) (\d{{1,2}})(?:st|nd|rd|th)?(?![\d:/.]\d|\d)(?:,? (\d{{4}})(?!\d))?", _month_and_day),
    (rf"(\d{{1,2}}):([0-5]\d)(?::([0-5]\d))?(?:\s?{_HALF})?(?![:\d])", _time),
    (rf"(\d{{1,2}})\s?{_HALF}", _hour),
    (r"(?:\+?\d{1,2}[-. ])?(?:\(\d{3}\)\s?|\d{3}[-. ])\d{3}[-.]\d{4}(?![\d-])|\d{3}-\d{4}(?![\d-])", _telephone),
    (r"\+\d{1,3}(?:[- ]\d{2,4}){2,5}(?!\d)", _telephone),
    (
        rf"(?P<minus>(?<![\w-])[-−])?(?P<before>[$£€¥₹])(?P<number>{_NUMBER})(?:\s?(?P<scale>thousand|million|billion|trillion)\b)?"
        r"(?P<after>(?!))?",
        _money,
    ),
    (
        rf"(?P<minus>(?<![\w-])[-−])?(?P<before>(?!))?(?P<number>{_NUMBER})\s?(?P<scale>(?!))?(?P<after>[£€¥])",
        _money,
    ),
    (r"(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b", _ordinal),
    (r"'?(\d{2}|\d{4})'?s\b", _decade),
    (r"(\d{1,3})/(\d{1,3})(?![\d/])", _fraction),
    (r"(\d+(?:\.\d+)?)[eE]([-+]?)(\d{1,3})\b", _power),
    (r"\d+(?:\.\d+){2,}", dotted(decimal)),
    (
        rf"(?P<minus>(?<![\w-])[-−])?(?<![A-Za-z])(?P<number>{_NUMBER})\s?(?P<unit>{_UNIT})(?![A-Za-z\d²³])"
        r"(?:\.(?=\s+[a-z]))?",
        _measure,
    ),
    (r"(\d{1,4})\s?[-–]\s?(\d{1,4})(?![-\d])", _range),
    (rf"(?P<minus>(?<![\w-])[-−])?(?P<number>{_NUMBER})", _number),
    (r"St\.?(?![A-Za-z])", _saint_or_street),
    (r"No\.(?=\s?\d)|№|#(?=\d)", said("number")),
    (rf"({_ALTERNATIVES_OF_RULERS}) ([IVX]+)\b", _ruler),
    (r"T(?=\d\d:)|(?<=[a-z])/(?=[a-z])", silent),
    (r"([Ee]\.g|[Ii]\.e|[Aa]\.k\.a)\.", _abbreviation),
    (rf"({_SHORT})\.(?![A-Za-z])", _abbreviation),
    (r"(Mr|Mrs|Ms|Dr|Prof)(?= [A-Z])", _abbreviation),
    (rf"({alternatives([n.title() for n in (*_DAYS, *_ABBREVIATED_MONTHS) if n != 'may'])})\.", _abbreviation),
    (r"(?:[A-Za-z]\.){2,}(?:[A-Za-z]\b)?(?:'s)?", _initials),
    (_LETTERS, _word),
)
WRITING = Writing(
    language=ENGLISH,
    patterns=patterns(_PATTERNS),
    symbols=_SYMBOLS,
    address={".": "dot", "-": "dash", ":": "colon"},
    digits=digits,
    spelt=_spelt,
    joint="and",
    kept="²³",
)
"""How English is written."""
