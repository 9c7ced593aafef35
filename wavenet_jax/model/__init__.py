"""The network: the only room that imports flax."""

from wavenet_jax.model.conditioner import condition
from wavenet_jax.model.heads import Head, head_of
from wavenet_jax.model.kernel import one_kernel
from wavenet_jax.model.stack import Condition, told
from wavenet_jax.model.wavenet import (
    WaveNet,
    WaveNetState,
    WaveNetWeights,
    batch_axes,
    extend,
    parameter_count,
    parameter_shapes,
    state_before,
    step,
)

__all__ = [
    "Condition",
    "Head",
    "WaveNet",
    "WaveNetState",
    "WaveNetWeights",
    "batch_axes",
    "condition",
    "extend",
    "head_of",
    "one_kernel",
    "parameter_count",
    "parameter_shapes",
    "state_before",
    "step",
    "told",
]
