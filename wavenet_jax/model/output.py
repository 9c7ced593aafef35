"""The output layer: the skip sum into the head's outputs, and the head with its weights (WaveNet §2.4)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import prediction
from wavenet_jax.model.heads import Head, head_of
from wavenet_jax.model.ops import linear
from wavenet_jax.model.parameters import Projections
from wavenet_jax.typing import Array


class OutputWeights(NamedTuple):
    """Two projections, each after a ReLU."""

    hidden: Array  # [S, E]
    hidden_bias: Array  # [E]
    outputs: Array  # [E, output_channels]
    outputs_bias: Array  # [output_channels]


class OutputProjections(Projections):
    """Projects the skip sum, sample by sample: ``[..., S] -> [..., output_channels]``."""

    @nn.compact
    def weights(self) -> OutputWeights:
        """Returns the prepared weights."""
        config = self.config
        skip, end, head = config.skip_channels, config.resolved_end_channels, head_of(config)
        outputs = output_channels(config)
        # In units of the residual, places and scales are numbers like any other.
        units = np.ones(outputs, np.float32) if prediction.moves(config, head) else head.units()
        start = np.pad(head.initial_bias(), (0, outputs - head.outputs)) / units
        scale = jnp.asarray(units, config.compute_dtype)
        return OutputWeights(
            hidden=self.kernel("hidden_kernel", (skip, end), fan_in=(0,), gain=2**0.5),
            hidden_bias=self.bias("hidden_bias", (end,)),
            # Small at first: an untrained model is close to what the head's bias says, uniform for probabilities.
            outputs=self.kernel("outputs_kernel", (end, outputs), fan_in=(0,), gain=0.1) * scale[None],
            outputs_bias=self.bias("outputs_bias", (outputs,), start) * scale,
        )

    def __call__(self, skip: Array) -> Array:
        """Returns the layer's outputs."""
        return project(self.weights(), skip)


class OutputHead(Projections):
    """Owns the weights that a head may have."""

    @nn.compact
    def __call__(self) -> Head:
        """Returns the head with its weights."""
        return head_of(self.config).with_weights(self)


def output_channels(config: WaveNetConfig) -> int:
    """Numbers that the layer gives for each sample: the head's, and those that weigh residuals in front of it."""
    head = head_of(config)
    return head.outputs + (prediction.gains(config) if prediction.moves(config, head) else 0)


def receptive_field(config: WaveNetConfig) -> int:
    """Steps of the skip sum that one sample's outputs depend on."""
    del config
    return 1


def multiply_adds(config: WaveNetConfig) -> int:
    """Multiply-adds per sample, those of the head included."""
    outputs = output_channels(config)
    return config.resolved_end_channels * (config.skip_channels + outputs) + head_of(config).multiply_adds


def project(weights: OutputWeights, skip: Array) -> Array:
    """Returns the layer's outputs, float32: ``[..., S] -> [..., output_channels]``."""
    hidden = linear(jax.nn.relu(skip), weights.hidden, weights.hidden_bias)
    return linear(jax.nn.relu(hidden), weights.outputs, weights.outputs_bias).astype(jnp.float32)
