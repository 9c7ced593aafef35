"""The contract of every layer, and of the whole model: one mathematics, whether whole, in chunks or in steps.

``verify`` takes the functions of a layer or a model, and checks on given inputs that

- the whole == chunks of any sizes == single steps, for outputs and for gradients;
- the state keeps its structure, shapes and dtypes;
- other rows of the batch never matter, bit for bit;
- the future never leaks: what comes later never changes what came before, bit for bit;
- the oldest sample that the last output depends on is exactly ``receptive_field - 1`` samples older.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.model import GateInputs, WaveNet
from wavenet_jax.typing import Conditions


class Tempos(NamedTuple):
    """The same mathematics for a whole signal, for its next chunk, and for its next sample."""

    init_state: Callable[[int], Any]
    """From a batch size."""
    whole: Callable[[Any, jax.Array, Conditions], jax.Array]
    """From parameters, ``x [B, T, ...]`` and conditions to outputs ``[B, T, ...]``."""
    extend: Callable[[Any, Any, jax.Array, GateInputs], tuple[jax.Array, Any]]
    """From parameters, state, a chunk of ``x`` and its gate inputs to outputs and the state after it."""
    step: Callable[[Any, Any, jax.Array, GateInputs], tuple[jax.Array, Any]]
    """The same for one sample."""
    gate_inputs: Callable[[Any, Conditions], GateInputs] = lambda params, conditions: GateInputs()
    """From parameters and conditions of a whole signal."""


def tempos_of_model(model: WaveNet) -> Tempos:
    """Returns the methods of a model."""

    def method(name: str) -> Callable[..., Any]:
        return lambda params, *inputs: model.apply({"params": params}, *inputs, method=name)

    return Tempos(model.init_state, method("__call__"), method("extend"), method("step"), method("gate_inputs"))


def tempos_of_layer(
    layer: nn.Module, init_state: Callable[[int], Any], extend: Callable[..., Any], step: Callable[..., Any]
) -> Tempos:
    """Returns a layer's functions of its weights, without conditions."""

    def of_params(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(params: Any, state: Any, x: jax.Array, gate_inputs: GateInputs) -> tuple[jax.Array, Any]:
            return function(layer.config, layer.apply({"params": params}, method="weights"), state, x)

        return run

    def whole(params: Any, x: jax.Array, conditions: Conditions) -> jax.Array:
        return layer.apply({"params": params}, x)

    return Tempos(init_state, whole, of_params(extend), of_params(step))


def verify(
    tempos: Tempos,
    params: Any,
    x: jax.Array,
    *,
    receptive_field: int,
    chunks: Sequence[int],
    other: jax.Array,
    tolerance: float,
    conditions: Conditions = Conditions(),
) -> float:
    """Checks the contract on ``x [B, T, ...]`` and returns the greatest difference between tempos.

    ``other`` is another input of the same shape: where the two differ decides what may change. ``chunks`` are chunk
    lengths; what they leave of T goes in single steps. Outputs and gradients may differ by ``tolerance`` times the
    greatest absolute value.
    """
    batch, length = x.shape[:2]
    assert sum(chunks) < length, "leave some samples for single steps"
    whole, in_tempos = _results(tempos, chunks, conditions)
    expected, expected_gradient = whole(params, x)
    actual, actual_gradient, state = in_tempos(params, x)

    difference = _difference(actual, expected, tolerance, "outputs")
    difference = max(difference, _difference(actual_gradient, expected_gradient, tolerance, "gradients"))
    before = tempos.init_state(batch)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), state) == jax.tree.map(lambda a: (a.shape, a.dtype), before)

    neighbours = x.at[1:].set(other[1:])
    np.testing.assert_array_equal(whole(params, neighbours)[0][0], expected[0], "another row of the batch mattered")
    middle = length // 2
    future = x.at[:, middle:].set(other[:, middle:])
    np.testing.assert_array_equal(whole(params, future)[0][:, :middle], expected[:, :middle], "the future leaked")

    first = jax.tree.map(lambda rows: rows[:1], conditions)
    _verify_receptive_field(tempos, params, x[:1], other[:1], receptive_field, first)
    return difference


