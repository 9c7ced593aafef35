"""The probability of a bin between two edges, as logarithms that are accurate far out and for narrow bins."""

import math
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.audio.companding import compress
from wavenet_jax.typing import Array


@lru_cache
def companded_edges(levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Edges ``[Q + 1]`` and widths ``[Q]`` of evenly spaced bins on the companded axis, float32."""
    values = (2 * np.arange(levels + 1) - levels) / (levels - 1)
    edges = compress(values)
    return edges.astype(np.float32), np.diff(edges).astype(np.float32)


def log_logistic_mass(lower: Array, upper: Array, width: Array, first: Array, last: Array) -> Array:
    """Logarithm of what lies between two edges, in scales; the ``first`` and ``last`` bin reach to infinity."""
    # sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - exp(b - a))
    below = jnp.where(last, 0, jax.nn.log_sigmoid(upper))
    above = jnp.where(first, 0, jax.nn.log_sigmoid(-lower))
    return below + above + jnp.where(first | last, 0, jnp.log(-jnp.expm1(-width)))


def log_normal_mass(lower: Array, upper: Array, width: Array, first: Array, last: Array) -> Array:
    """Computes the same as ``log_logistic_mass``, of the normal distribution."""
    centre = (lower + upper) / 2
    distance = jnp.abs(centre)
    # Reflected to the upper side, where tails are small and their difference is accurate.
    near = jnp.where(first, -upper, jnp.where(last | (centre > 0), lower, -upper))
    far = jnp.where(centre > 0, upper, -lower)
    tail = _log_upper_tail(near)
    narrow, outermost = width < 0.1, first | last
    # A tail falls at least as fast as the density does, which is the second bound; far out, rounding breaks the first.
    gap = jnp.minimum(_log_upper_tail(far) - tail, -distance * width)
    wide_mass = tail + jnp.log1p(-jnp.exp(jnp.where(narrow | outermost, -1, gap)))
    # The density at the centre, times the mean of exp(-t distance) exp(-t^2 / 2) over the width: of the first factor
    # it is sinh(x) / x, of the second 1 - width^2 / 24.
    tilt = _log_sinh_ratio(distance * width / 2)
    narrow_mass = jnp.log(width) - math.log(2 * math.pi) / 2 - distance**2 / 2 + tilt - width**2 / 24
    mass = jnp.where(outermost, tail, jnp.where(narrow, narrow_mass, wide_mass))
    return jnp.where(first & last, 0, mass)


def _log_upper_tail(x: Array) -> Array:
    """Logarithm of the normal distribution's mass above x.

    ``jax.scipy.special.log_ndtr`` is the same, but its gradient is a quotient that overflows far out.
    """
    near, far = jnp.where(x > 10, 10, x), jnp.where(x > 10, x, 10)
    square = far**-2.0
    series = jnp.log1p(-square * (1 - square * (3 - 15 * square)))
    asymptote = -(far**2) / 2 - jnp.log(far) - math.log(2 * math.pi) / 2 + series
    return jnp.where(x > 10, asymptote, jnp.log(jax.scipy.special.erfc(near / math.sqrt(2)) / 2))


def _log_sinh_ratio(x: Array) -> Array:
    """``log(sinh(x) / x)`` for x at least 0."""
    small, great = jnp.minimum(x, 0.3), jnp.maximum(x, 0.3)
    series = small**2 / 6 - small**4 / 180
    return jnp.where(x < 0.3, series, great + jnp.log(-jnp.expm1(-2 * great) / (2 * great)))
