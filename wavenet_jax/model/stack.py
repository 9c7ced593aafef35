"""The dilated gated stack in every tempo (WaveNet §2.1, §2.3, §2.4, §2.5).

Each layer convolves the residual stream with taps ``d`` samples apart, gates the result, adds a projection of it back
to the stream, and leaves it for the skip sum. The skip projections of all layers are one matmul over the
concatenated gates: the same sum, far fewer passes over memory.
"""

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model.kernel import one_kernel
from wavenet_jax.model.linear import linear
from wavenet_jax.model.recompute import recomputed
from wavenet_jax.typing import Array, Key


class StackWeights(NamedTuple):
    """What the stack multiplies by: weight normalisation resolved, in the compute dtype."""

    past: Array  # [L, K - 1, R, G]: the taps on past samples, the furthest first
    current: tuple[Array, ...]  # L of [R, G]: the tap on the current sample
    dilated_bias: tuple[Array | None, ...]  # L of [G]
    residual: tuple[Array, ...]  # L - 1 of [H, R]; the last layer's stream has no reader
    residual_bias: tuple[Array | None, ...]  # L - 1 of [R]
    skip: Array  # [L * H, S]
    skip_bias: Array | None  # [S]
    stream: Array | None = None  # [C, L, G]: the projection of what describes the whole stream
    time: Array | None = None  # [D, L, G]: the projection of what describes each sample


class StackState(NamedTuple):
    """The past inputs that the layers will still read: one ring of ``(K - 1) * dilation`` slots per layer.

    All rings lie in one buffer, so that a step reads them with one gather and writes them with one scatter.
    """

    position: Array  # [L] int32: the slot of each ring that is read first and written next
    queues: Array  # [N, B, R]


class Condition(NamedTuple):
    """What the gates are told besides the signal; None where there is nothing to tell."""

    stream: Array | None = None  # [B, C]: the same for all samples
    time: Array | None = None  # [B, T, D]; [B, D] for a step


def ring_sizes(config: WaveNetConfig) -> np.ndarray:
    """Slots of each layer's ring: ``[L]``."""
    return (config.kernel_size - 1) * np.array(config.dilations, np.int32)


def init_state(config: WaveNetConfig, batch_size: int) -> StackState:
    """The state after endless silence: zeros."""
    slots = int(ring_sizes(config).sum())
    return StackState(
        position=jnp.zeros((config.layers,), jnp.int32),
        queues=jnp.zeros((slots, batch_size, config.residual_channels), config.compute_dtype),
    )


def whole(
    config: WaveNetConfig,
    weights: StackWeights,
    x: Array,
    condition: Condition = Condition(),
    dropout_key: Key | None = None,
) -> Array:
    """The skip sum of a whole signal that begins in silence: ``[B, T, R] -> [B, T, S]``."""
    return _layers(config, weights, [None] * config.layers, x, condition, dropout_key)[0]


def extend(
    config: WaveNetConfig,
    weights: StackWeights,
    state: StackState,
    x: Array,
    condition: Condition = Condition(),
    valid: Array | int | None = None,
) -> tuple[Array, StackState]:
    """The skip sum of the next chunk, of any length, and the state after it: ``[B, T, R] -> [B, T, S]``.

    ``valid`` (default: all) says how many samples of the chunk count, a scalar in [0, T]: the state is the one after
    those.
    """
    if config.kernel_size == 1:  # nothing is remembered
        return whole(config, weights, x, condition), state
    rings = jnp.split(state.queues, np.cumsum(ring_sizes(config))[:-1])
    past = [
        jnp.roll(ring, -position, axis=0).swapaxes(0, 1) for ring, position in zip(rings, state.position, strict=True)
    ]
    skip, heard = _layers(config, weights, past, x, condition)
    count = x.shape[1] if valid is None else valid
    recent = [
        jax.lax.dynamic_slice_in_dim(jnp.concatenate([earlier, new], axis=1), count, earlier.shape[1], axis=1)
        for earlier, new in zip(past, heard, strict=True)
    ]
    queues = jnp.concatenate([ring.swapaxes(0, 1) for ring in recent])
    return skip, StackState(jnp.zeros_like(state.position), queues)


