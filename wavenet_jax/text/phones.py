"""Words as phones, of the inventory of their language; vowels carry their stress."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wavenet_jax.text.languages import ENGLISH, Language

PHONES = ENGLISH.phones
"""The phones of English without stress."""

STRESSES = ("0", "1", "2")
"""Digits after a vowel: none, primary, secondary."""

PAUSE_MARKS = {",": "minor", ".": "major", "!": "major", "?": "major"}
"""Marks that may follow a word, and the pause that each stands for."""

_RUN = re.compile(r"[A-Za-z0-9]+(?:[ \t]+[A-Za-z0-9]+)*")
_PHONE = re.compile(r"([A-Z]{1,2})([012]?)$")


class Word(NamedTuple):
    """A spoken word, and the pause after it."""

    text: str
    """As it is spoken, in lower case; a letter that is spelt in upper case."""
    phones: tuple[str, ...]
    """Of the language's, vowels with a digit of ``STRESSES``."""
    mark: str = ""
    """One of ``PAUSE_MARKS``, or nothing where the next word follows at once."""


Sentence = tuple[Word, ...]
"""The words between two major pauses; at least one."""


def without_stress(phone: str) -> str:
    """Returns a phone without the digit of its stress."""
    return phone.rstrip("012")


def unstressed(phones: Iterable[str]) -> tuple[str, ...]:
    """Takes the stress from phones."""
    return tuple(phone[:-1] + "0" if phone[-1] in STRESSES else phone for phone in phones)


def parse_phones(text: str, language: Language = ENGLISH) -> tuple[str, ...]:
    """Parses phones separated by blanks; a vowel without a digit is unstressed.

    Raises:
      ValueError: one of them is not a phone of the language.
    """
    phones = tuple(_parsed(phone, language) for phone in text.upper().split())
    if not phones:
        raise ValueError(f"phones must name at least one phone, as {{{language.example}}}; got none")
    return phones


def phones_as_text(pieces: Iterable[str]) -> Iterator[str]:
    """Converts phones, with ``|`` between words and pause marks, to text with the phones in curly brackets."""
    for piece in pieces:
        yield _RUN.sub(r"{\g<0>}", piece.replace("{", " ").replace("}", " ")).replace("|", " ")


def _parsed(text: str, language: Language) -> str:
    match = _PHONE.match(text)
    if match and match[1] in language.vowels:
        return match[1] + (match[2] or "0")
    if match and match[1] in language.consonants and not match[2]:
        return text
    # English is what a text is without a word on its language.
    whose = "" if language == ENGLISH else f" for {language.name}"
    raise ValueError(
        f"phones must be of {' '.join(language.phones)}{whose}, vowels with their stress 0, 1 or 2; got {text[:20]!r}"
    )


def with_one_stress(phones: Iterable[str]) -> tuple[str, ...]:
    """Leaves one primary stress in a word: the first, else on the first stressed vowel, else on the first vowel."""
    result = list(phones)
    vowels = [place for place, phone in enumerate(result) if phone[-1].isdigit()]
    primary = [place for place in vowels if result[place][-1] == "1"]
    secondary = [place for place in vowels if result[place][-1] == "2"]
    for place in primary[1:]:
        result[place] = result[place][:-1] + "2"
    if vowels and not primary:
        place = (secondary or vowels)[0]
        result[place] = result[place][:-1] + "1"
    return tuple(result)
