"""Activations that are computed again: the same gradients in less memory, on every backend."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import WaveNet, parameter_shapes

CODES = jnp.asarray(np.random.default_rng(0).integers(0, 16, (2, 1_000)), jnp.int32)


def network(**options: Any) -> WaveNetConfig:
    return WaveNetConfig(levels=16, residual_channels=8, skip_channels=8, dilation_cycle=(1, 2, 4, 8), **options)


def compiled(config: WaveNetConfig) -> Any:
    """Loss and gradient of a training step, with dropout where there is any."""
    model = WaveNet(config)

    def loss(params: Any) -> jax.Array:
        outputs = model.apply({"params": params}, CODES[:, :-1], train=True, rngs={"dropout": jax.random.key(1)})
        return -model.head.log_prob(outputs, CODES[:, 1:]).mean()

    return jax.jit(jax.value_and_grad(loss)).lower(parameter_shapes(config)).compile()


def test_gradients_are_the_same_with_the_same_channels_dropped() -> None:
    plain, again = (compiled(network(cycles=1, dropout=0.3, rematerialize=remat)) for remat in (False, True))
    params = jax.jit(lambda key: WaveNet(network()).init(key, method="weights"))(jax.random.key(0))["params"]
    for one, other in zip(jax.tree.leaves(plain(params)), jax.tree.leaves(again(params)), strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_memory_is_less() -> None:
    sizes = [
        compiled(network(cycles=9, rematerialize=remat)).memory_analysis().temp_size_in_bytes for remat in (False, True)
    ]
    assert sizes[1] < 0.5 * sizes[0]
    print(f"\nmemory of a step of 36 layers: {sizes[0] / 1e6:.1f} MB, computed again {sizes[1] / 1e6:.1f} MB")
