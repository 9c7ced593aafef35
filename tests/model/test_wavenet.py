"""The network's names and numbers, and the facts that its config declares."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.golden import make_model
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import WaveNet, multiply_adds, parameter_count, receptive_field

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "model.json").read_text())


def test_parameter_names_and_shapes() -> None:
    assert make_model.parameter_tree() == GOLDEN["parameters"], (
        "The parameter tree has changed: checkpoints of older versions no longer load. If that is meant, make a way to "
        "read them and run `python -m tests.golden.make_model`."
    )


def test_logits() -> None:
    np.testing.assert_allclose(
        make_model.logits(),
        GOLDEN["logits"],
        rtol=1e-4,
        atol=1e-5,
        err_msg="The same parameters give other outputs: trained models would sound different.",
    )


@pytest.mark.parametrize(
    ("config", "parameters"),
    [
        (WaveNetConfig(), 514_624),
        (WaveNetConfig(cycles=4, skip_channels=1024, end_channels=512, bias=False), 4_109_056),
    ],
)
def test_sizes(config: WaveNetConfig, parameters: int) -> None:
    assert parameter_count(config) == parameters
    # Apart from the table in front and the biases, every parameter is multiplied once per sample.
    shapes = jax.eval_shape(WaveNet(config).init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))["params"]
    kernels = {"stack": shapes["stack"], "output": shapes["output"]}
    multiplied = sum(leaf.size for path, leaf in jax.tree.leaves_with_path(kernels) if "kernel" in str(path[-1]))
    assert multiplied == multiply_adds(config)


def test_base_receptive_field_is_64_milliseconds() -> None:
    config = WaveNetConfig()
    assert receptive_field(config) == WaveNet(config).receptive_field == 1_024
    assert receptive_field(config) / config.sample_rate == 0.064


def test_an_untrained_model_is_almost_uniform() -> None:
    config = WaveNetConfig(dilation_cycle=(1, 2), residual_channels=16, skip_channels=16)
    model = WaveNet(config)
    codes = jnp.asarray(np.random.default_rng(0).integers(0, 256, (2, 50)), jnp.int32)
    params = jax.jit(model.init)(jax.random.key(0), codes)["params"]
    bits = -model.head.log_prob(model.apply({"params": params}, codes), codes) / np.log(2)
    assert abs(float(bits.mean()) - 8) < 0.1


def test_dropout_acts_in_training_only() -> None:
    config = WaveNetConfig(levels=8, dilation_cycle=(1, 2), residual_channels=8, skip_channels=8, dropout=0.5)
    model = WaveNet(config)
    codes = jnp.arange(20, dtype=jnp.int32).reshape(2, 10) % 8
    variables = jax.jit(model.init)(jax.random.key(0), codes)

    def outputs(seed: int) -> jax.Array:
        return model.apply(variables, codes, train=True, rngs={"dropout": jax.random.key(seed)})

    assert (outputs(1) == outputs(1)).all()
    assert (outputs(1) != outputs(2)).any()
    assert (outputs(1) != model.apply(variables, codes)).any()


def test_weight_norm_starts_as_the_plain_network() -> None:
    tiny = {"levels": 8, "dilation_cycle": (1, 2), "residual_channels": 4, "skip_channels": 4}
    codes = jnp.arange(12, dtype=jnp.int32).reshape(2, 6) % 8
    plain, normed = WaveNet(WaveNetConfig(**tiny)), WaveNet(WaveNetConfig(**tiny, weight_norm=True))
    params = jax.jit(normed.init)(jax.random.key(0), codes)["params"]
    kernels = {
        part: {name: leaf for name, leaf in leaves.items() if not name.endswith("_scale")}
        for part, leaves in params.items()
    }
    np.testing.assert_allclose(
        normed.apply({"params": params}, codes), plain.apply({"params": kernels}, codes), atol=1e-6
    )
    longer = jax.tree.map(lambda leaf: leaf, params)
    longer["stack"]["dilated_kernel"] = 3 * params["stack"]["dilated_kernel"]
    np.testing.assert_allclose(  # a direction has no length
        normed.apply({"params": longer}, codes), normed.apply({"params": params}, codes), atol=1e-6
    )
