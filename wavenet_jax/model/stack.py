"""The dilated gated stack (WaveNet §2.1, §2.3, §2.4, §2.5).

Each layer convolves the residual stream with taps ``d`` samples apart, gates the result, adds a projection of it back
to the stream, and leaves it for the skip sum. The skip projections of all layers are one matmul over the
concatenated gates: the same sum, far fewer passes over memory.

``whole`` and ``extend`` run layer by layer over many samples, ``step`` runs one sample through all layers: two paths,
for speed, through the same mathematics. tests/contract.py holds them equal, in outputs and gradients.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model.ops import linear, one_kernel, recomputed, total
from wavenet_jax.model.parameters import Projections
from wavenet_jax.model.prediction import Filter
from wavenet_jax.typing import Array, Key


class StackWeights(NamedTuple):
    """The kernels and biases of all layers: weight normalisation resolved, in the compute dtype."""

    past: Array  # [L, K - 1, R, G]: the taps on past samples, the furthest first
    current: tuple[Array, ...]  # L of [R, G]: the tap on the current sample
    dilated_bias: tuple[Array | None, ...]  # L of [G]
    residual: tuple[Array, ...]  # L - 1 of [H, R]; nothing reads the last layer's stream
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


class GateInputs(NamedTuple):
    """Conditions as the network takes them; None where it has none of the kind.

    What changes with time may hold for several samples each: n and m are then more than 1, and divide T.
    """

    stream: Array | None = None  # [B, C]: the same for all samples
    time: Array | None = None  # [B, T / n, D]; [B, D] for a step
    filters: Filter | None = None  # of [B, T / m, ...]; of [B, ...] for a step

    def at(self, samples: Any) -> "GateInputs":
        """Returns those of some samples: of a slice of the T, or of one by its number, for a step; n = m = 1."""
        return self._replace(
            time=None if self.time is None else self.time[:, samples],
            filters=None if self.filters is None else self.filters.at(samples),
        )


class GatedStack(Projections):
    """Turns the residual stream into the skip sum: ``[B, T, R] -> [B, T, S]``."""

    @nn.compact
    def weights(self) -> StackWeights:
        """Returns the prepared weights."""
        config = self.config
        layers, taps, residual = config.layers, config.kernel_size, config.residual_channels
        hidden, skip = config.hidden_channels, config.skip_channels
        dilated = self.kernel("dilated_kernel", (layers, taps, residual, 2 * hidden), fan_in=(1, 2))
        combining = self.kernel("skip_kernel", (layers, hidden, skip), fan_in=(0, 1))
        mixing: tuple[Array, ...] = ()
        mixing_bias: tuple[Array | None, ...] = ()
        if layers > 1:
            mixing = tuple(self.kernel("residual_kernel", (layers - 1, hidden, residual), fan_in=(1,)))
            mixing_bias = self._biases("residual_bias", layers - 1, residual)
        return StackWeights(
            past=dilated[:, :-1],
            current=tuple(dilated[:, -1]),
            dilated_bias=self._biases("dilated_bias", layers, 2 * hidden),
            residual=mixing,
            residual_bias=mixing_bias,
            skip=combining.reshape(layers * hidden, skip),
            skip_bias=self.bias("skip_bias", (skip,)) if config.bias else None,
            stream=self._conditioning("stream_kernel", config.stream_channels),
            time=self._conditioning("time_kernel", config.time_channels),
        )

    def _biases(self, name: str, layers: int, channels: int) -> tuple[Array | None, ...]:
        return tuple(self.bias(name, (layers, channels))) if self.config.bias else (None,) * layers

    def _conditioning(self, name: str, channels: int) -> Array | None:
        if not channels:
            return None
        return self.kernel(name, (channels, self.config.layers, 2 * self.config.hidden_channels), fan_in=(0,))

    def __call__(self, x: Array, gate_inputs: GateInputs = GateInputs(), train: bool = False) -> Array:
        """Runs a whole signal; ``train`` turns dropout on and needs a key named "dropout"."""
        key = self.make_rng("dropout") if train and self.config.dropout else None
        return whole(self.config, self.weights(), x, gate_inputs, key)


def receptive_field(config: WaveNetConfig) -> int:
    """Steps of its input that the skip sum of one step depends on, the newest included."""
    return (config.kernel_size - 1) * sum(config.dilations) + 1


def gate_receptive_field(config: WaveNetConfig) -> int:
    """Steps of the gate inputs that the skip sum of one step depends on, the newest included.

    The gates of the first layer have no memory of their own; the layers above it pass on what they say.
    """
    return (config.kernel_size - 1) * sum(config.dilations[1:]) + 1


def multiply_adds(config: WaveNetConfig) -> float:
    """Multiply-adds of one step; what holds for several samples counts by its share."""
    conditions = config.context_channels + config.feature_channels / config.held
    inputs = 2 * (config.kernel_size * config.residual_channels + conditions)
    residual = (config.layers - 1) * config.hidden_channels * config.residual_channels
    return config.layers * config.hidden_channels * (inputs + config.skip_channels) + residual


def ring_sizes(config: WaveNetConfig) -> np.ndarray:
    """Returns the slots of each layer's ring: ``[L]``."""
    return (config.kernel_size - 1) * np.array(config.dilations, np.int32)


