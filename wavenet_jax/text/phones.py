"""The phones that speech is made of: the 39 of the CMU Pronouncing Dictionary (ARPABET), vowels with their stress."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG"),
    *("P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"),
)
PHONES = tuple(sorted(VOWELS + CONSONANTS))
"""The phones without stress, in the order of the alphabet."""

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
    """Of ``PHONES``, vowels with a digit of ``STRESSES``."""
    mark: str = ""
    """One of ``PAUSE_MARKS``, or nothing where the next word follows at once."""


Sentence = tuple[Word, ...]
"""The words between two major pauses; at least one."""


def without_stress(phone: str) -> str:
    """Returns a phone without the digit of its stress."""
    return phone.rstrip("012")


def parse_phones(text: str) -> tuple[str, ...]:
    """Parses phones separated by blanks; a vowel without a digit is unstressed.

    Raises:
      ValueError: one of them is not a phone.
    """
    phones = tuple(_parsed(phone) for phone in text.upper().split())
    if not phones:
        raise ValueError("phones must name at least one phone, as {HH AH0 L OW1}; got none")
    return phones


def phones_as_text(pieces: Iterable[str]) -> Iterator[str]:
    """Converts phones, with ``|`` between words and pause marks, to text with the phones in curly brackets."""
    for piece in pieces:
        yield _RUN.sub(r"{\g<0>}", piece.replace("{", " ").replace("}", " ")).replace("|", " ")


def _parsed(text: str) -> str:
    match = _PHONE.match(text)
    if match and match[1] in VOWELS:
        return match[1] + (match[2] or "0")
    if match and match[1] in CONSONANTS and not match[2]:
        return text
    raise ValueError(f"phones must be of {' '.join(PHONES)}, vowels with their stress 0, 1 or 2; got {text[:20]!r}")


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


_IPA = {
    **{"ɑ": "AA", "æ": "AE", "ə": "AH", "ʌ": "AH", "ɔ": "AO", "aʊ": "AW", "aɪ": "AY", "ɛ": "EH", "ɚ": "ER", "ɝ": "ER"},
    **{"eɪ": "EY", "ɪ": "IH", "i": "IY", "oʊ": "OW", "ɔɪ": "OY", "ʊ": "UH", "u": "UW"},
    **{"b": "B", "t͡ʃ": "CH", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "h": "HH", "d͡ʒ": "JH", "k": "K", "l": "L"},
    **{"m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "s": "S", "ʃ": "SH", "t": "T", "θ": "TH", "v": "V"},
    **{"w": "W", "j": "Y", "z": "Z", "ʒ": "ZH"},
}
_IPA_STRESS = {"ˈ": "1", "ˌ": "2"}


def from_ipa(phone: str) -> str:
    """Converts an American English phone from IPA, preceded by its stress mark, to ARPABET.

    Raises:
      KeyError: it is not a phone of American English.
    """
    stress = _IPA_STRESS.get(phone[:1], "0")
    plain = _IPA[phone.lstrip("ˈˌ")]
    return plain + stress if plain in VOWELS else plain
