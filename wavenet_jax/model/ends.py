"""The two ends of the network: codes into the residual stream, and the skip sum into the head's outputs."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model.linear import linear
from wavenet_jax.typing import Array


class InputWeights(NamedTuple):
    """A causal convolution of one-hot codes, which is a sum of table look-ups (WaveNet §2.2)."""

    kernel: Array  # [Ki, Q, R]; the last tap is the current sample


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


def embed(weights: InputWeights, state: InputState, codes: Array) -> tuple[Array, InputState]:
    """The residual stream of a chunk of codes, and the state after it: ``[B, T] -> [B, T, R]``."""
    length = codes.shape[1]
    taps = weights.kernel.shape[0]
    x = weights.kernel[-1][codes]
    if taps == 1:
        return x, state
    window = jnp.concatenate([state.recent, codes + 1], axis=1)
    for tap in range(taps - 1):
        table = jnp.pad(weights.kernel[tap], ((1, 0), (0, 0)))
        x = x + table[window[:, tap : tap + length]]
    return x, InputState(window[:, length:])


def project(weights: OutputWeights, skip: Array) -> Array:
    """The head's outputs, float32, of the skip sum: ``[..., S] -> [..., outputs]``."""
    hidden = linear(jax.nn.relu(skip), weights.hidden, weights.hidden_bias)
    return linear(jax.nn.relu(hidden), weights.outputs, weights.outputs_bias).astype(jnp.float32)
