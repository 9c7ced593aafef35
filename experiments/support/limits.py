"""The speed limits of this machine, to compare measured speeds with."""

import ctypes
import math
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.engine import kinds, load
from wavenet_jax.model import head_of, multiply_adds
from wavenet_jax.model.heads import BYTE, CoarseFine
from wavenet_jax.model.output import output_channels

FORWARD_AND_BACKWARD = 3
"""Cost of a training step in forward passes: the gradient needs each product twice more."""


class Matmul:
    """A large square float32 matrix product: the limit of any work that consists of products."""

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._factor = jnp.ones((size, size), jnp.float32)
        self._multiply = jax.jit(jnp.dot)
        self._multiply(self._factor, self._factor).block_until_ready()

    def flops(self) -> float:
        """Measures floating-point operations per second, once, now."""
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
        """Measures floating-point operations per second, once, now."""
        began = time.perf_counter()
        for _ in range(self._TIMES):
            np.dot(self._matrix, self._vector, out=self._result)
        return self._TIMES * 2 * self._matrix.size / (time.perf_counter() - began)


class Floor:
    """The time that hand-vectorised C needs to read a network's weights once: the limit of one stream on one core."""

    def __init__(self, config: WaveNetConfig) -> None:
        """Compiles it where the cache lacks it.

        Raises:
          EngineMissingError: there is no compiler.
        """
        _, library = load(Path(__file__).with_name("floor.cc"), kinds()[0])
        self._seconds = library.wavenet_floor
        self._seconds.restype = ctypes.c_double
        self._seconds.argtypes = [ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64]
        self._shapes = np.array(_matrices(config), np.int64)

    def microseconds(self, steps: int) -> dict[str, float]:
        """Measures all number formats once, now: µs a sample; without float16 where the processor has no such loads."""
        count = len(self._shapes)
        found = {
            name: 1e6 * self._seconds(number, self._shapes.ctypes.data, count, steps) / steps
            for number, name in enumerate(("float32", "float16", "int8"))
        }
        return {name: time for name, time in found.items() if time > 0}


def _matrices(config: WaveNetConfig) -> list[tuple[int, int]]:
    """Inputs and outputs of all products of a sample, but for what several share, such as steps of context stacks."""
    hidden, skip, head = config.hidden_channels, config.skip_channels, head_of(config)
    local = config.feature_channels if config.held == 1 else 0
    gate = (config.kernel_size * config.residual_channels + local + config.context_channels, 2 * hidden)
    layers = [gate, (hidden, config.residual_channels + skip)] * (config.layers - 1) + [gate, (hidden, skip)]
    fine = [(head.fine_channels, BYTE)] if isinstance(head, CoarseFine) else []
    end = config.resolved_end_channels
    return [*layers, (skip, end), (end, output_channels(config)), *fine]


def training_flops(config: WaveNetConfig) -> int:
    """Counts the floating-point operations of training on one sample."""
    return 2 * FORWARD_AND_BACKWARD * multiply_adds(config)
