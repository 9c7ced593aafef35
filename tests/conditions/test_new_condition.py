"""A condition is one class and its registration: two that are made here train and sample like those that come along."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import soundfile

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.conditions import Clip, FrameCondition, Parameters, StreamCondition, padded
from wavenet_jax.config import (
    ConditioningConfig,
    DataConfig,
    FeatureConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
    WaveNetConfig,
)
from wavenet_jax.config.tables import FRAME_CONDITIONS, STREAM_CONDITIONS
from wavenet_jax.data import Describer, SyntheticSource, stacked
from wavenet_jax.generation.conditions import ConditionOptions
from wavenet_jax.generation.generation import prepare
from wavenet_jax.generation.options import GenerationOptions
from wavenet_jax.model import WaveNet
from wavenet_jax.runs import load
from wavenet_jax.sampling import Ancestral, begin, prepare_weights, stream
from wavenet_jax.training import StepDone, train_events
from wavenet_jax.typing import Array

HOP = 8


class Loudness(FrameCondition):
    """The root mean square of each frame."""

    @classmethod
    def width(cls, features: FeatureConfig) -> int:
        return 1

    def frames(self, clip: Clip, first: int, last: int, factor: float | np.floating) -> np.ndarray:
        samples = np.float32(factor) * padded(clip, first * HOP, last * HOP)
        return np.sqrt(np.square(samples.reshape(-1, HOP)).mean(axis=1, keepdims=True))

    @property
    def limits(self) -> tuple[float, float]:
        return 0.0, 1.0


class Peak(StreamCondition):
    """The largest sample of the clip."""

    @classmethod
    def is_on(cls, conditioning: ConditioningConfig) -> bool:
        return True

    def of_clip(self, clip: Clip) -> np.ndarray:
        return np.abs(clip.read(0, clip.extent)).max(keepdims=True)

    @property
    def example(self) -> np.ndarray:
        return np.ones(1, np.float32)

    def weights(self, parameters: Parameters, channels: int) -> Array:
        return parameters.kernel("peak_kernel", (1, channels), fan_in=(0,))

    def embed(self, weights: Any, values: Array) -> Array:
        return values.astype(weights.dtype) @ weights


@pytest.fixture
def registered() -> Iterator[None]:
    """The two conditions, until the end of the test."""
    FRAME_CONDITIONS.register("loudness")(Loudness)
    STREAM_CONDITIONS.register("peak")(Peak)
    yield
    FRAME_CONDITIONS.unregister("loudness")
    STREAM_CONDITIONS.unregister("peak")


def test_a_new_condition_trains_and_samples(registered: None, tmp_path: Path) -> None:
    config = RunConfig(
        WaveNetConfig(
            sample_rate=4_000,
            levels=16,
            residual_channels=4,
            skip_channels=4,
            dilation_cycle=(1, 2),
            features=FeatureConfig(local_features=("loudness",), hop_samples=HOP),
            conditioning=ConditioningConfig(local_channels=3, condition_dropout=0.1),
        ),
        DataConfig(batch_size=4, crop_samples=32),
        OptimizerConfig(warmup_steps=2),
        TrainConfig(num_steps=2, validate_every=2),
    )
    source = SyntheticSource(10, 300, 0)
    described = Describer(config.model, source)(3, 2 * HOP, 5 * HOP)
    waveform = source.read(3, 0, 300)
    np.testing.assert_array_equal(described.streams["peak"], [np.abs(waveform).max()])
    before, after = config.model.conditioning.frames_before, config.model.conditioning.frames_after
    assert described.frames.shape == (before + 3 + after, 1)
    np.testing.assert_allclose(
        described.frames[before : before + 3, 0],
        np.sqrt((waveform[2 * HOP : 5 * HOP].reshape(3, HOP) ** 2).mean(axis=1)),
        rtol=1e-6,
    )

    events = list(train_events(config, tmp_path / "run", source, SyntheticSource(2, 100, 1), devices=jax.devices()[:1]))
    losses = [event.metrics["bits_per_sample"] for event in events if isinstance(event, StepDone)]
    assert len(losses) == 2
    assert np.isfinite(losses).all()
    run = load(tmp_path / "run")
    assert run.config == config
    assert run.params["conditioner"]["peak_kernel"].shape == (1, config.model.conditioning.global_channels)

    describer = Describer(config.model, source)

    def codes(conditions: Any) -> np.ndarray:
        model = WaveNet(config.model)
        session = begin(model, jax.random.key(0), 2, guided=True)
        pieces = stream(
            model,
            prepare_weights(model, run.params),
            session,
            Ancestral(),
            length=10 * HOP,
            conditions=conditions,
            guidance=50.0,
        )
        return np.concatenate([piece.codes for piece in pieces], axis=1)

    conditions = stacked([describer(clip, 0, 10 * HOP) for clip in (0, 1)])
    plain = codes(conditions)
    np.testing.assert_array_equal(codes(conditions), plain)
    louder = conditions._replace(streams={"peak": 10 * conditions.streams["peak"]})
    assert (codes(louder) != plain).any()
    assert (codes(conditions._replace(frames=10 * conditions.frames)) != plain).any()

    clip = tmp_path / "clip.wav"
    soundfile.write(clip, waveform, 4_000)
    generation = prepare(config, run.params, GenerationOptions(), ConditionOptions(mel_from=(str(clip),)))
    made = np.concatenate([piece.rows[0] for piece in generation])
    assert made.shape == (300,)
    frames = tmp_path / "frames.npy"
    np.save(frames, np.full((ceil_div(300, HOP), 1), 0.5))
    with pytest.raises(ValueError, match="hold.* no peak, which is measured from a recording; give one"):
        prepare(config, run.params, GenerationOptions(), ConditionOptions(mel_from=(str(frames),)))


def test_a_condition_that_is_not_registered_is_refused() -> None:
    with pytest.raises(ValueError, match="local_features must be one of f0, file, mel, phones, got 'loudness'"):
        FeatureConfig(local_features=("loudness",))
