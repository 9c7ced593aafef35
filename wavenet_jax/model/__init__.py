"""The network: the only room that imports flax."""

from wavenet_jax.model.conditioner import embed_conditions
from wavenet_jax.model.draws import TRUNCATIONS, Scalar
from wavenet_jax.model.heads import Head, head_of
from wavenet_jax.model.ops import one_kernel, portable
from wavenet_jax.model.output import OutputWeights
from wavenet_jax.model.prediction import Filter
from wavenet_jax.model.stack import GateInputs, StackWeights, gate_bias
from wavenet_jax.model.wavenet import (
    RunStack,
    WaveNet,
    WaveNetState,
    WaveNetWeights,
    batch_axes,
    extend,
    multiply_adds,
    parameter_count,
    parameter_shapes,
    receptive_field,
    state_before,
    step,
)

__all__ = [
    "TRUNCATIONS",
    "Filter",
    "GateInputs",
    "Head",
    "OutputWeights",
    "RunStack",
    "Scalar",
    "StackWeights",
    "WaveNet",
    "WaveNetState",
    "WaveNetWeights",
    "batch_axes",
    "embed_conditions",
    "extend",
    "gate_bias",
    "head_of",
    "multiply_adds",
    "one_kernel",
    "parameter_count",
    "parameter_shapes",
    "portable",
    "receptive_field",
    "state_before",
    "step",
]
