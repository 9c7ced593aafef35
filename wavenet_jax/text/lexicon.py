"""Pronunciations by word: the package's, and a user's file that overrides them."""

import functools
import lzma
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from wavenet_jax.audio.files import show
from wavenet_jax.text.guess import guess
from wavenet_jax.text.phones import parse_phones

LEXICON, GUESSES = "english.tsv.xz", "guesses.tsv.xz"
"""Files of the package: words and phones, see ``build_lexicon``."""

Phones = tuple[str, ...]

_LETTERS = {
    **{"A": "EY1", "B": "B IY1", "C": "S IY1", "D": "D IY1", "E": "IY1", "F": "EH1 F", "G": "JH IY1", "H": "EY1 CH"},
    **{"I": "AY1", "J": "JH EY1", "K": "K EY1", "L": "EH1 L", "M": "EH1 M", "N": "EH1 N", "O": "OW1", "P": "P IY1"},
    **{"Q": "K Y UW1", "R": "AA1 R", "S": "EH1 S", "T": "T IY1", "U": "Y UW1", "V": "V IY1"},
    **{"W": "D AH1 B AH0 L Y UW0", "X": "EH1 K S", "Y": "W AY1", "Z": "Z IY1"},
}
_VOICELESS, _SIBILANT = frozenset("P T K F TH".split()), frozenset("S Z SH ZH CH JH".split())
_PREFIXES = "non", "un", "re", "pre", "anti", "multi", "micro", "mega", "super", "over", "under", "inter"


class Lexicon:
    """Pronounces words, guessing those that it lacks."""

    def __init__(self, own: Mapping[str, Phones] | None = None) -> None:
        """
        Args:
          own: pronunciations that take precedence, by word in lower case; upper case marks spelled letters.
        """
        self.own = dict(own or {})

    def knows(self, word: str) -> bool:
        """Tells whether a word in lower case has an entry."""
        return word in self.own or word in _entries()

    def readings(self, word: str) -> dict[str, Phones]:
        """Returns the pronunciations of a word by part of speech, the usual one first; at least one."""
        if word in self.own:
            return {"": self.own[word]}
        entry = _entries().get(word)
        if entry is None:
            return {"": self._made(word)}
        if "=" not in entry:
            return {"": tuple(entry.split())}
        return {role: tuple(phones.split()) for role, _, phones in (part.partition("=") for part in entry.split("|"))}

    def _usual(self, word: str) -> Phones | None:
        """Returns the usual pronunciation of a word in the lexicon; None for other words."""
        return next(iter(self.readings(word).values())) if self.knows(word) else None

    def _made(self, word: str) -> Phones:
        """Builds a pronunciation from parts in the lexicon, or else from the letters."""
        if word[:1].isupper():
            letter = self.own.get(word[0]) or tuple(_LETTERS[word[0]].split())
            return letter + (_plural_of(letter) if word[1:] else ())
        for ending, made in (("'s", _plural_of), ("s", _plural_of), ("s'", _plural_of), ("ed", _past_of)):
            stem = word.removesuffix(ending)
            if stem != word and len(stem) > 2 and (phones := self._usual(stem)):
                return phones + made(phones)
        if word.endswith("ing") and (phones := self._usual(word[:-3]) or self._usual(word[:-3] + "e")):
            return (*phones, "IH0", "NG")
        for prefix in _PREFIXES:
            rest = word.removeprefix(prefix)
            if rest != word and len(rest) > 3 and (before := self._usual(prefix)) and (phones := self._usual(rest)):
                return _unstressed(before) + phones
        for cut in range(len(word) - 4, 3, -1):  # compounds, as answering + machine
            if (before := self._usual(word[:cut])) and (after := self._usual(word[cut:])):
                return before + _unstressed(after)
        letters = "".join(letter for letter in word if letter.isascii() and letter.isalpha())
        return guess(letters, _guesses()) or tuple(phone for c in letters.upper() for phone in _LETTERS[c].split())


def read_lexicon(path: Path) -> dict[str, Phones]:
    """Reads a file of pronunciations: a word, a tab or blanks, and its phones on each line; ``#`` begins a comment.

    Raises:
      ValueError: it cannot be read, or a line is malformed; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"lexicon {show(str(path))} is not UTF-8 text; save it as such") from None
    except OSError as error:
        raise ValueError(f"lexicon {show(str(path))} cannot be read: {error.strerror}; check its name") from None
    entries: dict[str, Phones] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        word, *phones = line.partition("#")[0].split(maxsplit=1)[:2] or [""]
        if not word:
            continue
        try:
            entries[word if len(word) == 1 else word.lower()] = parse_phones(phones[0] if phones else "")
        except ValueError as error:
            raise ValueError(f"lexicon {show(str(path))}, line {number}: {error}") from None
    return entries


@functools.cache
def _entries() -> dict[str, str]:
    return _table(LEXICON)


@functools.cache
def _guesses() -> dict[str, str]:
    return _table(GUESSES)


def _table(name: str) -> dict[str, str]:
    text = lzma.decompress(files(__package__).joinpath(name).read_bytes()).decode()
    return dict(line.split("\t") for line in text.splitlines())


def _plural_of(phones: Phones) -> Phones:
    last = phones[-1]
    return ("IH0", "Z") if last in _SIBILANT else ("S",) if last in _VOICELESS else ("Z",)


def _past_of(phones: Phones) -> Phones:
    last = phones[-1]
    return ("IH0", "D") if last in ("T", "D") else ("T",) if last in _VOICELESS | _SIBILANT - {"Z", "JH"} else ("D",)


def _unstressed(phones: Phones) -> Phones:
    return tuple(phone.replace("1", "2") for phone in phones)
