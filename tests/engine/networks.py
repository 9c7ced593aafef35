"""Networks that together have every part that the engine knows, and what decides a draw."""

import dataclasses
from functools import cache
from typing import Any

import jax

from tests.sampling.networks import CONFIGS as SAMPLED
from tests.sampling.networks import FRAMES, TINY, random_conditions, random_params
from wavenet_jax.config import ConditioningConfig, ContextConfig, PredictionConfig, WaveNetConfig
from wavenet_jax.engine import Engine, missing_part
from wavenet_jax.model import WaveNet, WaveNetWeights
from wavenet_jax.sampling import prepare_weights
from wavenet_jax.training.pruning import randomly_pruned
from wavenet_jax.typing import Conditions

MIXTURE: dict[str, Any] = {**TINY, "levels": 65_536, "companding": "linear", "mixture_components": 3}
_WITHOUT_CONTEXTS = {name: dataclasses.replace(config, context=ContextConfig()) for name, config in SAMPLED.items()}
CONFIGS = {
    **{name: config for name, config in _WITHOUT_CONTEXTS.items() if missing_part(config) is None},
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
    "sparse": WaveNetConfig(
        levels=64, residual_channels=32, gate_channels=2 * 48, skip_channels=48, dilation_cycle=(1, 3), kernel_size=3
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
    return model, prepare_weights(model, params)


@cache
def engine(name: str, weight_format: str = "float32", kind: str | None = None) -> Engine:
    model, weights = prepared(name)
    return Engine.of(model.config, weights, weight_format, kind=kind)


@cache
def conditions(name: str, streams: int = STREAMS) -> Conditions:
    """Conditions of streams of up to MOST_SAMPLES."""
    return random_conditions(CONFIGS[name], streams, MOST_SAMPLES)
