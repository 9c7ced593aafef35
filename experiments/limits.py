"""What this machine can do at best, to read a measured speed against."""

import math
import time

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig

FORWARD_AND_BACKWARD = 3
"""Cost of a training step in forward passes: the gradient needs each product twice more."""


class Matmul:
    """A large square float32 product: the limit of anything that is made of products."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._factor = jnp.ones((size, size), jnp.float32)
        self._multiply = jax.jit(jnp.dot)
        self._multiply(self._factor, self._factor).block_until_ready()

    def flops(self) -> float:
        """Floating-point operations per second, measured once, now."""
        began = time.perf_counter()
        self._multiply(self._factor, self._factor).block_until_ready()
        return 2 * self._size**3 / (time.perf_counter() - began)


class MatrixVector:
    """A matrix-vector product, as the C library behind numpy does it: the limit of one stream, which reads every weight
    once per sample."""

    _TIMES = 200

    def __init__(self, weights: int) -> None:
        """Measures a float32 matrix of about as many weights."""
        rows = math.isqrt(weights)
        self._matrix = np.ones((rows, rows), np.float32)
        self._vector = np.ones(rows, np.float32)
        self._result = np.empty(rows, np.float32)

    def flops(self) -> float:
        """Floating-point operations per second, measured once, now."""
        began = time.perf_counter()
        for _ in range(self._TIMES):
            np.dot(self._matrix, self._vector, out=self._result)
        return self._TIMES * 2 * self._matrix.size / (time.perf_counter() - began)


def training_flops(config: WaveNetConfig) -> int:
    """Floating-point operations of training on one sample."""
    return 2 * FORWARD_AND_BACKWARD * config.multiply_adds
