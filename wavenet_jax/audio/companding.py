"""µ-law companding (ITU-T G.711; WaveNet §2.2), for numpy and for JAX arrays."""

import math
from types import ModuleType
from typing import Any

import numpy as np

MU = 255
"""µ of G.711, and of every companded axis that does not follow from a number of levels."""


def compress(values: Any, mu: int = MU, xp: ModuleType = np) -> Any:
    """Compresses values in [-1, 1] to [-1, 1], where small ones get more room: any shape.

    Args:
      values: an array of ``xp``.
      mu: the greater, the more room.
      xp: ``numpy`` or ``jax.numpy``.
    """
    return xp.sign(values) * xp.log1p(mu * xp.abs(values)) / math.log1p(mu)


def expand(companded: Any, mu: int = MU, xp: ModuleType = np) -> Any:
    """Inverts ``compress``: any shape."""
    return xp.sign(companded) * xp.expm1(xp.abs(companded) * math.log1p(mu)) / mu
