"""Layers of the acoustic model and of its flow."""

from functools import partial

import jax
import jax.numpy as jnp
from flax import linen as nn

from wavenet_jax.typing import Array


class Conv(nn.Module):
    """A convolution over time, as long as its input, zeros beside it: ``[B, T, C] -> [B, T, D]``."""

    features: int
    kernel_size: int
    dilation: int = 1

    @nn.compact
    def __call__(self, x: Array) -> Array:
        shape = (self.kernel_size, x.shape[-1], self.features)
        kernel = self.param("kernel", nn.initializers.lecun_normal(), shape)
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        arithmetic = {"cpu": convolution, "default": product}
        ways = {name: partial(function, dilation=self.dilation) for name, function in arithmetic.items()}
        return jax.lax.platform_dependent(x, kernel, **ways) + bias[None, None]


def convolution(x: Array, kernel: Array, dilation: int) -> Array:
    """Convolves by XLA's own operation, which is the faster way on a CPU: ``[B, T, C], [K, C, D] -> [B, T, D]``."""
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        window_strides=(1,),
        padding=(_beside(len(kernel), dilation),),
        rhs_dilation=(dilation,),
        dimension_numbers=("NHC", "HIO", "NHC"),
    )


def product(x: Array, kernel: Array, dilation: int) -> Array:
    """Convolves by one product, of the inputs of all taps side by side: ``[B, T, C], [K, C, D] -> [B, T, D]``.

    On accelerators: cuDNN's search for an algorithm would take longer than the rest of the compilation.
    """
    padded = jnp.pad(x, ((0, 0), _beside(len(kernel), dilation), (0, 0)))
    taps = [padded[:, tap * dilation : tap * dilation + x.shape[1]] for tap in range(len(kernel))]
    return jnp.concatenate(taps, axis=-1) @ kernel.reshape(-1, kernel.shape[-1])


def _beside(kernel_size: int, dilation: int) -> tuple[int, int]:
    """Returns how many zeros stand before and after the input."""
    total = dilation * (kernel_size - 1)
    return total // 2, total - total // 2


class Residual(nn.Module):
    """``x + convolution(gelu(normalised x))``: ``[B, T, C] -> [B, T, C]``."""

    kernel_size: int
    dilation: int
    dropout: float

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = nn.gelu(nn.LayerNorm()(x))
        y = nn.Dropout(self.dropout, broadcast_dims=(1,), deterministic=not train)(y)
        return x + Conv(x.shape[-1], self.kernel_size, self.dilation)(y)
