"""Rematerialisation that holds on every backend."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from wavenet_jax.typing import Array


def recomputed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which keeps nothing but its inputs for its gradient, and computes the rest again.

    ``jax.checkpoint`` does the same on GPU and TPU; on CPUs XLA merges its second computation with the first, and keeps
    everything after all. Here the inputs of the second one depend on the gradient, so that it cannot be merged. All
    inputs are arrays, in any tree; nothing that is traced may be closed over.
    """

    @jax.custom_vjp
    def run(*inputs: Any) -> Any:
        return function(*inputs)

    def forward(*inputs: Any) -> tuple[Any, Any]:
        return function(*inputs), inputs

    def backward(inputs: Any, gradients: Any) -> Any:
        # Of all gradients, so that no function computes again before it is its turn.
        nothing = sum(0 * leaf.ravel()[0] for leaf in jax.tree.leaves(gradients))

        def tied(leaf: Array) -> Array:
            return leaf + jnp.asarray(nothing, leaf.dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

        return jax.vjp(function, *jax.tree.map(tied, inputs))[1](gradients)

    run.defvjp(forward, backward)
    return run
