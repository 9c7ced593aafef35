"""From written text to words: what the languages have in common.

A language's table of patterns (``Writing.patterns``) reads a text from left to right; at each place, the first match
decides what is spoken. Markup is not interpreted: what looks like a tag is left out.
"""

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from wavenet_jax.text.languages import Language
from wavenet_jax.text.phones import PAUSE_MARKS, parse_phones

LONGEST_WORD = 30
"""Most letters of a word; longer ones are spoken in pieces."""


class Token(NamedTuple):
    """A word to speak, or one of ``PAUSE_MARKS``."""

    text: str
    """In lower case; a spelled letter is in upper case."""
    phones: tuple[str, ...] = ()
    """Phones that the text itself gives, if any."""


Action = Callable[["Reader", re.Match], None]
"""Speaks what a pattern has found."""


@dataclass(frozen=True)
class Writing:
    """How a language is written."""

    language: Language
    patterns: Sequence[tuple[re.Pattern, Action]]
    symbols: Mapping[str, str]
    """Words for characters that no pattern fits; nothing for those that are silent."""
    address: Mapping[str, str]
    """Words for the marks of a web or mail address that are none of its ``symbols``."""
    digits: Callable[[str], list[str]]
    """Names each digit."""
    spelt: Callable[[str], str]
    """Names a character that nothing else fits."""
    joint: str
    """The word between a number and a fraction: and."""
    kept: str
    """Characters that stay as they are: letters with their accents, and raised signs."""


class Reader:
    """Reads one sentence, and keeps the context that the patterns look at."""

    def __init__(self, writing: Writing, in_lexicon: Callable[[str], bool]) -> None:
        self.writing, self.in_lexicon = writing, in_lexicon
        self.tokens: list[Token] = []

    @property
    def last(self) -> str:
        """Returns the previous word, or the empty string."""
        return self.tokens[-1].text if self.tokens else ""

    def say(self, *words: str) -> None:
        for text in words:
            self.tokens += [Token(word) for word in text.split()]

    def pause(self, mark: str = ",") -> None:
        self.tokens.append(Token(mark))


def words_of(text: str, writing: Writing, in_lexicon: Callable[[str], bool]) -> list[Token]:
    """Reads a piece of text, such as a sentence: its words and pauses.

    Args:
      text: of any characters, a few hundred at most.
      writing: of its language.
      in_lexicon: tells whether a word in lower case is in the lexicon.

    Raises:
      ValueError: a name in curly brackets is not a phone.
    """
    reader = Reader(writing, in_lexicon)
    text = _plain(text, writing)
    place = 0
    while place < len(text):
        for pattern, action in writing.patterns:
            match = pattern.match(text, place)
            if match and match.end() > place:
                action(reader, match)
                place = match.end()
                break
        else:
            _say_other(reader, text[place])
            place += 1
    return reader.tokens


def _plain(text: str, writing: Writing) -> str:
    """Removes accents that the language lacks, converts digits of other scripts to ASCII, and replaces unprintable
    characters by blanks."""
    text = re.sub("([0-9])([¼½¾⅓⅔⅛])", rf"\1 {writing.joint} \2", text)
    aside = {ord(character): sign for character, sign in _ASIDE.items() if character in writing.kept}
    text = unicodedata.normalize("NFKC", text.translate(aside)).translate(_LATIN)
    text = text.translate(_PUT_BACK).replace("μ", "µ")
    return "".join(map(_plain_character, _letters(text, writing.kept)))


def _letters(text: str, kept: str) -> Iterator[str]:
    """Yields the characters of a text, their accents by themselves where they are not kept."""
    for character in text:
        if character in kept:
            yield character
        else:
            yield from unicodedata.normalize("NFD", character)


def _plain_character(character: str) -> str:
    if character.isascii():
        return character if character.isprintable() else " "
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf"):
        return ""
    if category[0] in "CZ":
        return " "
    if category == "Nd":
        return str(unicodedata.digit(character))
    return character


def _say_other(reader: Reader, character: str) -> None:
    """Speaks a character that no pattern fits: by its meaning, or by its name."""
    if character in PAUSES:
        reader.pause(PAUSES[character])
    elif character in reader.writing.symbols:
        reader.say(reader.writing.symbols[character])
    elif unicodedata.category(character)[0] == "P":
        reader.pause()
    else:
        reader.say(reader.writing.spelt(character))


def roman(text: str) -> int | None:
    """Reads a Roman numeral up to 89; returns None for other text."""
    values = [_ROMAN.get(letter, 0) for letter in text]
    total = sum(-a if a < b else a for a, b in zip(values, [*values[1:], 0], strict=True))
    return total if 0 < total < 90 and "".join(_written_roman(total)) == text else None


