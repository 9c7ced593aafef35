"""Small operations that a CPU runs as one."""

from collections.abc import Callable
from typing import Any

import jax
from jax.experimental.xla_metadata import set_xla_metadata


def one_kernel(function: Callable[..., Any], rows: int) -> Callable[..., Any]:
    """The same function of arrays; XLA compiles that of a single row for CPUs into one kernel.

    XLA starts every operation of a CPU program by itself, which takes half as long as the product of a row. Only loops
    over a few bytes are compiled whole, by a pass that marks them as this does. Such a kernel cannot hold sorts and
    scatters, nor products of several rows, for which there is the matrix library.
    """
    if rows > 1:
        return function
    compiled = jax.jit(function)

    def marked(*arrays: Any) -> Any:
        # Attributes of the call alone. Without the second one it is inlined before anything reads the first.
        return set_xla_metadata(compiled(*arrays), xla_cpu_small_call="true", inlineable="false")

    def run(*arrays: Any) -> Any:
        return jax.lax.platform_dependent(*arrays, cpu=marked, default=function)

    return run