def _results(tempos: Tempos, chunks: Sequence[int], conditions: Conditions) -> tuple[Any, Any]:
    """Compiles two functions: outputs and gradient of the whole; outputs, gradient and state of chunks, then steps."""

    def in_tempos(params: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        state, gate_inputs = tempos.init_state(x.shape[0]), tempos.gate_inputs(params, conditions)
        pieces, start = [], 0
        for chunk in chunks:
            now = slice(start, start + chunk)
            piece, state = tempos.extend(params, state, x[:, now], gate_inputs.at(now))
            pieces.append(piece)
            start += chunk

        def step(state: Any, t: jax.Array) -> tuple[Any, jax.Array]:
            piece, state = tempos.step(params, state, x[:, t], gate_inputs.at(t))
            return state, piece

        state, steps = jax.lax.scan(step, state, jnp.arange(start, x.shape[1]))
        return jnp.concatenate([*pieces, steps.swapaxes(0, 1)], axis=1), state

    def with_gradient(function: Any) -> Any:
        def summed(params: Any, x: jax.Array) -> tuple[jax.Array, Any]:
            outputs, state = function(params, x)
            # Cosines weigh every output differently, so that no two errors cancel.
            weights = jnp.cos(jnp.arange(outputs.size, dtype=jnp.float32)).reshape(outputs.shape)
            return (weights * outputs.astype(jnp.float32)).sum(), (outputs, state)

        def results(params: Any, x: jax.Array) -> tuple[jax.Array, Any, Any]:
            floating = jnp.issubdtype(x.dtype, jnp.floating)
            gradient = jax.grad(summed, argnums=(0, 1) if floating else (0,), has_aux=True)
            slopes, (outputs, state) = gradient(params, x)
            return outputs, slopes, state

        return jax.jit(results)

    whole = with_gradient(lambda params, x: (tempos.whole(params, x, conditions), None))
    return lambda params, x: whole(params, x)[:2], with_gradient(in_tempos)


def _difference(actual: Any, expected: Any, tolerance: float, what: str) -> float:
    """Asserts that two trees are close, and returns their greatest difference."""
    greatest = 0.0
    for left, right in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        left, right = np.asarray(left, np.float32), np.asarray(right, np.float32)
        error, scale = np.abs(left - right).max(), np.abs(right).max()
        assert error <= tolerance * max(scale, 1.0), f"{what} differ by {error} where the greatest is {scale}"
        greatest = max(greatest, float(error))
    return greatest


def _verify_receptive_field(
    tempos: Tempos,
    params: Any,
    x: jax.Array,
    other: jax.Array,
    receptive_field: int,
    conditions: Conditions,
) -> None:
    """Replaces one sample at a time: the oldest that changes the last output is the field's first."""
    length = x.shape[1]
    assert length > receptive_field, f"{length} samples cannot show a receptive field of {receptive_field}"
    at = jnp.eye(length, dtype=bool).reshape(length, length, *(1,) * (x.ndim - 2))
    replaced = jnp.where(
        at, jnp.broadcast_to(other, (length, *x.shape[1:])), jnp.broadcast_to(x, at.shape[:2] + x.shape[2:])
    )
    together = jnp.concatenate([x, replaced])
    same = jax.tree.map(lambda row: jnp.repeat(row, length + 1, axis=0), conditions)
    last = jax.jit(lambda params, x: tempos.whole(params, x, same)[:, -1])(params, together)
    last = np.asarray(last.reshape(length + 1, -1))
    matters = (last[1:] != last[:1]).any(axis=1)
    assert length - matters.argmax() == receptive_field, f"{length - matters.argmax()} samples of the past mattered"
