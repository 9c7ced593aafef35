"""From frames to samples: features as the gates of the stack want them (WaveNet §2.5)."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model.linear import linear
from wavenet_jax.model.stack import Condition
from wavenet_jax.typing import Array, Conditions


class ConditionerWeights(NamedTuple):
    """What turns conditions into what the gates are told; None where the network has no such condition."""

    classes: tuple[Array, ...]  # a table [names, C] for each family
    vector: Array | None  # [V, C]
    frames: Array | None  # [taps, features, D]: a convolution over frames
    frames_bias: Array | None  # [D]
    upsampling: tuple[Array, ...]  # of [D, 2 * stride, D], one for each transposed convolution


def condition(
    config: WaveNetConfig, weights: ConditionerWeights, conditions: Conditions, present: Array | None = None
) -> Condition:
    """What the gates are told: ``stream [B, C]`` and ``time [B, F * hop, D]``.

    ``present [B]`` bool (default: all true) says which streams are told anything at all.
    """
    stream = time = None
    if config.conditioning.is_global:
        parts = (
            [_look_up(table, ids) for table, ids in zip(weights.classes, conditions.classes.T, strict=True)]
            if (weights.classes)
            else []
        )
        if weights.vector is not None:
            parts.append(conditions.vector.astype(weights.vector.dtype) @ weights.vector)
        stream = sum(parts[1:], parts[0])
    if config.is_local:
        time = upsampled(config, weights, conditions.frames)
    if present is not None:
        stream = None if stream is None else jnp.where(present[:, None], stream, 0)
        time = None if time is None else jnp.where(present[:, None, None], time, 0)
    return Condition(stream, time)


def upsampled(config: WaveNetConfig, weights: ConditionerWeights, frames: Array) -> Array:
    """Features of frames at the tempo of samples: ``[B, before + F + after, features] -> [B, F * hop, D]``.

    ``before`` and ``after`` are ``frames_before`` and ``frames_after`` of the config: every sample of the F frames is
    computed from the same neighbourhood, wherever a piece of a signal is cut.
    """
    assert weights.frames is not None
    options, hop = config.conditioning, config.features.hop_samples
    x = frames.astype(weights.frames.dtype)
    count = x.shape[1] - options.lookbehind_frames - options.lookahead_frames
    taps = [
        linear(x[:, tap : tap + count], kernel, weights.frames_bias if tap == 0 else None)
        for tap, kernel in enumerate(weights.frames)
    ]
    x = sum(taps[1:], taps[0])
    if options.upsampling == "nearest":
        x = jnp.repeat(x, hop, axis=1)
    elif options.upsampling == "linear":
        # A transposed convolution with a triangle, channel by channel.
        x = _overlapped(x[:, :, None] * jnp.asarray(triangle(hop), x.dtype)[None, None, :, None])
    else:
        for kernel in weights.upsampling:
            spread = linear(x, kernel.reshape(kernel.shape[0], -1))
            x = _overlapped(spread.reshape(*x.shape[:2], *kernel.shape[1:]))
    reach = options.reach_frames * hop
    return x[:, reach : x.shape[1] - reach]


def triangle(stride: int) -> np.ndarray:
    """Weights of linear interpolation as a transposed convolution of twice its stride: ``[2 * stride]``."""
    return 1 - np.abs(np.arange(2 * stride) + 0.5 - stride) / stride


def _overlapped(spread: Array) -> Array:
    """Adds what each frame spreads over its own samples and half of both neighbours'.

    ``[B, F, 2 s, D] -> [B, F s, D]``
    """
    batch, frames, width, channels = spread.shape
    stride = width // 2
    rising = jnp.pad(spread[:, :, :stride], ((0, 0), (0, 1), (0, 0), (0, 0)))
    falling = jnp.pad(spread[:, :, stride:], ((0, 0), (1, 0), (0, 0), (0, 0)))
    signal = (rising + falling).reshape(batch, (frames + 1) * stride, channels)
    return signal[:, stride // 2 : stride // 2 + frames * stride]


def _look_up(table: Array, ids: Array) -> Array:
    """A row of the table for each id, counted from 1; zeros for 0: ``[names, C], [B] -> [B, C]``."""
    return jnp.where(ids[:, None] > 0, table[jnp.maximum(ids - 1, 0)], 0)
