"""One mathematics, every tempo: what every layer, and the whole model, has to keep.

``verify`` takes a Linen module with ``__call__(x)``, ``extend(state, x)``, ``step(state, x_t)`` and
``init_state(batch_size)``, and checks on given inputs that

- the whole == chunks of any sizes == single steps, for outputs and for gradients;
- the state keeps its structure, shapes and dtypes;
- other rows of the batch never matter, bit for bit;
- the future never leaks: what comes later never changes what came before, bit for bit;
- the oldest sample that the last output depends on is exactly ``receptive_field - 1`` samples older.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.typing import Conditions


def verify(
    module: nn.Module,
    params: Any,
    x: jax.Array,
    *,
    receptive_field: int,
    chunks: Sequence[int],
    other: jax.Array,
    tolerance: float,
    conditions: Conditions | None = None,
) -> float:
    """Checks the contract on ``x [B, T, ...]`` and returns the greatest difference between tempos.

    ``other`` is another input of the same shape: where the two differ decides what may change. ``chunks`` are chunk
    lengths; what they leave of T goes in single steps. Modules that take ``conditions`` get them whole in ``__call__``,
    and in pieces of what their ``condition`` makes of them otherwise. Outputs and gradients may differ by ``tolerance``
    times the greatest absolute value.
    """
    batch, length = x.shape[:2]
    assert sum(chunks) < length, "leave some samples for single steps"
    whole, in_tempos = _results(module, chunks, conditions)
    expected, expected_gradient = whole(params, x)
    actual, actual_gradient, state = in_tempos(params, x)

    difference = _difference(actual, expected, tolerance, "outputs")
    difference = max(difference, _difference(actual_gradient, expected_gradient, tolerance, "gradients"))
    before = module.init_state(batch)
    assert jax.tree.map(lambda a: (a.shape, a.dtype), state) == jax.tree.map(lambda a: (a.shape, a.dtype), before)

    neighbours = x.at[1:].set(other[1:])
    np.testing.assert_array_equal(whole(params, neighbours)[0][0], expected[0], "another row of the batch mattered")
    middle = length // 2
    future = x.at[:, middle:].set(other[:, middle:])
    np.testing.assert_array_equal(whole(params, future)[0][:, :middle], expected[:, :middle], "the future leaked")

    first = jax.tree.map(lambda rows: rows[:1], conditions)
    _verify_receptive_field(module, params, x[:1], other[:1], receptive_field, first)
    return difference


def _results(module: nn.Module, chunks: Sequence[int], conditions: Conditions | None) -> tuple[Any, Any]:
    """Two compiled functions: outputs and gradient of the whole; outputs, gradient and state of chunks, then steps."""

    def play(params: Any, x: jax.Array) -> tuple[jax.Array, Any]:
        variables = {"params": params}
        state = module.init_state(x.shape[0])
        known = () if conditions is None else (module.apply(variables, conditions, method="condition"),)

        def told(at: Any) -> Any:
            """What is known of the samples ``at``, as the arguments that follow them."""
            return tuple(one._replace(time=None if one.time is None else one.time[:, at]) for one in known)

        pieces, start = [], 0
        for chunk in chunks:
            now = slice(start, start + chunk)
            piece, state = module.apply(variables, state, x[:, now], *told(now), method="extend")
            pieces.append(piece)
            start += chunk

        def step(state: Any, t: jax.Array) -> tuple[Any, jax.Array]:
            piece, state = module.apply(variables, state, x[:, t], *told(t), method="step")
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

    whole = with_gradient(lambda params, x: (_whole(module, params, x, conditions), None))
    return lambda params, x: whole(params, x)[:2], with_gradient(play)


def _whole(module: nn.Module, params: Any, x: jax.Array, conditions: Conditions | None) -> Any:
    return module.apply({"params": params}, x, *(() if conditions is None else (conditions,)))


def _difference(actual: Any, expected: Any, tolerance: float, what: str) -> float:
    greatest = 0.0
    for left, right in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        left, right = np.asarray(left, np.float32), np.asarray(right, np.float32)
        error, scale = np.abs(left - right).max(), np.abs(right).max()
        assert error <= tolerance * max(scale, 1.0), f"{what} differ by {error} where the greatest is {scale}"
        greatest = max(greatest, float(error))
    return greatest


def _verify_receptive_field(
    module: nn.Module,
    params: Any,
    x: jax.Array,
    other: jax.Array,
    receptive_field: int,
    conditions: Conditions | None,
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
    last = jax.jit(lambda params, x: _whole(module, params, x, same)[:, -1])(params, together)
    last = np.asarray(last.reshape(length + 1, -1))
    matters = (last[1:] != last[:1]).any(axis=1)
    assert length - matters.argmax() == receptive_field, f"{length - matters.argmax()} samples of the past mattered"
