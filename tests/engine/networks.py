"""Networks that together have every part that the engine knows, and what decides a draw."""

import dataclasses
from functools import cache
from typing import Any

import jax
import numpy as np

from tests.sampling.networks import CONFIGS as SAMPLED
from tests.sampling.networks import FRAMES, TINY, random_conditions, random_params
from wavenet_jax.config import ConditioningConfig, ContextConfig, PredictionConfig, WaveNetConfig
from wavenet_jax.engine import Engine
from wavenet_jax.engine.packing import BLOCK
from wavenet_jax.model import WaveNet, WaveNetWeights
from wavenet_jax.sampling import prepare_weights
from wavenet_jax.training.pruning import randomly_pruned
from wavenet_jax.typing import Conditions

MIXTURE: dict[str, Any] = {**TINY, "levels": 65_536, "companding": "linear", "mixture_components": 3}
CONFIGS = {
    **SAMPLED,
    "widths": WaveNetConfig(
        levels=100,
        residual_channels=70,
        gate_channels=2 * 37,
        skip_channels=67,
        end_channels=130,
        dilation_cycle=(1, 2, 5),
        kernel_size=4,
        residual_scaling=True,
    ),
    "wide_contexts": WaveNetConfig(
        **{**TINY, "residual_scaling": True},
        context=ContextConfig(
            context_periods=(5, 16),
            context_residual_channels=20,
            context_skip_channels=36,
            context_dilation_cycle=(1, 3, 2),
            context_kernel_size=3,
            context_channels=19,
        ),
        features=FRAMES,
        conditioning=ConditioningConfig(local_channels=3, vector_channels=2, upsampling="held"),
    ),
    "sparse": WaveNetConfig(
        levels=64, residual_channels=32, gate_channels=2 * 48, skip_channels=48, dilation_cycle=(1, 3), kernel_size=3
    ),
    "sparse_contexts": WaveNetConfig(
        **{**TINY, "residual_channels": 16},
        context=ContextConfig(
            context_periods=(4, 8),
            context_residual_channels=16,
            context_skip_channels=16,
            context_dilation_cycle=(1, 2),
            context_channels=8,
        ),
    ),
    "kernel_1": WaveNetConfig(**TINY, kernel_size=1, input_kernel_size=4),
    "one_layer": WaveNetConfig(**{**TINY, "dilation_cycle": (7,)}),
    "companded_logistic": WaveNetConfig(**MIXTURE, head="logistic_mixture", input_kernel_size=2),
    "gaussian": WaveNetConfig(**MIXTURE, head="gaussian_mixture", input="waveform", mixture_axis="linear"),
    "vector_and_frames": WaveNetConfig(
        **TINY,
        features=FRAMES,
        conditioning=ConditioningConfig(local_channels=5, vector_channels=3, upsampling="linear"),
    ),
    "from_the_past": dataclasses.replace(
        SAMPLED["voice"],
        sample_rate=7_000,
        features=FRAMES,
        conditioning=ConditioningConfig(local_channels=3),
        prediction=PredictionConfig(linear_prediction=6),
    ),
    "coded_voice": dataclasses.replace(
        SAMPLED["voice"],
        companding="mu_law",
        head="categorical",
        input="embedding",
        mixture_axis="mu_law",
        conditioning=ConditioningConfig(local_channels=5, upsampling="linear"),
        prediction=PredictionConfig(linear_prediction=19, pitch_taps=1),
    ),
}
STREAMS, MOST_SAMPLES = 3, 1_200


def scale_of(name: str) -> float:
    """Weights large enough for samples to depend on the past, small enough for sums that are not chaotic."""
    return 0.15 if name == "widths" else 0.6


@cache
def prepared(name: str) -> tuple[WaveNet, WaveNetWeights]:
    model = WaveNet(CONFIGS[name])
    params = random_params(CONFIGS[name], scale_of(name))
    if name == "sparse":
        params = randomly_pruned(model.config, params, 0.75, jax.random.key(1))
    weights = prepare_weights(model, params)
    return model, _with_zeros_of_contexts(weights) if name == "sparse_contexts" else weights


def _with_zeros_of_contexts(weights: WaveNetWeights) -> WaveNetWeights:
    """Returns the weights with three quarters of the blocks of all that belongs to contexts, which runs leave dense."""
    random = np.random.default_rng(4)

    def pruned(kernel: jax.Array) -> jax.Array:
        if kernel.ndim < 2:
            return kernel
        *apart, inputs, outputs = kernel.shape
        kept = random.random((*apart, inputs // BLOCK[1], outputs // BLOCK[0])) < 0.25
        return kernel * kept.repeat(BLOCK[1], axis=-2).repeat(BLOCK[0], axis=-1)

    assert weights.stack.time is not None
    channels, *gates = weights.stack.time.shape
    time = pruned(weights.stack.time.reshape(channels, -1)).reshape(channels, *gates)
    contexts = jax.tree.map(pruned, weights.contexts)
    return weights._replace(contexts=contexts, stack=weights.stack._replace(time=time))


@cache
def engine(name: str, weight_format: str = "float32", kind: str | None = None) -> Engine:
    model, weights = prepared(name)
    return Engine.of(model.config, weights, weight_format, kind=kind)


@cache
def conditions(name: str, streams: int = STREAMS) -> Conditions:
    """Conditions of streams of up to MOST_SAMPLES."""
    return random_conditions(CONFIGS[name], streams, MOST_SAMPLES)