def init_state(config: WaveNetConfig, batch_size: int) -> StackState:
    """Returns the state after endless silence: zeros."""
    slots = int(ring_sizes(config).sum())
    return StackState(
        position=jnp.zeros((config.layers,), jnp.int32),
        queues=jnp.zeros((slots, batch_size, config.residual_channels), config.compute_dtype),
    )


def whole(
    config: WaveNetConfig,
    weights: StackWeights,
    x: Array,
    gate_inputs: GateInputs = GateInputs(),
    dropout_key: Key | None = None,
) -> Array:
    """Computes the skip sum of a whole signal that begins in silence: ``[B, T, R] -> [B, T, S]``."""
    return _layers(config, weights, [None] * config.layers, x, gate_inputs, dropout_key)[0]


def extend(
    config: WaveNetConfig,
    weights: StackWeights,
    state: StackState,
    x: Array,
    gate_inputs: GateInputs = GateInputs(),
    valid: Array | int | None = None,
) -> tuple[Array, StackState]:
    """Computes the skip sum of the next chunk, of any length, and the state after it: ``[B, T, R] -> [B, T, S]``.

    ``valid`` (default: all) says how many samples of the chunk count, a scalar in [0, T]: the state is the one after
    those.
    """
    if config.kernel_size == 1:  # no layer reads the past
        return whole(config, weights, x, gate_inputs), state
    rings = jnp.split(state.queues, np.cumsum(ring_sizes(config))[:-1])
    past = [
        jnp.roll(ring, -position, axis=0).swapaxes(0, 1) for ring, position in zip(rings, state.position, strict=True)
    ]
    skip, layer_inputs = _layers(config, weights, past, x, gate_inputs)
    count = x.shape[1] if valid is None else valid
    recent = [
        jax.lax.dynamic_slice_in_dim(jnp.concatenate([earlier, new], axis=1), count, earlier.shape[1], axis=1)
        for earlier, new in zip(past, layer_inputs, strict=True)
    ]
    queues = jnp.concatenate([ring.swapaxes(0, 1) for ring in recent])
    return skip, StackState(jnp.zeros_like(state.position), queues)


def gate_bias(weights: StackWeights, gate_inputs: GateInputs) -> Array | None:
    """Projects gate inputs to the bias that ``step`` adds inside each gate: ``[L, T, B, G]``.

    T is 1 where nothing changes with time; None is returned where there are no conditions.
    """
    bias = None
    if gate_inputs.time is not None:
        assert weights.time is not None
        rows = gate_inputs.time.swapaxes(0, 1)  # [T, B, D]
        bias = jnp.einsum("tbd,dlg->ltbg", rows, weights.time[: rows.shape[-1]])
    if gate_inputs.stream is not None:
        assert weights.stream is not None
        constant = jnp.einsum("bc,clg->lbg", gate_inputs.stream, weights.stream)[:, None]
        bias = constant if bias is None else bias + constant
    return bias


