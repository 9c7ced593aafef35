"""Recordings that a generation continues or makes again: files, and waveforms in memory."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from wavenet_jax.audio.emphasis import emphasize
from wavenet_jax.config import RunConfig
from wavenet_jax.data import ArraySource, Source, open_clip
from wavenet_jax.generation.decoding import SavedSession
from wavenet_jax.typing import Conditions

Recording: TypeAlias = str | os.PathLike[str] | np.ndarray
"""A sound file, or a mono waveform: float ``[T]`` in [-1, 1] at the run's sample rate, as it sounds."""


@dataclass(frozen=True, eq=False)
class Conditioned:
    """A stream's conditions, and what they were measured from."""

    conditions: Conditions  # without the batch axis; frames with those around them
    samples: int | None = None  # that the features last; None without features
    original: np.ndarray | None = (
        None  # the waveform [T] that they were measured from, as the network was trained on it
    )
    doubts: tuple[str, ...] = ()
    """Lines about features that can hardly be meant."""


@dataclass(frozen=True, eq=False)
class Given:
    """Inputs of a generation in place of those that its options name: files as well as arrays."""

    prompts: Sequence[Recording] = ()
    """Recordings to continue, in place of ``prime``."""
    features: Sequence[Recording] = ()
    """Recordings, or features ``[frames, channels]``, in place of ``mel_from``."""
    vector: np.ndarray | None = None
    """In place of the file ``vector``."""
    conditions: Sequence[Conditioned] = ()
    """Conditions of each sound that were found already, in place of all options that name some."""
    session: SavedSession | None = None
    """Session to resume, in place of ``load_session``."""


def open_recording(recording: Recording, run: RunConfig) -> Source:
    """Opens a recording as the network reads it: a source with one clip.

    A file is prepared as the run prepared its data, but not trimmed; an array keeps its level. Both get the run's
    pre-emphasis.

    Raises:
      ValueError: it cannot be used; the message says why.
    """
    if not isinstance(recording, np.ndarray):
        return open_clip(os.fspath(recording), run.data, run.model)
    if not np.issubdtype(recording.dtype, np.floating):
        raise ValueError(
            f"an array must be floats in [-1, 1], got {recording.dtype}; divide integers by their full scale, "
            "as int16 by 32768"
        )
    source = ArraySource([np.clip(recording, -1.0, 1.0)])
    if run.data.pre_emphasis is None:
        return source
    return ArraySource([np.clip(emphasize(source.waveforms[0], run.data.pre_emphasis), -1.0, 1.0)])


def are_features(recording: Recording) -> bool:
    """Tells whether features are meant, ``[frames, channels]`` or a .npy file of them, and not sound."""
    return recording.ndim == 2 if isinstance(recording, np.ndarray) else os.fspath(recording).endswith(".npy")


def shown(recording: Recording) -> str:
    """Returns how error messages call a recording."""
    return "the array" if isinstance(recording, np.ndarray) else os.fspath(recording)
