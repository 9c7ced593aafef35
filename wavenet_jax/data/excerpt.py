"""Parts of a data set, as a data set of their own."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.data.source import Skipped, Source


@dataclass(frozen=True)
class Excerpt(Source):
    """Part of a source: some of its clips, of each at most the first ``longest`` samples."""

    source: Source
    clips: Sequence[int]
    longest: int | None = None
    also_skipped: Sequence[Skipped] = ()
    """Clips that the excerpt leaves out for a reason of their own."""

    @cached_property
    def names(self) -> Sequence[str]:
        return [self.source.names[clip] for clip in self.clips]

    @cached_property
    def lengths(self) -> np.ndarray:
        lengths = self.source.lengths[list(self.clips)]
        return lengths if self.longest is None else np.minimum(lengths, self.longest)

    @cached_property
    def extents(self) -> np.ndarray:
        return self.source.extents[list(self.clips)]

    @property
    def skipped(self) -> Sequence[Skipped]:
        return [*self.source.skipped, *self.also_skipped]

    @property
    def notes(self) -> Sequence[str]:
        return self.source.notes

    @property
    def classes(self) -> Sequence[str]:
        return self.source.classes

    @cached_property
    def labels(self) -> Sequence[tuple[str, ...]]:
        return [self.source.labels[clip] for clip in self.clips]

    def beside(self, clip: int, suffix: str) -> str | None:
        return self.source.beside(self.clips[clip], suffix)

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        return self.source.read(self.clips[clip], start, stop)


def excerpt(source: Source, samples: int | None) -> Source:
    """Returns at most ``samples`` samples (None: all), of clips spread evenly over the source."""
    total = int(source.lengths.sum())
    if samples is None or total <= samples:
        return source
    clips = range(0, len(source), ceil_div(total, samples))
    return Excerpt(source, clips, longest=samples // len(clips))