def told(weights: StackWeights, condition: Condition) -> Array | None:
    """What the condition adds inside every gate, for ``step``: ``[L, T, B, G]``, T = 1 for the same at all samples."""
    total = None
    if condition.time is not None:
        assert weights.time is not None
        rows = condition.time.swapaxes(0, 1)  # [T, B, D]
        total = jnp.einsum("tbd,dlg->ltbg", rows, weights.time[: rows.shape[-1]])
    if condition.stream is not None:
        assert weights.stream is not None
        constant = jnp.einsum("bc,clg->lbg", condition.stream, weights.stream)[:, None]
        total = constant if total is None else total + constant
    return total


def step(
    config: WaveNetConfig, weights: StackWeights, state: StackState, x: Array, told: Array | None = None
) -> tuple[Array, StackState]:
    """The skip sum of the next sample and the state after it: ``[B, R] -> [B, S]``.

    Every past input that the layers read is known before the step begins, so all of them are fetched and projected
    together; only the current sample goes through the layers one after another. ``told`` is what the condition adds
    inside every gate, ``[L, B, G]``.
    """
    rows = x.shape[0]
    if config.kernel_size > 1:
        slots, past = one_kernel(functools.partial(_recall, config), rows)(state)
        projected = jnp.einsum("lkbr,lkrg->lbg", past, weights.past)
        told = projected if told is None else projected + told
    inputs, gated = one_kernel(functools.partial(_through, config), rows)(weights, x, told)
    if config.kernel_size > 1:
        queues = state.queues.at[slots].set(inputs, mode="promise_in_bounds", unique_indices=True)
        state = StackState((state.position + 1) % ring_sizes(config), queues)
    return linear(gated, weights.skip, weights.skip_bias), state


def _recall(config: WaveNetConfig, state: StackState) -> tuple[Array, Array]:
    """The slot that each layer reads first and writes next, ``[L]``, and the past inputs ``[L, K - 1, B, R]``."""
    sizes = ring_sizes(config)
    ages = np.outer(config.dilations, np.arange(config.kernel_size - 1))  # [L, K - 1]: slots after the oldest
    offsets = np.cumsum(sizes) - sizes
    slots = offsets[:, None] + (state.position[:, None] + ages) % sizes[:, None]
    return slots[:, 0], state.queues.at[slots].get(mode="promise_in_bounds", unique_indices=True)


def _through(config: WaveNetConfig, weights: StackWeights, x: Array, told: Array | None) -> tuple[Array, Array]:
    """One sample's way through the layers: what each heard, ``[L, B, R]``, and all gates, ``[B, L * H]``."""
    inputs, gated = [], []
    for layer in range(config.layers):
        inputs.append(x)
        current = linear(x, weights.current[layer], weights.dilated_bias[layer])
        gated.append(_gate(current if told is None else current + told[layer]))
        if layer < config.layers - 1:
            x = _residual(config, weights, layer, x, gated[-1])
    return jnp.stack(inputs), jnp.concatenate(gated, axis=-1)


def _layers(
    config: WaveNetConfig,
    weights: StackWeights,
    past: Sequence[Array | None],
    x: Array,
    condition: Condition,
    dropout_key: Key | None = None,
) -> tuple[Array, list[Array]]:
    """All layers over ``x [B, T, R]``: the skip sum ``[B, T, S]``, and what each layer heard, ``[B, T, R]``.

    What they heard is left out where activations are computed again: that is for training, on whole signals.

    ``past`` holds the ``(K - 1) * d`` inputs before the chunk, ``[B, (K - 1) * d, R]``, or None for silence.
    """

    if not config.rematerialize or past[0] is not None:
        return _group(config, range(config.layers), past, x, weights, condition, dropout_key)[::2]
    # Groups of about sqrt(L) layers keep the least: what enters each group, and the inside of one.
    size = math.isqrt(config.layers - 1) + 1
    seed = None if dropout_key is None else jax.random.key_data(dropout_key)
    skips = []
    for start in range(0, config.layers, size):
        group = range(start, min(start + size, config.layers))

        def run(
            x: Array, weights: StackWeights, condition: Condition, seed: Array | None, group: range = group
        ) -> tuple[Array, Array]:
            key = None if seed is None else jax.random.wrap_key_data(seed)
            return _group(config, group, past, x, weights, condition, key)[:2]

        skip, x = recomputed(run)(x, weights, condition, seed)
        skips.append(skip)
    return sum(skips[1:], skips[0]), []


