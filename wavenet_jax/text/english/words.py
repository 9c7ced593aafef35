"""Pronunciations of English words: the package's lexicon, and what is made or guessed of words outside it."""

import functools
import lzma
from collections.abc import Mapping
from importlib.resources import files

from wavenet_jax.text.english.guess import guess

LEXICON, GUESSES = "english.tsv.xz", "guesses.tsv.xz"
"""Files of the package: words and phones, see ``build_lexicon``."""

Phones = tuple[str, ...]
Own = Mapping[str, Phones]

_LETTERS = {
    **{"A": "EY1", "B": "B IY1", "C": "S IY1", "D": "D IY1", "E": "IY1", "F": "EH1 F", "G": "JH IY1", "H": "EY1 CH"},
    **{"I": "AY1", "J": "JH EY1", "K": "K EY1", "L": "EH1 L", "M": "EH1 M", "N": "EH1 N", "O": "OW1", "P": "P IY1"},
    **{"Q": "K Y UW1", "R": "AA1 R", "S": "EH1 S", "T": "T IY1", "U": "Y UW1", "V": "V IY1"},
    **{"W": "D AH1 B AH0 L Y UW0", "X": "EH1 K S", "Y": "W AY1", "Z": "Z IY1"},
}
_VOICELESS, _SIBILANT = frozenset("P T K F TH".split()), frozenset("S Z SH ZH CH JH".split())
_PREFIXES = "non", "un", "re", "pre", "anti", "multi", "micro", "mega", "super", "over", "under", "inter"


def knows(word: str) -> bool:
    """Tells whether a word in lower case has an entry."""
    return word in _entries()


def readings(word: str, own: Own) -> dict[str, Phones]:
    """Returns the pronunciations of a word by part of speech, the usual one first; at least one.

    Args:
      word: in lower case; upper case marks a spelled letter.
      own: pronunciations that take precedence.
    """
    if word in own:
        return {"": own[word]}
    entry = _entries().get(word)
    if entry is None:
        return {"": _made(word, own)}
    if "=" not in entry:
        return {"": tuple(entry.split())}
    return {role: tuple(phones.split()) for role, _, phones in (part.partition("=") for part in entry.split("|"))}


def _usual(word: str, own: Own) -> Phones | None:
    """Returns the usual pronunciation of a word in the lexicon; None for other words."""
    return next(iter(readings(word, own).values())) if word in own or knows(word) else None


def _made(word: str, own: Own) -> Phones:
    """Builds a pronunciation from parts in the lexicon, or else from the letters."""
    if word[:1].isupper():
        letter = own.get(word[0]) or tuple(_LETTERS[word[0]].split())
        return letter + (_plural_of(letter) if word[1:] else ())
    for ending, made in (("'s", _plural_of), ("s", _plural_of), ("s'", _plural_of), ("ed", _past_of)):
        stem = word.removesuffix(ending)
        if stem != word and len(stem) > 2 and (phones := _usual(stem, own)):
            return phones + made(phones)
    if word.endswith("ing") and (phones := _usual(word[:-3], own) or _usual(word[:-3] + "e", own)):
        return (*phones, "IH0", "NG")
    for prefix in _PREFIXES:
        rest = word.removeprefix(prefix)
        if rest != word and len(rest) > 3 and (before := _usual(prefix, own)) and (phones := _usual(rest, own)):
            return _unstressed(before) + phones
    for cut in range(len(word) - 4, 3, -1):  # compounds, as answering + machine
        if (before := _usual(word[:cut], own)) and (after := _usual(word[cut:], own)):
            return before + _unstressed(after)
    letters = "".join(letter for letter in word if letter.isascii() and letter.isalpha())
    return guess(letters, _guesses()) or tuple(phone for c in letters.upper() for phone in _LETTERS[c].split())


@functools.cache
def _entries() -> dict[str, str]:
    return _table(LEXICON)


@functools.cache
def _guesses() -> dict[str, str]:
    return _table(GUESSES)


def _table(name: str) -> dict[str, str]:
    text = lzma.decompress(files("wavenet_jax.text").joinpath(name).read_bytes()).decode()
    return dict(line.split("\t") for line in text.splitlines())


def _plural_of(phones: Phones) -> Phones:
    last = phones[-1]
    return ("IH0", "Z") if last in _SIBILANT else ("S",) if last in _VOICELESS else ("Z",)


def _past_of(phones: Phones) -> Phones:
    last = phones[-1]
    return ("IH0", "D") if last in ("T", "D") else ("T",) if last in _VOICELESS | _SIBILANT - {"Z", "JH"} else ("D",)


def _unstressed(phones: Phones) -> Phones:
    return tuple(phone.replace("1", "2") for phone in phones)
