"""The one matmul that every projection is made of."""

from wavenet_jax.typing import Array


def linear(x: Array, kernel: Array) -> Array:
    """``x @ kernel`` for ``x [..., C]`` and ``kernel [C, D]``.

    Leading axes are folded into rows, so that the gradient of the kernel is one plain matmul as well; contracted over
    two axes it is up to a fifth slower on CPUs.
    """
    rows = x.reshape(-1, x.shape[-1]) @ kernel
    return rows.reshape(*x.shape[:-1], kernel.shape[-1])