def _group(
    config: WaveNetConfig,
    group: range,
    past: Sequence[Array | None],
    x: Array,
    weights: StackWeights,
    condition: Condition,
    dropout_key: Key | None,
) -> tuple[Array, Array, list[Array]]:
    """Consecutive layers: their part of the skip sum, the stream behind them, and what each heard."""
    gated, heard = [], []
    for layer in group:
        heard.append(x)
        if dropout_key is not None:
            heard[-1] = _drop(config.dropout, jax.random.fold_in(dropout_key, layer), x)
        gated.append(_gate(_drive(config, weights, layer, past[layer], heard[-1], condition)))
        if layer < config.layers - 1:
            # Without the barrier XLA sums the residuals of all layers before anew in each: a network of 40 layers
            # trains at less than half the speed.
            x = jax.lax.optimization_barrier(_residual(config, weights, layer, x, gated[-1]))
    rows = slice(group.start * config.hidden_channels, group.stop * config.hidden_channels)
    bias = weights.skip_bias if group.start == 0 else None
    return linear(jnp.concatenate(gated, axis=-1), weights.skip[rows], bias), x, heard


def _drive(
    config: WaveNetConfig, weights: StackWeights, layer: int, past: Array | None, x: Array, condition: Condition
) -> Array:
    """What a layer's gate is driven by: ``[B, T, R] -> [B, T, G]``."""
    drive = linear(x, weights.current[layer], weights.dilated_bias[layer])
    for tap in range(config.kernel_size - 1):
        lag = (config.kernel_size - 1 - tap) * config.dilations[layer]
        drive = drive + _lagged(past, x, weights.past[layer, tap], lag)
    if condition.time is not None:
        assert weights.time is not None
        drive = drive + linear(condition.time, weights.time[:, layer])
    if condition.stream is not None:
        assert weights.stream is not None
        drive = drive + linear(condition.stream, weights.stream[:, layer])[:, None]
    return drive


def _lagged(past: Array | None, x: Array, kernel: Array, lag: int) -> Array:
    """The projection of the signal ``lag`` samples ago: ``[B, T, R] -> [B, T, G]``.

    The projection is shifted, not its input: shifts of what an element-wise loop reads are free, shifts of what a
    matmul reads are copies.
    """
    length = x.shape[1]
    projected = linear(x, kernel)
    if past is None:
        return jnp.pad(projected, ((0, 0), (lag, 0), (0, 0)))[:, :length]
    earlier = linear(past[:, past.shape[1] - lag :], kernel)
    return jnp.concatenate([earlier, projected], axis=1)[:, :length]


def _gate(drive: Array) -> Array:
    """tanh of one half times the logistic of the other: ``[..., G] -> [..., H]`` (WaveNet §2.3)."""
    value, gate = jnp.split(drive, 2, axis=-1)
    return jnp.tanh(value) * jax.nn.sigmoid(gate)


def _residual(config: WaveNetConfig, weights: StackWeights, layer: int, x: Array, gated: Array) -> Array:
    x = x + linear(gated, weights.residual[layer], weights.residual_bias[layer])
    return x * jnp.asarray(0.5**0.5, x.dtype) if config.residual_scaling else x


def _drop(rate: float, key: Key, x: Array) -> Array:
    keep = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(keep, x / (1 - rate), 0).astype(x.dtype)