def step(
    config: WaveNetConfig, weights: StackWeights, state: StackState, x: Array, gate_bias: Array | None = None
) -> tuple[Array, StackState]:
    """Computes the skip sum of the next sample and the state after it: ``[B, R] -> [B, S]``.

    Every past input that the layers read is there before the step begins, so all of them are fetched and projected
    together; only the current sample goes through the layers one after another. ``gate_bias [L, B, G]`` is one sample
    of what the function ``gate_bias`` gives.
    """
    rows = x.shape[0]
    if config.kernel_size > 1:
        slots, past = one_kernel(functools.partial(_recall, config), rows)(state)
        projected = jnp.einsum("lkbr,lkrg->lbg", past, weights.past)
        gate_bias = projected if gate_bias is None else projected + gate_bias
    inputs, gated = one_kernel(functools.partial(_through, config), rows)(weights, x, gate_bias)
    if config.kernel_size > 1:
        queues = state.queues.at[slots].set(inputs, mode="promise_in_bounds", unique_indices=True)
        state = StackState((state.position + 1) % ring_sizes(config), queues)
    return linear(gated, weights.skip, weights.skip_bias), state


def _recall(config: WaveNetConfig, state: StackState) -> tuple[Array, Array]:
    """Reads the past inputs ``[L, K - 1, B, R]``; the slots of the oldest, ``[L]``, are written next."""
    sizes = ring_sizes(config)
    ages = np.outer(config.dilations, np.arange(config.kernel_size - 1))  # [L, K - 1]: slots after the oldest
    offsets = np.cumsum(sizes) - sizes
    slots = offsets[:, None] + (state.position[:, None] + ages) % sizes[:, None]
    return slots[:, 0], state.queues.at[slots].get(mode="promise_in_bounds", unique_indices=True)


def _through(config: WaveNetConfig, weights: StackWeights, x: Array, gate_bias: Array | None) -> tuple[Array, Array]:
    """Runs one sample through the layers: returns their inputs, ``[L, B, R]``, and all gates, ``[B, L * H]``."""
    inputs, gated = [], []
    for layer in range(config.layers):
        inputs.append(x)
        current = linear(x, weights.current[layer], weights.dilated_bias[layer])
        gated.append(_gate(current if gate_bias is None else current + gate_bias[layer]))
        if layer < config.layers - 1:
            x = _residual(config, weights, layer, x, gated[-1])
    return jnp.stack(inputs), jnp.concatenate(gated, axis=-1)


def _layers(
    config: WaveNetConfig,
    weights: StackWeights,
    past: Sequence[Array | None],
    x: Array,
    gate_inputs: GateInputs,
    dropout_key: Key | None = None,
) -> tuple[Array, list[Array]]:
    """Runs ``x [B, T, R]`` through all layers: returns the skip sum ``[B, T, S]`` and the layers' inputs ``[B, T, R]``.

    The inputs are left out where activations are computed again: that is for training, on whole signals.

    ``past`` holds the ``(K - 1) * d`` inputs before the chunk, ``[B, (K - 1) * d, R]``, or None for silence.
    """

    if not config.rematerialize or past[0] is not None:
        return _group(config, range(config.layers), past, x, weights, gate_inputs, dropout_key)[::2]
    # Groups of about sqrt(L) layers keep the least: what enters each group, and the inside of one.
    size = math.isqrt(config.layers - 1) + 1
    seed = None if dropout_key is None else jax.random.key_data(dropout_key)
    skips = []
    for start in range(0, config.layers, size):
        group = range(start, min(start + size, config.layers))

        def run(
            x: Array, weights: StackWeights, gate_inputs: GateInputs, seed: Array | None, group: range = group
        ) -> tuple[Array, Array]:
            key = None if seed is None else jax.random.wrap_key_data(seed)
            return _group(config, group, past, x, weights, gate_inputs, key)[:2]

        skip, x = recomputed(run)(x, weights, gate_inputs, seed)
        skips.append(skip)
    return total(skips), []


