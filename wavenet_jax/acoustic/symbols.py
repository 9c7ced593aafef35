"""The input of an acoustic model: phones and pauses, each with its place in its word and phrase."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from wavenet_jax.alignment import Alignment, Segment, frames_of
from wavenet_jax.text import ENGLISH, PAUSE_MARKS, STRESSES, Language, Word
from wavenet_jax.text.phones import without_stress

MARKS = ("", *PAUSE_MARKS)
"""What ends a phrase; nothing stands for a pause where no mark is written."""

COLUMNS = 4
"""Columns of ``Symbols.kinds``."""

NUMBERS = 4
"""Columns of ``Symbols.numbers``: the place in the phrase from 0 to 1; words since its start and to its end, in units
of ``_MOST_WORDS``; 1 where the symbol begins the clip."""

_PAUSE = 1
_MOST_WORDS = 6


def kinds_of(language: Language) -> tuple[int, ...]:
    """Counts the values of each column of ``Symbols.kinds``.

    They are: nothing, a pause, or the phone of the language; no stress, or which; the place in the word (pause, first,
    inside, last, the only one); the mark at the end of the phrase.
    """
    return 2 + len(language.phones), 1 + len(STRESSES), 5, len(MARKS)


class Symbols(NamedTuple):
    """P phones and pauses, in order; the first and the last are pauses, as are the marks between words."""

    kinds: np.ndarray  # [P, COLUMNS] int32
    numbers: np.ndarray  # [P, NUMBERS] float32


class _Symbol(NamedTuple):
    kinds: tuple[int, ...]
    word: int  # in its phrase; of a pause, the last one
    first: bool = False


def symbols_of(words: Sequence[Word], language: Language = ENGLISH) -> Symbols:
    """Describes words of a language, with a pause at the start, at each mark and at the end.

    Raises:
      ValueError: the words are of another language.
    """
    return _symbols([(word.mark, list(word.phones)) for word in words], language)[0]


def aligned_symbols(
    alignment: Alignment, hop_seconds: float, count: int, language: Language = ENGLISH
) -> tuple[Symbols, np.ndarray]:
    """Describes an aligned clip of F frames: the symbols, and how many frames each has, ``[P]`` int32, F in all.

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
    symbols, kept = _symbols(clauses, language)
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


def _symbols(words: Sequence[tuple[str, list[str]]], language: Language) -> tuple[Symbols, int]:
    number_of = {phone: number for number, phone in enumerate(language.phones, start=2)}
    kinds: list[tuple[int, ...]] = []
    numbers: list[tuple[float, ...]] = []
    for phrase, mark in _phrases(words):
        symbols = list(_of_phrase(phrase, mark, number_of, language, first=not kinds))
        for place, symbol in enumerate(symbols):
            since, until = symbol.word, len(phrase) - 1 - symbol.word
            kinds.append(symbol.kinds)
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
    phrase: Sequence[Sequence[str]], mark: int, number_of: Mapping[str, int], language: Language, first: bool
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
                raise ValueError(
                    f"{plain} is no phone of {language.name}, which the model speaks; give a text of that language"
                )
            yield _Symbol((number_of[plain], stress, inside, mark), number)
    yield _Symbol((_PAUSE, 0, 0, mark), len(phrase) - 1)
