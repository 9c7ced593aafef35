"""Cuts every clip of an epoch into crops: arithmetic on lengths, no audio."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from wavenet_jax.arithmetic import round_up
from wavenet_jax.config import RunConfig
from wavenet_jax.model import receptive_field


def context_samples(config: RunConfig) -> int:
    """Returns how many samples before a crop's scored ones the network is shown in training."""
    if not config.data.full_context:
        return 0
    return config.model.whole_frames(receptive_field(config.model) - 1)


class Crop(NamedTuple):
    """One window on a clip, and which of its samples are scored; all in samples of the clip."""

    clip: int
    start: int
    """The window is ``start`` to ``start + context_samples + crop_samples``; it may reach beyond the end of a clip."""
    scored_from: int
    scored_to: int


class Epochs:
    """The crops of any epoch: every sample of every clip is scored exactly once in each.

    Per epoch and clip a random phase cuts the clip into pieces of ``crop_samples``; the first and the last piece are
    what remains. A window begins ``context_samples`` before its piece, but not before its clip; one that would reach
    over the end of its clip slides back. What a window sees besides its own piece is context that other crops score.
    The pieces of all clips are visited in a random order.

    Windows, and pieces but the last of a clip, begin at multiples of ``align``, which divides ``crop_samples`` and
    ``context_samples``.

    How many pieces a clip has depends on its length alone, so every epoch has ``len(epochs)`` crops: as few as cover
    the clip, or one more where that would leave the phase less than an eighth of its range.
    """

    def __init__(self, lengths: np.ndarray, crop_samples: int, seed: int, context_samples: int = 0, align: int = 1):
        self._lengths = np.asarray(lengths, np.int64)
        self._size = crop_samples
        self._context = context_samples
        self._seed = seed
        self._align = align
        least = (self._lengths + crop_samples - 1) // crop_samples
        rest = self._lengths - (least - 1) * crop_samples
        one_more = (least > 1) & (crop_samples - rest < crop_samples // 8) & (rest > align)
        self._counts = least + one_more
        # The first piece may be that long; what lies between is whole pieces, and the last one is what remains.
        self._shortest = np.where(one_more, 1, np.minimum(rest, self._lengths))
        self._longest = np.where(one_more, rest - 1, np.where(least == 1, self._lengths, crop_samples))
        self._shortest, self._longest = (self._shortest + align - 1) // align, self._longest // align
        self._longest = np.maximum(self._longest, self._shortest)
        self._ends = np.cumsum(self._counts)
        # Two epochs: a batch may reach from one into the next.
        self._plan = lru_cache(maxsize=2)(self._draw)

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def crop(self, epoch: int, position: int) -> Crop:
        """The crop at ``position`` in [0, ``len(self)``) of an epoch."""
        order, phases = self._plan(epoch)
        piece = int(order[position])
        clip = int(np.searchsorted(self._ends, piece, side="right"))
        index = piece - int(self._ends[clip] - self._counts[clip])
        length, phase = int(self._lengths[clip]), int(phases[clip])
        scored_from = phase + (index - 1) * self._size if index else 0
        scored_to = min(phase + index * self._size, length)
        latest = round_up(length - self._size, self._align)
        start = max(0, min(scored_from, latest) - self._context)
        return Crop(clip, start, scored_from, scored_to)

    def _draw(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        draw = np.random.default_rng((self._seed, epoch))
        phases = self._align * draw.integers(self._shortest, self._longest, endpoint=True)
        return draw.permutation(len(self)), phases
