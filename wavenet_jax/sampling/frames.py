"""Conditions of a part of a signal: whole frames, and those around them."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.typing import Array, Conditions


def frames_around(config: WaveNetConfig) -> int:
    """Counts the frames before and after a part of a signal that its conditions hold as well."""
    return config.conditioning.frames_before + config.conditioning.frames_after


def conditions_at(
    config: WaveNetConfig, conditions: Conditions, starts: Sequence[int] | np.ndarray, length: int
) -> Conditions:
    """Cuts the conditions of each stream's samples from ``starts [B]`` to ``length`` samples later out of the whole.

    All are multiples of the hop where there are frames. After the last frame it is repeated: such samples are made only
    to fill a chunk.
    """
    if not config.is_local:
        return conditions
    hop, frames = config.features.hop_samples, np.asarray(conditions.frames)
    first = np.asarray(starts)[:, None] // hop
    index = np.minimum(first + np.arange(length // hop + frames_around(config))[None], frames.shape[1] - 1)
    return conditions._replace(frames=np.take_along_axis(frames, index[..., None], axis=1))


def row_of(conditions: Conditions, row: int) -> Conditions:
    """Takes the conditions of one stream, as a batch of one."""
    own: Conditions = jax.tree.map(lambda rows: rows[row : row + 1], conditions)
    return own


def voicing(config: WaveNetConfig, conditions: Conditions) -> Array | None:
    """Returns which samples have a pitch, ``[F * hop, B]`` bool, by conditions of F frames; None: nothing says so."""
    if "f0" not in config.features.local_features:
        return None
    before, after = config.conditioning.frames_before, config.conditioning.frames_after
    frames = jnp.asarray(conditions.frames)[:, before : conditions.frames.shape[1] - after]
    voiced = frames[..., config.features.columns("f0")][..., 1] > 0.5
    return jnp.repeat(voiced.swapaxes(0, 1), config.hop, axis=0)
