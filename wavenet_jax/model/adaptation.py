"""Backward-adaptive linear prediction, for networks without log-mel features.

Every millisecond the coefficients are computed anew from the last twenty milliseconds (as in LD-CELP, Chen et al. 1992,
ITU-T G.728), so they need no side information. The window falls off quickly towards the newest sample and slowly
towards the oldest one.

In the shapes, P is ``linear_prediction``, W the samples of the window and n those of a block, for which a filter holds.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model.input import waveform_of
from wavenet_jax.model.prediction import NOISE_FLOOR, Filter, levinson
from wavenet_jax.typing import Array

WHITE_NOISE = 1e-4
"""Fraction of the power added as white noise: more than for frames, as the future resembles the past less."""


class AdaptationState(NamedTuple):
    """The past that filters are computed from, and the filter of the current block; zeros are silence."""

    phase: Array  # [] int32: samples since the block began
    signal: Array  # [B, W]: the newest samples, the newest last
    coefficients: Array  # [B, P]
    power: Array  # [B]: of the residual, less the noise floor


def is_on(config: WaveNetConfig) -> bool:
    """Returns whether the network computes its filters from its own past."""
    return config.prediction.linear_prediction > 0 and not config.has_log_mel


def receptive_field(config: WaveNetConfig) -> int:
    """Samples that a prediction depends on through its filter, up to the newest."""
    return _window_samples(config) + config.adaptation_samples - 1


def multiply_adds(config: WaveNetConfig) -> float:
    """Multiply-adds per sample: those of a block, divided among its samples."""
    order = config.prediction.linear_prediction
    return (_window_samples(config) * (order + 1) + order**2) / config.adaptation_samples


def init_state(config: WaveNetConfig, batch_size: int, phase: Array | int = 0) -> AdaptationState:
    """Returns the state before a signal that begins ``phase`` samples into a block."""
    return AdaptationState(
        phase=jnp.asarray(phase, jnp.int32),
        signal=jnp.zeros((batch_size, _window_samples(config))),
        coefficients=jnp.zeros((batch_size, config.prediction.linear_prediction)),
        power=jnp.zeros((batch_size,)),
    )


def extend(
    config: WaveNetConfig, state: AdaptationState, codes: Array, valid: Array | int | None = None
) -> tuple[Filter, AdaptationState]:
    """Computes the filters for the sample after each one of a chunk: ``[B, T] -> [B, T, ...]``.

    The state is the one after the first ``valid`` samples (default: all).
    """
    length, window, block = codes.shape[1], _window_samples(config), config.adaptation_samples
    blocks = ceil_div(length, block)  # that can begin in the chunk, at most
    ahead = -state.phase % block  # samples until the first of them begins
    count = length if valid is None else valid
    begun = (count - 1 - ahead) // block + 1  # -1 // block + 1 is 0

    line = jnp.concatenate([state.signal, waveform_of(config, codes)], axis=1)
    reach = (blocks - 1) * block + window
    near = jax.lax.dynamic_slice_in_dim(jnp.pad(line, ((0, 0), (0, block))), ahead + 1, reach, axis=1)
    windows = near[:, np.arange(blocks)[:, None] * block + np.arange(window)[None]]
    coefficients, power = _filters(config, windows)
    coefficients = jnp.concatenate([state.coefficients[:, None], coefficients], axis=1)
    power = jnp.concatenate([state.power[:, None], power], axis=1)
    which = (jnp.arange(length) - ahead) // block + 1
    after = AdaptationState(
        phase=(state.phase + count) % block,
        signal=jax.lax.dynamic_slice_in_dim(line, count, window, axis=1),
        coefficients=jax.lax.dynamic_index_in_dim(coefficients, begun, axis=1, keepdims=False),
        power=jax.lax.dynamic_index_in_dim(power, begun, axis=1, keepdims=False),
    )
    return _filter(coefficients[:, which], power[:, which]), after


def step(config: WaveNetConfig, state: AdaptationState, codes: Array) -> tuple[Filter, AdaptationState]:
    """Returns the filter for the sample after this one, ``[B] -> [B, ...]``; it is computed once per block."""
    signal = jnp.concatenate([state.signal[:, 1:], waveform_of(config, codes)[:, None]], axis=1)

    def begin(state: AdaptationState) -> tuple[Array, Array]:
        coefficients, power = _filters(config, signal[:, None])
        return coefficients[:, 0], power[:, 0]

    coefficients, power = jax.lax.cond(state.phase == 0, begin, lambda state: (state.coefficients, state.power), state)
    phase = (state.phase + 1) % config.adaptation_samples
    return _filter(coefficients, power), AdaptationState(phase, signal, coefficients, power)


def _window_samples(config: WaveNetConfig) -> int:
    """Returns W: about twenty milliseconds, and at least twice the order."""
    return max(20 * config.adaptation_samples, 2 * config.prediction.linear_prediction)


@lru_cache(maxsize=16)
def window(config: WaveNetConfig) -> np.ndarray:
    """Returns the window over the past, the newest sample last: ``[W]``."""
    samples = _window_samples(config)
    falling = max(samples // 20, 1)
    rise, fall = (np.sin(np.pi / 2 * (np.arange(part) + 0.5) / part) for part in (samples - falling, falling))
    return np.concatenate([rise, fall[::-1]]).astype(np.float32)


def _filters(config: WaveNetConfig, windows: Array) -> tuple[Array, Array]:
    """Computes coefficients and the power of the residual, less the floor: ``[..., W] -> [..., P], [...]``."""
    samples = windows.shape[-1]
    weights = window(config)
    weighed = windows * weights.reshape((1,) * (windows.ndim - 1) + (samples,))
    lags = range(config.prediction.linear_prediction + 1)
    sums = [(weighed[..., lag:] * weighed[..., : samples - lag]).sum(axis=-1) for lag in lags]
    autocorrelation = jnp.stack(sums, axis=-1) / np.square(weights).sum(dtype=np.float32)
    floor = jnp.where(jnp.arange(len(lags)) == 0, NOISE_FLOOR**2, 0.0)
    white = jnp.where(jnp.arange(len(lags)) == 0, 1 + WHITE_NOISE, 1.0)
    shape = (1,) * (windows.ndim - 1) + (len(lags),)
    coefficients, power = levinson(autocorrelation * white.reshape(shape) + floor.reshape(shape))
    return coefficients, jnp.maximum(power - NOISE_FLOOR**2, 0)


def _filter(coefficients: Array, power: Array) -> Filter:
    return Filter(coefficients, jnp.sqrt(power + NOISE_FLOOR**2), jnp.zeros(power.shape, jnp.int32))
