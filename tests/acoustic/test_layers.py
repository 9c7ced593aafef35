"""Convolutions of the acoustic model: the same on every kind of device."""

from typing import Any

import jax
import numpy as np
import pytest

from wavenet_jax.acoustic.layers import Conv, convolution, product


@pytest.mark.parametrize(("kernel_size", "dilation"), [(1, 1), (3, 1), (3, 4), (4, 3), (5, 2)])
def test_a_product_gives_what_a_convolution_gives(kernel_size: int, dilation: int) -> None:
    keys = jax.random.split(jax.random.key(0), 2)
    x = jax.random.normal(keys[0], (2, 9, 3))
    kernel = jax.random.normal(keys[1], (kernel_size, 3, 4))
    wanted = convolution(x, kernel, dilation)
    assert wanted.shape == (2, 9, 4)
    np.testing.assert_allclose(product(x, kernel, dilation), wanted, atol=1e-5)


def test_a_tap_sees_the_middle_of_the_kernel() -> None:
    layer = Conv(1, kernel_size=3, dilation=2)
    kernel = np.array([1.0, 10.0, 100.0], np.float32).reshape(3, 1, 1)
    x = np.eye(1, 7, 3, dtype=np.float32).reshape(1, 7, 1)
    y: Any = layer.apply({"params": {"kernel": kernel, "bias": np.ones(1, np.float32)}}, x)
    np.testing.assert_array_equal(np.ravel(y), [1, 101, 1, 11, 1, 2, 1])


def test_only_cpus_get_the_convolution() -> None:
    layer = Conv(4, kernel_size=3)
    variables = layer.init(jax.random.key(0), np.zeros((1, 8, 4), np.float32))
    lowered = jax.jit(layer.apply).trace(variables, np.zeros((1, 8, 4), np.float32))
    has = {
        platform: "stablehlo.convolution" in lowered.lower(lowering_platforms=(platform,)).as_text()
        for platform in ("cpu", "cuda", "tpu")
    }
    assert has == {"cpu": True, "cuda": False, "tpu": False}
