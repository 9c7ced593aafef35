"""The input of an acoustic model: phones and pauses, each with its place in its word and phrase."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from wavenet_jax.alignment import Alignment, Segment, frames_of
from wavenet_jax.text import ENGLISH, PAUSE_MARKS, STRESSES, Language, Word
from wavenet_jax.text.phones import without_stress

MARKS = ("", *PAUSE_MARKS)
"""What ends a phrase; nothing stands for a pause where no mark is written."""

COLUMNS = 4
"""Columns of ``Symbols.kinds`` before those of classes."""

NUMBERS = 4
"""Columns of ``Symbols.numbers``: the place in the phrase from 0 to 1; words since its start and to its end, in units
of ``_MOST_WORDS``; 1 where the symbol begins the clip."""

_PAUSE = 1
_MOST_WORDS = 6


@dataclass(frozen=True)
class Inventory:
    """What an acoustic model tells apart: the phones of its languages, and classes."""

    languages: tuple[Language, ...] = (ENGLISH,)
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The names of the classes by family."""

    @property
    def phones(self) -> tuple[str, ...]:
        """The phones without stress, in the order of the alphabet; those of one name are one, in all languages."""
        return tuple(sorted({phone for language in self.languages for phone in language.phones}))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of values of each column of ``Symbols.kinds``.

        They are: nothing, a pause, or the phone; no stress, or which; the place in the word (pause, first, inside,
        last, the only one); the mark at the end of the phrase; and of each family, no class, or which.
        """
        classes = (1 + len(names) for names in self.families.values())
        return 2 + len(self.phones), 1 + len(STRESSES), 5, len(MARKS), *classes


class Symbols(NamedTuple):
    """P phones and pauses, in order; the first and the last are pauses, as are the marks between words."""

    kinds: np.ndarray  # [P, COLUMNS + families] int32
    numbers: np.ndarray  # [P, NUMBERS] float32


_ENGLISH = Inventory()


class _Symbol(NamedTuple):
    kinds: tuple[int, ...]
    word: int  # in its phrase; of a pause, the last one
    first: bool = False


def symbols_of(words: Sequence[Word], inventory: Inventory = _ENGLISH, classes: Sequence[int] = ()) -> Symbols:
    """Describes words, with a pause at the start, at each mark and at the end.

    Args:
      words: with their phones.
      inventory: of the model.
      classes: the id of the class of each family.

    Raises:
      ValueError: the words are of another language.
    """
    return _symbols([(word.mark, list(word.phones)) for word in words], inventory, classes)[0]


def aligned_symbols(
    alignment: Alignment, hop_seconds: float, count: int, inventory: Inventory = _ENGLISH, classes: Sequence[int] = ()
) -> tuple[Symbols, np.ndarray]:
    """Describes an aligned clip of F frames: the symbols, and how many frames each has, ``[P]`` int32, F in all.

    Args:
      alignment: its words, and when they are said.
      hop_seconds: length of a frame.
      count: F.
      inventory: of the model.
      classes: the id of the clip's class of each family.

    Raises:
      ValueError: its words are of another language.
    """
    spans = frames_of(alignment.segments, hop_seconds, count)
    lengths = dict(enumerate((spans[:, 1] - spans[:, 0]).tolist()))
    pauses: dict[int, int] = {}  # frames of silence after a word; -1: before the first
    by_word: dict[int, list[int]] = {}
    last = -1
    for place, segment in enumerate(alignment.segments):
        if segment.word is None:
            pauses[last] = pauses.get(last, 0) + lengths[place]
        else:
            last = segment.word
            by_word.setdefault(last, []).append(lengths[place])
    clauses, frames = [], [pauses.get(-1, 0)]
    for number, word in enumerate(alignment.words):
        unmarked = not word.mark and number in pauses
        clauses.append((" " if unmarked else word.mark, list(word.phones)))
        frames += by_word[number]
        if word.mark or unmarked:
            frames.append(pauses.get(number, 0))
    if not clauses[-1][0]:
        clauses[-1] = (".", clauses[-1][1])
        frames.append(pauses.get(len(alignment.words) - 1, 0))
    symbols, kept = _symbols(clauses, inventory, classes)
    assert kept == len(frames)
    return symbols, np.array(frames, np.int32)


def segments_of(words: Sequence[Word], lengths: np.ndarray, hop_seconds: float) -> tuple[Segment, ...]:
    """Places the phones and pauses of ``symbols_of`` in time.

    Args:
      words: as that got them.
      lengths: frames of each symbol, ``[P]``.
      hop_seconds: length of a frame.
    """
    said: list[tuple[str, int | None]] = [("", None)]
    for number, word in enumerate(words):
        said += [(phone, number) for phone in word.phones]
        if word.mark or number == len(words) - 1:
            said.append(("", None))
    edges = (hop_seconds * np.concatenate([[0], np.cumsum(lengths)])).tolist()
    return tuple(Segment(*what, *when) for what, when in zip(said, pairwise(edges), strict=True))


def _symbols(
    words: Sequence[tuple[str, list[str]]], inventory: Inventory, classes: Sequence[int]
) -> tuple[Symbols, int]:
    number_of = {phone: number for number, phone in enumerate(inventory.phones, start=2)}
    kinds: list[tuple[int, ...]] = []
    numbers: list[tuple[float, ...]] = []
    for phrase, mark in _phrases(words):
        symbols = list(_of_phrase(phrase, mark, number_of, inventory, first=not kinds))
        for place, symbol in enumerate(symbols):
            since, until = symbol.word, len(phrase) - 1 - symbol.word
            kinds.append((*symbol.kinds, *classes))
            numbers.append(
                (
                    place / max(len(symbols) - 1, 1),
                    min(since, _MOST_WORDS) / _MOST_WORDS,
                    min(until, _MOST_WORDS) / _MOST_WORDS,
                    float(symbol.first),
                )
            )
    return Symbols(np.array(kinds, np.int32), np.array(numbers, np.float32)), len(kinds)


def _phrases(words: Sequence[tuple[str, list[str]]]) -> Iterator[tuple[list[list[str]], int]]:
    """Divides words at their marks; what ends without a mark ends as a sentence does."""
    phrase: list[list[str]] = []
    for mark, phones in words:
        phrase.append(phones)
        if mark:
            yield phrase, MARKS.index(mark.strip())
            phrase = []
    if phrase:
        yield phrase, MARKS.index(".")


def _of_phrase(
    phrase: Sequence[Sequence[str]], mark: int, number_of: Mapping[str, int], inventory: Inventory, first: bool
) -> Iterator[_Symbol]:
    if first:
        yield _Symbol((_PAUSE, 0, 0, mark), 0, True)
    for number, phones in enumerate(phrase):
        for place, phone in enumerate(phones):
            stress = 1 + STRESSES.index(phone[-1]) if phone[-1] in STRESSES else 0
            at_start, at_end = place == 0, place == len(phones) - 1
            inside = 4 if at_start and at_end else 1 if at_start else 3 if at_end else 2
            plain = without_stress(phone)
            if plain not in number_of:
                names = " or ".join(language.name for language in inventory.languages)
                raise ValueError(
                    f"{plain} is no phone of {names}, which the model speaks; give a text of that language"
                )
            yield _Symbol((number_of[plain], stress, inside, mark), number)
    yield _Symbol((_PAUSE, 0, 0, mark), len(phrase) - 1)
