"""A part of a data set, as a data set of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wavenet_jax.data.source import Skipped, Source


@dataclass(frozen=True)
class Excerpt:
    """Some clips of ``source``, of each at most the first ``longest`` samples."""

    source: Source
    clips: Sequence[int]
    longest: int | None = None

    @property
    def names(self) -> Sequence[str]:
        return [self.source.names[clip] for clip in self.clips]

    @property
    def lengths(self) -> np.ndarray:
        lengths = self.source.lengths[list(self.clips)]
        return lengths if self.longest is None else np.minimum(lengths, self.longest)

    @property
    def extents(self) -> np.ndarray:
        return self.source.extents[list(self.clips)]

    @property
    def skipped(self) -> Sequence[Skipped]:
        return self.source.skipped

    @property
    def classes(self) -> Sequence[str]:
        return self.source.classes

    @property
    def labels(self) -> Sequence[tuple[str, ...]]:
        return [self.source.labels[clip] for clip in self.clips]

    def beside(self, clip: int, suffix: str) -> str | None:
        return self.source.beside(self.clips[clip], suffix)

    def __len__(self) -> int:
        return len(self.clips)

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        return self.source.read(self.clips[clip], start, stop)


def excerpt(source: Source, samples: int | None) -> Source:
    """At most ``samples`` samples (None: all), of clips spread evenly over the source."""
    total = int(source.lengths.sum())
    if samples is None or total <= samples:
        return source
    clips = range(0, len(source), -(-total // samples))
    return Excerpt(source, clips, longest=samples // len(clips))
