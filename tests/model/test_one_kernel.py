"""Functions that are one kernel on a CPU: their results do not change, how they are compiled does."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import WaveNet, one_kernel, parameter_shapes
from wavenet_jax.sampling import Ancestral, Mode, Strategy, advance, begin, prepare_weights

KERNEL = re.compile(
    r' call\(.*inlineable="false",xla_cpu_small_call="true"'
)  # XLA marks small loops with the second alone


def mixed(x: jax.Array, weights: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
    for kernel in weights:
        x = jnp.tanh(x @ kernel)
    return x, x.sum()


def test_values_and_gradients_are_those_of_the_function() -> None:
    random = np.random.default_rng(0)
    x, *weights = (jnp.asarray(random.standard_normal((rows, 8)), jnp.float32) for rows in (1, 8, 8))
    inputs = (x, tuple(weights))
    for actual, expected in zip(jax.jit(one_kernel(mixed, 1))(*inputs), mixed(*inputs), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
    slopes, expected_slopes = (
        jax.jit(jax.grad(lambda *inputs, run=run: run(*inputs)[1], argnums=(0, 1)))(*inputs)
        for run in (one_kernel(mixed, 1), mixed)
    )
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6), slopes, expected_slopes
    )


def kernels(streams: int, strategy: Strategy) -> int:
    """How many calls of one kernel the sampler's compiled loop has."""
    config = WaveNetConfig(levels=16, residual_channels=4, skip_channels=4, dilation_cycle=(1, 2))
    model = WaveNet(config)
    weights = jax.eval_shape(lambda params: prepare_weights(model, params), parameter_shapes(config))
    session = jax.eval_shape(lambda: begin(model, jax.random.key(0), streams))
    program = advance.lower(model, weights, strategy, session, 8).compile().as_text()
    return len(KERNEL.findall(program))


@pytest.mark.usefixtures("optimized")
def test_a_stream_alone_remembers_goes_through_the_layers_and_is_drawn_in_a_kernel_each() -> None:
    assert kernels(1, Ancestral(0.9)) == 3
    assert kernels(1, Mode()) == 2
    assert kernels(1, Ancestral(0.9, {"top_k": 3})) == 2, "a sort cannot be in such a kernel"
    assert kernels(2, Ancestral(0.9)) == 0, "products of several rows need the matrix library"