def _group(
    config: WaveNetConfig,
    group: range,
    past: Sequence[Array | None],
    x: Array,
    weights: StackWeights,
    gate_inputs: GateInputs,
    dropout_key: Key | None,
) -> tuple[Array, Array, list[Array]]:
    """Runs consecutive layers: returns their part of the skip sum, the stream after them, and their inputs."""
    gated, layer_inputs = [], []
    for layer in group:
        layer_inputs.append(x)
        if dropout_key is not None:
            layer_inputs[-1] = _drop(config.dropout, jax.random.fold_in(dropout_key, layer), x)
        gated.append(_gate(_drive(config, weights, layer, past[layer], layer_inputs[-1], gate_inputs)))
        if layer < config.layers - 1:
            # Without the barrier XLA sums the residuals of all layers before anew in each: a network of 40 layers
            # trains at less than half the speed.
            x = jax.lax.optimization_barrier(_residual(config, weights, layer, x, gated[-1]))
    rows = slice(group.start * config.hidden_channels, group.stop * config.hidden_channels)
    bias = weights.skip_bias if group.start == 0 else None
    return linear(jnp.concatenate(gated, axis=-1), weights.skip[rows], bias), x, layer_inputs


def _drive(
    config: WaveNetConfig, weights: StackWeights, layer: int, past: Array | None, x: Array, gate_inputs: GateInputs
) -> Array:
    """Computes the pre-activations of a layer's gate: ``[B, T, R] -> [B, T, G]``."""
    drive = linear(x, weights.current[layer], weights.dilated_bias[layer])
    for tap in range(config.kernel_size - 1):
        lag = (config.kernel_size - 1 - tap) * config.dilations[layer]
        drive = drive + _lagged(past, x, weights.past[layer, tap], lag)
    if gate_inputs.time is not None:
        assert weights.time is not None
        drive = _added(drive, linear(gate_inputs.time, weights.time[:, layer]))
    if gate_inputs.stream is not None:
        assert weights.stream is not None
        drive = drive + linear(gate_inputs.stream, weights.stream[:, layer])[:, None]
    return drive


def _lagged(past: Array | None, x: Array, kernel: Array, lag: int) -> Array:
    """Projects the signal ``lag`` samples ago: ``[B, T, R] -> [B, T, G]``.

    The projection is shifted, not its input: shifts of what an element-wise loop reads are free, shifts of what a
    matmul reads are copies.
    """
    length = x.shape[1]
    projected = linear(x, kernel)
    if past is None:
        return jnp.pad(projected, ((0, 0), (lag, 0), (0, 0)))[:, :length]
    earlier = linear(past[:, past.shape[1] - lag :], kernel)
    return jnp.concatenate([earlier, projected], axis=1)[:, :length]


def _added(drive: Array, slower: Array) -> Array:
    """Adds what holds for n samples each: ``[B, T, G], [B, T / n, G] -> [B, T, G]``."""
    if slower.shape[1] == drive.shape[1]:
        return drive + slower
    held = drive.reshape(*slower.shape[:2], -1, slower.shape[-1])
    return (held + slower[:, :, None]).reshape(drive.shape)


def _gate(drive: Array) -> Array:
    """Multiplies tanh of one half by the logistic of the other: ``[..., G] -> [..., H]`` (WaveNet §2.3)."""
    value, gate = jnp.split(drive, 2, axis=-1)
    return jnp.tanh(value) * jax.nn.sigmoid(gate)


def _residual(config: WaveNetConfig, weights: StackWeights, layer: int, x: Array, gated: Array) -> Array:
    """Adds a layer's gates, projected, to the stream: ``[..., R], [..., H] -> [..., R]``."""
    x = x + linear(gated, weights.residual[layer], weights.residual_bias[layer])
    return x * jnp.asarray(0.5**0.5, x.dtype) if config.residual_scaling else x


def _drop(rate: float, key: Key, x: Array) -> Array:
    """Drops a share of the channels, at each sample others."""
    keep = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(keep, x / (1 - rate), 0).astype(x.dtype)
