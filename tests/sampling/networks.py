"""Small networks that together have every part, and streams made with them."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import ConditioningConfig, ContextConfig, FeatureConfig, WaveNetConfig
from wavenet_jax.model import WaveNet, WaveNetWeights, parameter_shapes
from wavenet_jax.sampling import Ancestral, Piece, prepare
from wavenet_jax.typing import Conditions, Params

TINY: dict[str, Any] = {"levels": 32, "residual_channels": 6, "skip_channels": 8, "dilation_cycle": (1, 3)}
CONTEXT = ContextConfig(
    context_periods=(4, 6),
    context_residual_channels=3,
    context_skip_channels=4,
    context_dilation_cycle=(1, 2),
    context_channels=2,
)
FRAMES = FeatureConfig(local_features=("file",), file_channels=2, hop_samples=4)
CONFIGS = {
    "plain": WaveNetConfig(**TINY),
    "kernel_3_wide_input": WaveNetConfig(**TINY, kernel_size=3, input_kernel_size=2, weight_norm=True, bias=False),
    "two_contexts": WaveNetConfig(**TINY, input_kernel_size=3, context=CONTEXT),
    "frames_and_classes": WaveNetConfig(
        **{**TINY, "levels": 1024},
        kernel_size=3,
        head="logistic_mixture",
        mixture_components=2,
        mixture_axis="linear",
        log_scale_floor=-3.0,
        input="scalar",
        context=CONTEXT,
        features=FRAMES,
        conditioning=ConditioningConfig(local_channels=3, condition_on_classes=True, classes=("who=a", "who=b")),
    ),
    "two_bytes": WaveNetConfig(
        **{**TINY, "levels": 65_536, "companding": "linear", "input": "scalar"}, head="coarse_fine", fine_channels=4
    ),
}
KEY, STRATEGY, STREAMS = jax.random.key(5), Ancestral(0.9), 3
MOST_SAMPLES = 120


@cache
def trained(name: str) -> tuple[WaveNet, Params]:
    """A model with parameters large enough for its samples to depend on the past."""
    random = np.random.default_rng(0)
    shapes = parameter_shapes(CONFIGS[name])
    params = jax.tree.map(lambda leaf: jnp.asarray(0.6 * random.standard_normal(leaf.shape), leaf.dtype), shapes)
    return WaveNet(CONFIGS[name]), params


@cache
def prepared(name: str) -> tuple[WaveNet, WaveNetWeights]:
    """The same with its weights as the sampler wants them."""
    model, params = trained(name)
    return model, prepare(model, params)


@cache
def conditions(name: str, streams: int = STREAMS) -> Conditions:
    """What streams of up to MOST_SAMPLES are told."""
    config, random = CONFIGS[name], np.random.default_rng(3)
    if not config.is_local:
        return Conditions()
    around = config.conditioning.frames_before + config.conditioning.frames_after
    frames = MOST_SAMPLES // config.features.hop_samples + around
    return Conditions(
        classes=random.integers(0, 3, (streams, 1)),
        frames=random.standard_normal((streams, frames, config.features.channels)).astype(np.float32),
    )


def hop(name: str) -> int:
    """Samples that prompts and calls are multiples of."""
    return CONFIGS[name].features.hop_samples if CONFIGS[name].is_local else 1


def some_codes(name: str, shape: int | tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Codes that sound like noise."""
    return np.random.default_rng(seed).integers(0, CONFIGS[name].levels, shape).astype(np.int32)


def joined(pieces: Iterable[Piece]) -> np.ndarray:
    """All codes of a stream: ``[B, T]``."""
    return np.concatenate([piece.codes for piece in pieces], axis=1)


def times(streams: int, length: int) -> jax.Array:
    """The times of streams from their beginning on: ``[T, B]``."""
    return jnp.broadcast_to(jnp.arange(length, dtype=jnp.uint32)[:, None], (length, streams))
