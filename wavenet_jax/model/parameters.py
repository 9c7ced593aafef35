"""Makes the parameters of the layers: normally distributed kernels, tables and biases, in the compute dtype."""

import math

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.typing import Array


class Projections(nn.Module):
    """Base of the layers' Linen modules: makes parameters by name, with optional weight normalisation."""

    config: WaveNetConfig

    def kernel(self, name: str, shape: tuple[int, ...], fan_in: tuple[int, ...], gain: float = 1.0) -> Array:
        """Makes a kernel whose outputs are its last axis and whose inputs are the axes ``fan_in``."""
        inputs = math.prod(shape[axis] for axis in fan_in)
        kernel = self.param(name, nn.initializers.normal(gain * inputs**-0.5), shape)
        if self.config.weight_norm:
            norm = jnp.sqrt(jnp.square(kernel).sum(fan_in, keepdims=True))
            scale = self.param(f"{name}_scale", lambda _: norm)
            kernel = kernel * (scale / norm)
        return kernel.astype(self.config.compute_dtype)

    def table(self, name: str, shape: tuple[int, ...]) -> Array:
        """Makes rows to look up; weight normalisation is for what is multiplied with."""
        return self.param(name, nn.initializers.normal(1.0), shape).astype(self.config.compute_dtype)

    def bias(self, name: str, shape: tuple[int, ...], start: np.ndarray | None = None) -> Array:
        """Makes a bias that begins at ``start``, or at zero."""

        def make(key: Array, shape: tuple[int, ...]) -> Array:
            return jnp.zeros(shape) if start is None else jnp.asarray(start, jnp.float32)

        return self.param(name, make, shape).astype(self.config.compute_dtype)
