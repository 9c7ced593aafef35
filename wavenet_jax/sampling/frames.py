"""Local conditions of a part of a signal: whole frames, and those around them."""

from collections.abc import Sequence

import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.typing import Conditions


def whole_frames(config: WaveNetConfig, samples: int) -> int:
    """The samples, raised to a multiple of the hop where there are frames."""
    hop = config.features.hop_samples if config.is_local else 1
    return -(-samples // hop) * hop


def frames_around(config: WaveNetConfig) -> int:
    """How many frames before and behind a piece its conditions hold as well."""
    return config.conditioning.frames_before + config.conditioning.frames_after


def piece(config: WaveNetConfig, conditions: Conditions, starts: Sequence[int] | np.ndarray, length: int) -> Conditions:
    """The conditions of each stream's samples from ``starts [B]`` to ``length`` samples later, of those of the whole.

    All are multiples of the hop where there are frames. What lies behind the last frame repeats it: such samples are
    made only to fill a chunk.
    """
    if not config.is_local:
        return conditions
    hop, frames = config.features.hop_samples, np.asarray(conditions.frames)
    first = np.asarray(starts)[:, None] // hop
    index = np.minimum(first + np.arange(length // hop + frames_around(config))[None], frames.shape[1] - 1)
    return conditions._replace(frames=np.take_along_axis(frames, index[..., None], axis=1))


def row_of(conditions: Conditions, row: int) -> Conditions:
    """The conditions of one stream, as a batch of one."""
    return Conditions(*(None if rows is None else rows[row : row + 1] for rows in conditions))
