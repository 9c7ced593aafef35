"""The two ends of the network: codes into the residual stream, and the skip sum into the head's outputs."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model.linear import linear
from wavenet_jax.typing import Array

_MU = 255


class InputWeights(NamedTuple):
    """A causal convolution of one-hot codes, which is a sum of table look-ups (WaveNet §2.2), and one of values."""

    table: Array | None  # [Ki, rows, R]; the last tap is the current sample
    values: Array | None  # [Ki, R]
    bias: Array | None  # [R], beside values


class OutputWeights(NamedTuple):
    """Two projections, a ReLU in front of each (WaveNet §2.4)."""

    hidden: Array  # [S, E]
    hidden_bias: Array  # [E]
    outputs: Array  # [E, outputs of the head]
    outputs_bias: Array


class InputState(NamedTuple):
    """The last ``Ki - 1`` codes, each plus one: zero stands for the silence before the signal."""

    recent: Array  # [B, Ki - 1] int32


def init_input_state(config: WaveNetConfig, batch_size: int) -> InputState:
    """The state before the first sample."""
    return InputState(jnp.zeros((batch_size, config.input_kernel_size - 1), jnp.int32))


def scalars(config: WaveNetConfig, codes: Array) -> Array:
    """Codes as companded numbers in [-1, 1], where small values have room: ``[...] -> [...]`` float32."""
    values = codes.astype(jnp.float32) * (2 / (config.levels - 1)) - 1
    if config.companding == "mu_law":
        return values
    return jnp.sign(values) * jnp.log1p(_MU * jnp.abs(values)) / math.log1p(_MU)


def embed(
    config: WaveNetConfig, weights: InputWeights, state: InputState, codes: Array, valid: Array | int | None = None
) -> tuple[Array, InputState]:
    """The residual stream of a chunk of codes, and the state after it: ``[B, T] -> [B, T, R]``.

    The state is the one after the first ``valid`` samples (default: all).
    """
    length = codes.shape[1]
    taps = config.input_kernel_size
    window = jnp.concatenate([state.recent, codes + 1], axis=1)
    windows = [window[:, tap : tap + length] for tap in range(taps)]
    parts = []
    if weights.values is not None:
        heard = jnp.stack([jnp.where(tap > 0, scalars(config, tap - 1), 0) for tap in windows], axis=-1)
        parts.append(linear(heard.astype(weights.values.dtype), weights.values, weights.bias))
    if weights.table is not None:
        parts.append(weights.table[-1][_rows(config, codes)])
        for tap, table in zip(windows[:-1], weights.table[:-1], strict=True):
            silent = jnp.pad(table, ((1, 0), (0, 0)))
            parts.append(silent[jnp.where(tap > 0, _rows(config, tap - 1) + 1, 0)])
    recent = jax.lax.dynamic_slice_in_dim(window, length if valid is None else valid, taps - 1, axis=1)
    return sum(parts[1:], parts[0]), InputState(recent)


def _rows(config: WaveNetConfig, codes: Array) -> Array:
    """The row of the table that stands for each code."""
    if config.table_rows == config.levels:
        return codes
    return jnp.round((scalars(config, codes) + 1) / 2 * (config.table_rows - 1)).astype(jnp.int32)


def project(weights: OutputWeights, skip: Array) -> Array:
    """The head's outputs, float32, of the skip sum: ``[..., S] -> [..., outputs]``."""
    hidden = linear(jax.nn.relu(skip), weights.hidden, weights.hidden_bias)
    return linear(jax.nn.relu(hidden), weights.outputs, weights.outputs_bias).astype(jnp.float32)
