"""Makes model.json: names and shapes of the base config's parameters, and logits of a small one.

Parameters and inputs are made by arithmetic, not by a random generator, so that they never change with a library.
Run `python -m tests.golden.make_model` when a change of the network is meant.
"""

import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import WaveNet

SMALL = WaveNetConfig(levels=6, residual_channels=3, skip_channels=5, dilation_cycle=(1, 2), input_kernel_size=2)


def shapes(config: WaveNetConfig) -> dict:
    """Returns the parameter tree as shapes."""
    return jax.eval_shape(WaveNet(config).init, jax.random.key(0), jnp.zeros((1, 1), jnp.int32))["params"]


def parameter_tree() -> dict:
    """Returns names and shapes of the base config's parameters."""
    return jax.tree.map(lambda leaf: list(leaf.shape), shapes(WaveNetConfig()))


def logits() -> list:
    """Computes outputs of the small config for eight codes."""
    params = jax.tree.map(
        lambda leaf: jnp.asarray(np.sin(np.arange(math.prod(leaf.shape))).reshape(leaf.shape), jnp.float32),
        shapes(SMALL),
    )
    codes = jnp.asarray([[0, 1, 2, 3, 4, 5, 0, 3]], jnp.int32)
    return np.round(np.asarray(WaveNet(SMALL).apply({"params": params}, codes)), 5).tolist()


if __name__ == "__main__":
    golden = {"parameters": parameter_tree(), "logits": logits()}
    (Path(__file__).parent / "model.json").write_text(json.dumps(golden) + "\n")
