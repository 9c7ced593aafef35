"""An aligned clip: its phones with their times."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from wavenet_jax.text import Word


class Segment(NamedTuple):
    """A phone of a word, or a pause, with its start and end."""

    phone: str
    """One of ``text.PHONES``, vowels with their stress; empty for a pause."""
    word: int | None
    """Index of its word; None for a pause."""
    start: float
    """Seconds from the start of the clip."""
    stop: float
    """End, where the next segment starts, in seconds."""


class Alignment(NamedTuple):
    """The phones and pauses of a clip: segments without gaps from its start to its end."""

    words: tuple[Word, ...]
    segments: tuple[Segment, ...]
    score: float
    """Log-likelihood of the sound given its phones, per 10 ms, relative to that of any phones; higher is better."""


def frames_of(segments: Sequence[Segment], hop_seconds: float, count: int) -> np.ndarray:
    """Divides F frames among segments: first frame and one past the last, ``[segments, 2]`` int64.

    A frame belongs to the segment that contains its middle, so segments shorter than a frame may have none. The first
    segment begins at frame 0 and the last one ends at F.

    Args:
      segments: without gaps.
      hop_seconds: length of a frame, in seconds.
      count: F.
    """
    starts = np.array([segment.start for segment in segments[1:]])
    inner = np.clip(np.ceil(starts / hop_seconds - 0.5 - 1e-9), 0, count).astype(np.int64)
    edges = np.maximum.accumulate(np.concatenate([[0], inner, [count]]))
    return np.stack([edges[:-1], edges[1:]], axis=1)
