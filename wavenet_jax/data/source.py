"""What a data set is to the rest of the library: clips that can be read in pieces."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np


class Skipped(NamedTuple):
    """A file that is not used, and why."""

    name: str
    reason: str


class Source(Protocol):
    """A sequence of clips, all at the model's sample rate, mono."""

    @property
    def names(self) -> Sequence[str]:
        """A name for each clip, unique within the data set."""

    @property
    def lengths(self) -> np.ndarray:
        """Samples of each clip: ``[clips]`` int64."""

    @property
    def extents(self) -> np.ndarray:
        """Samples that can be read of each clip, at least its length: ``[clips]`` int64."""

    @property
    def skipped(self) -> Sequence[Skipped]:
        """Files of the data set that are not used, each once, with its reason."""

    @property
    def classes(self) -> Sequence[str]:
        """All classes of the data set, of all its splits, as FAMILY=NAME."""

    @property
    def labels(self) -> Sequence[tuple[str, ...]]:
        """The class of each clip in each family, as FAMILY=NAME."""

    def beside(self, clip: int, suffix: str) -> str | None:
        """The path of what may lie beside a clip's file, or None where clips are no files."""

    def __len__(self) -> int:
        """How many clips there are."""

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        """Samples ``start`` to ``stop`` of a clip: float32 ``[stop - start]``; ``0 <= start <= stop <= extent``."""


def blocks(source: Source, clip: int, size: int = 65_536) -> Iterator[np.ndarray]:
    """A whole clip in order, at most ``size`` samples at a time: float32 ``[<= size]``."""
    length = int(source.lengths[clip])
    for start in range(0, length, size):
        yield source.read(clip, start, min(start + size, length))
