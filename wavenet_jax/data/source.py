"""Data sets as the rest of the library sees them: clips that can be read in pieces."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Skipped(NamedTuple):
    """A file that is not used, and why."""

    name: str
    reason: str


class Source(Protocol):
    """A sequence of clips, all at the model's sample rate, mono.

    A class that derives from this one needs ``names``, ``lengths`` and ``read``; everything else has a default, of
    clips that come from no files and have no classes.
    """

    @property
    @abstractmethod
    def names(self) -> Sequence[str]:
        """A name for each clip, unique within the data set."""

    @property
    @abstractmethod
    def lengths(self) -> np.ndarray:
        """Samples of each clip: ``[clips]`` int64."""

    @abstractmethod
    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        """Samples ``start`` to ``stop`` of a clip: float32 ``[stop - start]``; ``0 <= start <= stop <= extent``."""

    def __len__(self) -> int:
        """Returns the number of clips."""
        return len(self.names)

    @property
    def extents(self) -> np.ndarray:
        """Samples that can be read of each clip, at least its length: ``[clips]`` int64."""
        return self.lengths

    @property
    def skipped(self) -> Sequence[Skipped]:
        """Files of the data set that are not used, each once, with its reason."""
        return ()

    @property
    def notes(self) -> Sequence[str]:
        """Lines on the data set as a whole that a user should read: what is left out, what is held out and why."""
        return ()

    @property
    def classes(self) -> Sequence[str]:
        """All classes of the data set, of all its splits, as FAMILY=NAME."""
        return ()

    @property
    def labels(self) -> Sequence[tuple[str, ...]]:
        """The class of each clip in each family, as FAMILY=NAME."""
        return [()] * len(self)

    def beside(self, clip: int, suffix: str) -> str | None:
        """Returns the path of what may lie beside a clip's file, or None where clips are not files."""
        return None


class ListedSource(Source):
    """A source that is made with lists of what its clips are like."""

    def __init__(self, names: Sequence[str], lengths: Sequence[int], labels: Sequence[tuple[str, ...]]) -> None:
        self._names = names
        self._lengths = np.array(lengths, np.int64)
        self._labels = labels

    @property
    def names(self) -> Sequence[str]:
        return self._names

    @property
    def lengths(self) -> np.ndarray:
        return self._lengths

    @property
    def labels(self) -> Sequence[tuple[str, ...]]:
        return self._labels


def blocks(source: Source, clip: int, size: int = 65_536) -> Iterator[np.ndarray]:
    """Reads a whole clip in order, at most ``size`` samples at a time: float32 ``[<= size]``."""
    length = int(source.lengths[clip])
    for start in range(0, length, size):
        yield source.read(clip, start, min(start + size, length))