def _written_roman(number: int) -> Iterator[str]:
    for value, letters in ((50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")):
        while number >= value:
            number -= value
            yield letters


def alternatives(names: Collection[str]) -> str:
    """Returns a pattern of any of the names, the longest that fits."""
    return "|".join(map(re.escape, sorted(names, key=len, reverse=True)))


def parsed_number(text: str) -> str:
    """Reads a number with marks between its thousands or before its fraction: digits, and the mark of the fraction.

    Of both marks, the last one is before the fraction; one alone with three digits after it divides thousands, since
    writers of a language that has spread do not agree on which mark does.
    """
    marks = [character for character in text if character in ".,"]
    if not marks:
        return text
    whole, _, rest = text.rpartition(marks[-1])
    plain = whole.replace(".", "").replace(",", "")
    once = marks.count(marks[-1]) == 1
    groups = re.fullmatch(r"[1-9]\d{0,2}(?:[.,]\d{3})*", text) is not None
    if len(set(marks)) == 1 and groups:
        return plain + rest
    return f"{plain}{marks[-1]}{rest}" if once else plain + rest


def latin_name(character: str, ideograph: str, letter: str, sign: str) -> str:
    """Names a character for a language that does not read the English names of the Unicode standard.

    Args:
      character: a letter of another script, or a sign.
      ideograph: what Chinese characters are called.
      letter: what a letter without a name is called.
      sign: what anything else is called, such as a picture.
    """
    name = unicodedata.name(character, "")
    if name.startswith("CJK"):
        return ideograph
    if unicodedata.category(character)[0] == "L":  # as HIRAGANA LETTER KA
        words = re.sub(r"[^A-Z ]", " ", name).lower().split()
        return words[-1][:LONGEST_WORD] if words else letter
    return sign


def silent(reader: Reader, match: re.Match) -> None:
    """Leaves out what is found."""


def _phones(reader: Reader, match: re.Match) -> None:
    reader.tokens.append(Token(match[0], parse_phones(match[1], reader.writing.language)))


def _address(reader: Reader, match: re.Match) -> None:
    """Speaks a web or mail address: names as words, dots and slashes by name."""
    text = match[0].rstrip(".,;:!?)\"'")
    names = {**reader.writing.symbols, **reader.writing.address}
    for part in re.findall(r"[A-Za-z]+|\d+|[^A-Za-z\d]", re.sub(r"^https?://", "", text)):
        if part.isalpha():
            spelt = not reader.in_lexicon(part.lower()) and len(part) <= 4
            reader.say(*(part.upper() if spelt else [part.lower()]))
        elif part.isdigit():
            reader.say(*reader.writing.digits(part))
        else:
            reader.say(names.get(part, ""))
    if text != match[0]:
        reader.pause(PAUSES.get(match[0][-1], ","))


def _dash(reader: Reader, match: re.Match) -> None:
    reader.pause()


def _ended(reader: Reader, match: re.Match) -> None:
    marks = match[0]
    reader.pause("?" if "?" in marks else "!" if "!" in marks else "," if len(marks) > 1 else ".")


_ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
PAUSES = {
    **dict.fromkeys(",;:()[]{}—–…-，、；：", ","),
    **dict.fromkeys(".。", "."),
    **dict.fromkeys("!¡！", "!"),
    **dict.fromkeys("?¿？", "?"),
}
"""The mark that a character of punctuation stands for."""

_LATIN = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D",
     "þ": "th", "Þ": "Th", "ð": "d", "ı": "i", "’": "'", "‘": "'", "ʼ": "'", "＇": "'", "“": '"', "”": '"', "„": '"',
     "«": '"', "»": '"', "‐": "-", "‑": "-", "⁄": "/"}
)  # fmt: skip
_ASIDE = {"²": "\ue002", "³": "\ue003", "º": "\ue004", "ª": "\ue005"}
"""Characters that normalisation would turn into plain digits and letters."""

_PUT_BACK = str.maketrans({aside: character for character, aside in _ASIDE.items()})


def patterns(table: Sequence[tuple[str, Action]]) -> tuple[tuple[re.Pattern, Action], ...]:
    """Compiles a language's patterns, with those of markup before them and those of marks after them."""
    return tuple((re.compile(pattern), action) for pattern, action in (*_MARKUP, *table, *_MARKS))


_MARKUP: tuple[tuple[str, Action], ...] = (
    (r"\s+", silent),
    (r"\{([^{}]{1,400})\}", _phones),
    (r"</?[A-Za-z!?][^<>]{0,300}>", silent),
    (r"(?:https?://|www\.)\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[A-Za-z][\w-]*\.(?:com|org|net|edu|gov|io)\b", _address),
)
_MARKS: tuple[tuple[str, Action], ...] = (
    (r"[.!?]+(?=\W|$)|\.{2,}", _ended),
    (r"[-–—]{2,}|(?<!\w)[-–—](?!\w)", _dash),
    (r"([^\w\s])\1{2,}", _dash),
    (r"['\"-]", silent),
)
assert set(PAUSES.values()) <= set(PAUSE_MARKS)
