"""Operations that the layers are made of, shaped by what XLA does with them."""

import functools
import operator
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.xla_metadata import set_xla_metadata

from wavenet_jax.typing import Array

_PORTABLE = ContextVar("portable", default=False)


@contextmanager
def portable() -> Iterator[None]:
    """Leaves out, of what is traced in the block, all that only XLA reads."""
    token = _PORTABLE.set(True)
    try:
        yield
    finally:
        _PORTABLE.reset(token)


def linear(x: Array, kernel: Array, bias: Array | None = None) -> Array:
    """Computes ``x @ kernel + bias`` for ``x [..., C]``, ``kernel [C, D]`` and ``bias [D]``.

    Leading axes are folded into rows, so that the gradient of the kernel is one plain matmul as well; contracted over
    two axes it is up to a fifth slower on CPUs.
    """
    rows = x.reshape(-1, x.shape[-1]) @ kernel
    if bias is not None:
        rows = rows + bias[None]
    return rows.reshape(*x.shape[:-1], kernel.shape[-1])


def total(parts: Sequence[Array]) -> Array:
    """Adds at least one array, from the first to the last; ``sum`` would begin with a zero of another dtype."""
    return functools.reduce(operator.add, parts)


def arcsinh(x: Array) -> Array:
    """Computes the inverse hyperbolic sine of data: numbers up to 1e19, whose squares are finite; no gradient at zero.

    ``jnp.arcsinh`` takes another formula beyond, and for that choice XLA on CPUs computes one number after the other.
    """
    size = jnp.abs(x)
    square = size * size
    return jnp.sign(x) * jnp.log1p(size + square / (1 + jnp.sqrt(1 + square)))


def one_kernel(function: Callable[..., Any], rows: int) -> Callable[..., Any]:
    """Returns the same function of arrays, which XLA compiles into one CPU kernel where there is a single row.

    On CPUs, XLA dispatches each operation by itself; for one row, a dispatch costs half as much as the matmul. Only
    loops over a few bytes are compiled whole, by a pass that marks them as this does. Such a kernel cannot hold sorts
    and scatters, nor products of several rows, for which there is the matrix library.
    """
    if rows > 1 or _PORTABLE.get():
        return function
    compiled = jax.jit(function)

    def marked(*arrays: Any) -> Any:
        # Attributes of the call alone. Without the second one it is inlined before anything reads the first.
        return set_xla_metadata(compiled(*arrays), xla_cpu_small_call="true", inlineable="false")

    def run(*arrays: Any) -> Any:
        return jax.lax.platform_dependent(*arrays, cpu=marked, default=function)

    return run


def recomputed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the same function, which keeps only its inputs for its gradient and computes the rest again.

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
        # Depends on every output gradient, so that XLA cannot schedule the recomputation early.
        nothing = sum(0 * leaf.ravel()[0] for leaf in jax.tree.leaves(gradients))

        def tied(leaf: Array) -> Array:
            return leaf + jnp.asarray(nothing, leaf.dtype) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf

        return jax.vjp(function, *jax.tree.map(tied, inputs))[1](gradients)

    run.defvjp(forward, backward)
    return run
