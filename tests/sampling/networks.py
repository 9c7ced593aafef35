"""Small networks that together have every part, and streams made with them."""

from collections.abc import Iterable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wavenet_jax.config import ConditioningConfig, ContextConfig, FeatureConfig, PredictionConfig, WaveNetConfig
from wavenet_jax.model import WaveNet, WaveNetWeights, parameter_shapes
from wavenet_jax.sampling import Ancestral, Piece, Session, Stream, begin, prepare_weights, primed, stream
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
    "voice": WaveNetConfig(
        **{**TINY, "levels": 256},
        sample_rate=4_000,
        companding="linear",
        head="logistic_mixture",
        mixture_components=2,
        mixture_axis="linear",
        log_scale_floor=-3.0,
        input="scalar",
        features=FeatureConfig(
            local_features=("mel", "f0"),
            hop_samples=4,
            fft_size=64,
            mel_channels=4,
            f0_low_hz=300.0,
            f0_high_hz=900.0,
        ),
        conditioning=ConditioningConfig(local_channels=3, upsampling="held", frame_layers=2),
        prediction=PredictionConfig(linear_prediction=3, pitch_taps=3),
    ),
    "two_bytes": WaveNetConfig(
        **{**TINY, "levels": 65_536, "companding": "linear", "input": "scalar"}, head="coarse_fine", fine_channels=4
    ),
}
NAMES = [pytest.param(name, marks=pytest.mark.slow) if name == "two_contexts" else name for name in CONFIGS]
"""All of them. What ``two_contexts`` has, ``frames_and_classes`` and ``kernel_3_wide_input`` have, too."""
KEY, STRATEGY, STREAMS = jax.random.key(5), Ancestral(0.9), 3
MOST_SAMPLES = 120


def random_params(config: WaveNetConfig, scale: float = 0.6) -> Params:
    """Returns parameters large enough for samples to depend on the past."""
    random = np.random.default_rng(0)
    shapes = parameter_shapes(config)
    return jax.tree.map(lambda leaf: jnp.asarray(scale * random.standard_normal(leaf.shape), leaf.dtype), shapes)


def random_conditions(config: WaveNetConfig, streams: int, samples: int) -> Conditions:
    """Returns conditions for streams of up to so many samples."""
    random = np.random.default_rng(3)
    if not config.is_local:
        return Conditions()
    around = config.conditioning.frames_before + config.conditioning.frames_after
    frames = samples // config.features.hop_samples + around
    described: dict[str, np.ndarray] = {}
    if config.conditioning.condition_on_classes:
        described["class"] = random.integers(0, 3, (streams, 1))
    if config.conditioning.vector_channels:
        shape = (streams, config.conditioning.vector_channels)
        described["vector"] = random.standard_normal(shape).astype(np.float32)
    values = random.standard_normal((streams, frames, config.features.channels)).astype(np.float32)
    if config.prediction.linear_prediction:
        values = 0.6 + 0.1 * values  # louder than a whisper, and with a pitch at times
    return Conditions(described, values)


@cache
def trained(name: str) -> tuple[WaveNet, Params]:
    """Returns a model with its parameters."""
    return WaveNet(CONFIGS[name]), random_params(CONFIGS[name])


@cache
def prepared(name: str) -> tuple[WaveNet, WaveNetWeights]:
    """Returns the same with its weights as the sampler wants them."""
    model, params = trained(name)
    return model, prepare_weights(model, params)


@cache
def conditions(name: str, streams: int = STREAMS) -> Conditions:
    """Returns conditions for streams of up to MOST_SAMPLES."""
    return random_conditions(CONFIGS[name], streams, MOST_SAMPLES)


def hop(name: str) -> int:
    """Returns the samples that prompts and calls are multiples of."""
    return CONFIGS[name].hop


def some_codes(name: str, shape: int | tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Returns codes that sound like noise."""
    return np.random.default_rng(seed).integers(0, CONFIGS[name].levels, shape).astype(np.int32)


def session_of(name: str, streams: int = STREAMS, *, guided: bool = False) -> Session:
    """Begins a session."""
    return begin(trained(name)[0], KEY, streams, guided=guided)


def prompted(name: str, prompts: list[np.ndarray], *, guided: bool = False) -> Session:
    """Begins a session after prompts."""
    model, weights = prepared(name)
    return primed(model, weights, KEY, prompts, conditions(name, len(prompts)), guided=guided)


def streamed(name: str, session: Session, length: int | list[int], **options: Any) -> Stream:
    """Makes a stream in chunks of 12 samples, with conditions that fit it."""
    model, weights = prepared(name)
    options = {"chunk": 12, "conditions": conditions(name, len(session.latest)), **options}
    return stream(model, weights, session, STRATEGY, length=length, **options)


def joined(pieces: Iterable[Piece]) -> np.ndarray:
    """Joins all codes of a stream: ``[B, T]``."""
    return np.concatenate([piece.codes for piece in pieces], axis=1)


def times(streams: int, length: int) -> jax.Array:
    """Returns the times of streams since they began: ``[T, B]``."""
    return jnp.broadcast_to(jnp.arange(length, dtype=jnp.uint32)[:, None], (length, streams))
