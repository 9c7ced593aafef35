"""Context stacks: slower networks with a longer past that condition the main stack (WaveNet §2.6).

A context stack hears the signal in blocks of ``period`` samples, one step each, and tells every sample of a block what
it made of the blocks before: ``[B, period] -> [B, period, C]``.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import stack
from wavenet_jax.model.ends import scalars
from wavenet_jax.model.linear import linear
from wavenet_jax.model.stack import StackState, StackWeights
from wavenet_jax.typing import Array


class ContextWeights(NamedTuple):
    """Everything one context stack multiplies by."""

    input: Array  # [period, R]: a block of values into the slow stream
    input_bias: Array  # [R]
    stack: StackWeights
    output: Array  # [S, period * C]
    output_bias: Array  # [period * C]


class ContextState(NamedTuple):
    """Where a context stack stands inside its period."""

    phase: Array  # [] int32: samples heard since the block began
    heard: Array  # [B, period]: the newest values, each at its place in its block; zero before the signal
    told: Array  # [B, period, C]: what the current block is told
    stack: StackState


def init_state(config: WaveNetConfig, period: int, batch_size: int) -> ContextState:
    """The state before the first sample."""
    return ContextState(
        phase=jnp.zeros((), jnp.int32),
        heard=jnp.zeros((batch_size, period), config.compute_dtype),
        told=jnp.zeros((batch_size, period, config.context.context_channels), config.compute_dtype),
        stack=stack.init_state(config.context_stack(period), batch_size),
    )


def whole(config: WaveNetConfig, weights: ContextWeights, codes: Array) -> Array:
    """What a whole signal that begins in silence is told: ``[B, T] -> [B, T, C]``."""
    batch, length = codes.shape
    period = weights.input.shape[0]
    blocks = -(-length // period)
    # A block of silence in front: each block is told about those before it.
    line = jnp.pad(_values(config, codes), ((0, 0), (period, 0)))[:, : blocks * period]
    skip = stack.whole(config.context_stack(period), weights.stack, _blocks(weights, line))
    return _told(config, weights, skip).reshape(batch, blocks * period, -1)[:, :length]


def at_phase(
    config: WaveNetConfig, weights: ContextWeights, period: int, batch_size: int, phase: Array | int
) -> ContextState:
    """The state before the first sample of a signal that begins ``phase`` samples inside a block, zeros before it."""
    unheard = jnp.zeros((batch_size, period), jnp.int32)
    _, state = extend(config, weights, init_state(config, period, batch_size), unheard, valid=phase)
    return state._replace(heard=jnp.zeros_like(state.heard))


def extend(
    config: WaveNetConfig,
    weights: ContextWeights,
    state: ContextState,
    codes: Array,
    valid: Array | int | None = None,
) -> tuple[Array, ContextState]:
    """What the next chunk, of any length, is told, and the state after it: ``[B, T] -> [B, T, C]``.

    The state is the one after the first ``valid`` samples (default: all).
    """
    batch, length = codes.shape
    period = weights.input.shape[0]
    blocks = -(-length // period)  # that can begin in the chunk, at most
    ahead = -state.phase % period  # samples until the first of them begins
    count = length if valid is None else valid
    begun = (count - 1 - ahead) // period + 1  # -1 // period + 1 is 0

    line = jnp.concatenate([jnp.roll(state.heard, -state.phase, axis=1), _values(config, codes)], axis=1)
    padded = jnp.pad(line, ((0, 0), (0, period)))
    heard = jax.lax.dynamic_slice_in_dim(padded, ahead, blocks * period, axis=1)
    skip, slow = stack.extend(
        config.context_stack(period), weights.stack, state.stack, _blocks(weights, heard), valid=begun
    )
    told = jnp.concatenate([state.told, _told(config, weights, skip).reshape(batch, blocks * period, -1)], axis=1)
    phase = (state.phase + count) % period
    after = ContextState(
        phase=phase,
        heard=jnp.roll(jax.lax.dynamic_slice_in_dim(line, count, period, axis=1), phase, axis=1),
        told=jax.lax.dynamic_slice_in_dim(told, begun * period, period, axis=1),
        stack=slow,
    )
    return jax.lax.dynamic_slice_in_dim(told, period - ahead, length, axis=1), after


def step(
    config: WaveNetConfig, weights: ContextWeights, state: ContextState, codes: Array
) -> tuple[Array, ContextState]:
    """What the next sample is told, and the state after it: ``[B] -> [B, C]``; computes once in a period."""
    period = weights.input.shape[0]

    def begin(state: ContextState) -> tuple[Array, StackState]:
        x = linear(state.heard, weights.input, weights.input_bias)
        skip, slow = stack.step(config.context_stack(period), weights.stack, state.stack, x)
        return _told(config, weights, skip), slow

    told, slow = jax.lax.cond(state.phase == 0, begin, lambda state: (state.told, state.stack), state)
    heard = jax.lax.dynamic_update_slice_in_dim(state.heard, _values(config, codes)[:, None], state.phase, axis=1)
    now = jax.lax.dynamic_index_in_dim(told, state.phase, axis=1, keepdims=False)
    return now, ContextState((state.phase + 1) % period, heard, told, slow)


def _values(config: WaveNetConfig, codes: Array) -> Array:
    return scalars(config, codes).astype(config.compute_dtype)


def _blocks(weights: ContextWeights, line: Array) -> Array:
    """Blocks of values as the slow stream: ``[B, F * period] -> [B, F, R]``."""
    period = weights.input.shape[0]
    return linear(line.reshape(line.shape[0], -1, period), weights.input, weights.input_bias)


def _told(config: WaveNetConfig, weights: ContextWeights, skip: Array) -> Array:
    """What the samples of each block are told: ``[..., S] -> [..., period, C]``."""
    told = linear(jax.nn.relu(skip), weights.output, weights.output_bias)
    return told.reshape(*skip.shape[:-1], -1, config.context.context_channels)
