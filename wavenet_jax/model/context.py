"""Context stacks: slower networks with a longer past that condition the main stack (WaveNet §2.6).

A context stack takes the signal in blocks of ``period`` samples, one step each. From the blocks before, it makes C
channels for every sample of a block, the context output: ``[B, period] -> [B, period, C]``.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import stack
from wavenet_jax.model.input import scalars
from wavenet_jax.model.ops import linear
from wavenet_jax.model.parameters import Projections
from wavenet_jax.model.stack import GatedStack, StackState, StackWeights
from wavenet_jax.typing import Array


class ContextWeights(NamedTuple):
    """The weights of one context stack."""

    input: Array  # [period, R]: a block of values into the slow stream
    input_bias: Array  # [R]
    stack: StackWeights
    output: Array  # [S, period * C]
    output_bias: Array  # [period * C]


class ContextState(NamedTuple):
    """The state of a context stack inside its period."""

    phase: Array  # [] int32: samples since the block began
    block: Array  # [B, period]: the newest values, each at its place in its block; zero before the signal
    output: Array  # [B, period, C]: the context output of the current block
    stack: StackState


class ContextStack(Projections):
    """Gives each sample channels that describe the blocks before its own: ``[B, T] -> [B, T, C]``."""

    period: int

    @nn.compact
    def weights(self) -> ContextWeights:
        """Returns the prepared weights."""
        config = self.config.context
        residual, skip = config.context_residual_channels, config.context_skip_channels
        width = self.period * config.context_channels
        return ContextWeights(
            input=self.kernel("input_kernel", (self.period, residual), fan_in=(0,)),
            input_bias=self.bias("input_bias", (residual,)),
            stack=GatedStack(self.config.context_stack(self.period), name="stack").weights(),
            output=self.kernel("output_kernel", (skip, width), fan_in=(0,), gain=2**0.5),
            output_bias=self.bias("output_bias", (width,)),
        )

    def __call__(self, codes: Array) -> Array:
        """Runs a whole signal that begins in silence."""
        return whole(self.config, self.weights(), codes)


def receptive_field(config: WaveNetConfig, period: int) -> int:
    """Samples back from one, itself included, that its context output depends on at most."""
    # A block more than the stack has steps: the last sample of a block sees no more than its first one.
    return (stack.receptive_field(config.context_stack(period)) + 1) * period


def multiply_adds(config: WaveNetConfig, period: int) -> float:
    """Multiply-adds per sample: its share of a step of the stack."""
    slow = config.context_stack(period)
    ends = period * slow.residual_channels + slow.skip_channels * period * config.context.context_channels
    return (stack.multiply_adds(slow) + ends) / period


def init_state(config: WaveNetConfig, period: int, batch_size: int) -> ContextState:
    """Returns the state before the first sample."""
    return ContextState(
        phase=jnp.zeros((), jnp.int32),
        block=jnp.zeros((batch_size, period), config.compute_dtype),
        output=jnp.zeros((batch_size, period, config.context.context_channels), config.compute_dtype),
        stack=stack.init_state(config.context_stack(period), batch_size),
    )


def whole(config: WaveNetConfig, weights: ContextWeights, codes: Array) -> Array:
    """Computes the context output of a whole signal that begins in silence: ``[B, T] -> [B, T, C]``."""
    batch, length = codes.shape
    period = weights.input.shape[0]
    blocks = ceil_div(length, period)
    # A block of silence in front: the output of each block comes from those before it.
    line = jnp.pad(_values(config, codes), ((0, 0), (period, 0)))[:, : blocks * period]
    skip = stack.whole(config.context_stack(period), weights.stack, _blocks(weights, line))
    return _output(config, weights, skip).reshape(batch, blocks * period, -1)[:, :length]


def at_phase(
    config: WaveNetConfig, weights: ContextWeights, period: int, batch_size: int, phase: Array | int
) -> ContextState:
    """Returns the state before a signal that begins ``phase`` samples inside a block, with zeros before it."""
    silence = jnp.zeros((batch_size, period), jnp.int32)
    _, state = extend(config, weights, init_state(config, period, batch_size), silence, valid=phase)
    return state._replace(block=jnp.zeros_like(state.block))


def extend(
    config: WaveNetConfig,
    weights: ContextWeights,
    state: ContextState,
    codes: Array,
    valid: Array | int | None = None,
) -> tuple[Array, ContextState]:
    """Computes the context output of the next chunk, of any length, and the state after it: ``[B, T] -> [B, T, C]``.

    The state is the one after the first ``valid`` samples (default: all).
    """
    batch, length = codes.shape
    period = weights.input.shape[0]
    blocks = ceil_div(length, period)  # that can begin in the chunk, at most
    ahead = -state.phase % period  # samples until the first of them begins
    count = length if valid is None else valid
    begun = (count - 1 - ahead) // period + 1  # -1 // period + 1 is 0

    line = jnp.concatenate([jnp.roll(state.block, -state.phase, axis=1), _values(config, codes)], axis=1)
    padded = jnp.pad(line, ((0, 0), (0, period)))
    before = jax.lax.dynamic_slice_in_dim(padded, ahead, blocks * period, axis=1)
    skip, slow = stack.extend(
        config.context_stack(period), weights.stack, state.stack, _blocks(weights, before), valid=begun
    )
    outputs = _output(config, weights, skip).reshape(batch, blocks * period, -1)
    outputs = jnp.concatenate([state.output, outputs], axis=1)
    phase = (state.phase + count) % period
    after = ContextState(
        phase=phase,
        block=jnp.roll(jax.lax.dynamic_slice_in_dim(line, count, period, axis=1), phase, axis=1),
        output=jax.lax.dynamic_slice_in_dim(outputs, begun * period, period, axis=1),
        stack=slow,
    )
    return jax.lax.dynamic_slice_in_dim(outputs, period - ahead, length, axis=1), after


def step(
    config: WaveNetConfig, weights: ContextWeights, state: ContextState, codes: Array
) -> tuple[Array, ContextState]:
    """Returns the context output of the next sample, and the state after it: ``[B] -> [B, C]``.

    ``codes`` are of the sample before; the stack itself runs once in a period.
    """
    period = weights.input.shape[0]

    def begin(state: ContextState) -> tuple[Array, StackState]:
        x = linear(state.block, weights.input, weights.input_bias)
        skip, slow = stack.step(config.context_stack(period), weights.stack, state.stack, x)
        return _output(config, weights, skip), slow

    output, slow = jax.lax.cond(state.phase == 0, begin, lambda state: (state.output, state.stack), state)
    block = jax.lax.dynamic_update_slice_in_dim(state.block, _values(config, codes)[:, None], state.phase, axis=1)
    now = jax.lax.dynamic_index_in_dim(output, state.phase, axis=1, keepdims=False)
    return now, ContextState((state.phase + 1) % period, block, output, slow)


def _values(config: WaveNetConfig, codes: Array) -> Array:
    """Returns companded values in the compute dtype."""
    return scalars(config, codes).astype(config.compute_dtype)


def _blocks(weights: ContextWeights, line: Array) -> Array:
    """Projects blocks of values to the slow stream: ``[B, F * period] -> [B, F, R]``."""
    period = weights.input.shape[0]
    return linear(line.reshape(line.shape[0], -1, period), weights.input, weights.input_bias)


def _output(config: WaveNetConfig, weights: ContextWeights, skip: Array) -> Array:
    """Projects the slow skip sum to the context output of a block each: ``[..., S] -> [..., period, C]``."""
    output = linear(jax.nn.relu(skip), weights.output, weights.output_bias)
    return output.reshape(*skip.shape[:-1], -1, config.context.context_channels)
