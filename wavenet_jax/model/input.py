"""The input layer: codes into the residual stream by a causal convolution (WaveNet §2.2)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from wavenet_jax.audio.companding import compress, expand
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model.ops import linear, total
from wavenet_jax.model.parameters import Projections
from wavenet_jax.typing import Array


class InputWeights(NamedTuple):
    """A causal convolution of one-hot codes, which is a sum of table look-ups, and one of values."""

    table: Array | None  # [Ki, rows, R]; the last tap is the current sample
    values: Array | None  # [Ki, R]
    bias: Array | None  # [R], beside values


class InputState(NamedTuple):
    """The last ``Ki - 1`` codes, each plus one: zero stands for the silence before the signal."""

    recent: Array  # [B, Ki - 1] int32


class CausalInput(Projections):
    """Turns codes into the residual stream: ``[B, T] -> [B, T, R]``."""

    @nn.compact
    def weights(self) -> InputWeights:
        """Returns the prepared weights."""
        config = self.config
        taps, rows, residual = config.input_kernel_size, config.table_rows, config.residual_channels
        return InputWeights(
            table=self.table("kernel", (taps, rows, residual)) if rows else None,
            values=self.table("value_kernel", (taps, residual)) if config.input_has_values else None,
            bias=self.bias("bias", (residual,)) if config.input_has_values else None,
        )

    def __call__(self, codes: Array) -> Array:
        """Embeds a whole signal that begins in silence."""
        return extend(self.config, self.weights(), init_state(self.config, codes.shape[0]), codes)[0]


def receptive_field(config: WaveNetConfig) -> int:
    """Samples that one step of the residual stream depends on, the newest included."""
    return config.input_kernel_size


def multiply_adds(config: WaveNetConfig) -> int:
    """Multiply-adds per sample; look-ups multiply nothing."""
    return config.input_kernel_size * config.residual_channels if config.input_has_values else 0


def init_state(config: WaveNetConfig, batch_size: int) -> InputState:
    """Returns the state before the first sample."""
    return InputState(jnp.zeros((batch_size, config.input_kernel_size - 1), jnp.int32))


def extend(
    config: WaveNetConfig, weights: InputWeights, state: InputState, codes: Array, valid: Array | int | None = None
) -> tuple[Array, InputState]:
    """Embeds a chunk of codes: ``[B, T] -> [B, T, R]``, and the state after its first ``valid`` samples (None: all)."""
    length = codes.shape[1]
    taps = config.input_kernel_size
    window = jnp.concatenate([state.recent, codes + 1], axis=1)
    windows = [window[:, tap : tap + length] for tap in range(taps)]
    parts = []
    if weights.values is not None:
        values = jnp.stack([jnp.where(tap > 0, input_values(config, tap - 1), 0) for tap in windows], axis=-1)
        parts.append(linear(values.astype(weights.values.dtype), weights.values, weights.bias))
    if weights.table is not None:
        parts.append(weights.table[-1][rows_of(config, codes)])
        for tap, table in zip(windows[:-1], weights.table[:-1], strict=True):
            silent = jnp.pad(table, ((1, 0), (0, 0)))
            parts.append(silent[jnp.where(tap > 0, rows_of(config, tap - 1) + 1, 0)])
    recent = jax.lax.dynamic_slice_in_dim(window, length if valid is None else valid, taps - 1, axis=1)
    return total(parts), InputState(recent)


def step(config: WaveNetConfig, weights: InputWeights, state: InputState, codes: Array) -> tuple[Array, InputState]:
    """Embeds one sample: ``[B] -> [B, R]``, and the state after it."""
    x, state = extend(config, weights, state, codes[:, None])
    return x[:, 0], state


def input_values(config: WaveNetConfig, codes: Array) -> Array:
    """Returns the values of codes that the input layer takes: ``[...] -> [...]`` float32 in [-1, 1]."""
    if config.input != "waveform":
        return scalars(config, codes)
    values = codes.astype(jnp.float32) * (2 / (config.levels - 1)) - 1
    return expand(values, config.levels - 1, jnp) if config.companding == "mu_law" else values


def scalars(config: WaveNetConfig, codes: Array) -> Array:
    """Returns codes as companded numbers in [-1, 1], where small values have room: ``[...] -> [...]`` float32."""
    values = codes.astype(jnp.float32) * (2 / (config.levels - 1)) - 1
    if config.companding == "mu_law":
        return values
    return compress(values, xp=jnp)


def rows_of(config: WaveNetConfig, codes: Array) -> Array:
    """Returns the row of the table that stands for each code."""
    if config.table_rows == config.levels:
        return codes
    return jnp.round((scalars(config, codes) + 1) / 2 * (config.table_rows - 1)).astype(jnp.int32)


def waveform_of(config: WaveNetConfig, codes: Array) -> Array:
    """Returns the waveform values of codes, in [-1, 1]: ``[...] -> [...]`` float32."""
    values = codes.astype(jnp.float32) * (2 / (config.levels - 1)) - 1
    return values if config.companding == "linear" else expand(values, config.levels - 1, xp=jnp)


def codes_of(config: WaveNetConfig, waveform: Array) -> Array:
    """Returns the codes of a waveform; values beyond [-1, 1] are clipped: ``[...] -> [...]`` int32."""
    values = jnp.clip(waveform, -1, 1)
    values = values if config.companding == "linear" else compress(values, config.levels - 1, xp=jnp)
    return jnp.floor((values + 1) / 2 * (config.levels - 1) + 0.5).astype(jnp.int32)
