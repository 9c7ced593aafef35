"""Pitch: known pitches at the right frames, silence and noise unvoiced, and frames that depend on their block alone."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from wavenet_jax.audio.pitch import Pitch, pitch
from wavenet_jax.config import FeatureConfig, WaveNetConfig

pytest.importorskip("pyworld", exc_type=ImportError)


def harmonic(hz: np.ndarray, sample_rate: int) -> np.ndarray:
    """A sawtooth-like sound of time-varying pitch: ``[T]`` Hz to ``[T]``."""
    phase = 2 * np.pi * np.cumsum(hz) / sample_rate
    overtones = range(1, int(sample_rate / 2 / hz.max()))
    return 0.1 * np.sum([np.cos(k * phase) / k for k in overtones], axis=0)


def glide(low: float, high: float, samples: int) -> np.ndarray:
    return np.geomspace(low, high, samples)


@pytest.mark.parametrize(
    ("sample_rate", "hop"),
    [(16_000, 256), (16_000, 1_000), (22_050, 300), (16_000, 33), (2_000, 32)],
)
def test_pitch_of_a_glide_at_the_middle_of_each_frame(sample_rate: int, hop: int) -> None:
    """An octave and a half in 3.3 s, over a border of blocks; a frame off would be an error of 0.5 % at hop 256.

    Measured: at most 0.11 %, at 2 kHz, else 0.06 %.
    """
    hz = glide(90, 250, int(3.3 * sample_rate))
    measure = Pitch(sample_rate, FeatureConfig(hop_samples=hop))
    frames = measure.whole(harmonic(hz, sample_rate))
    assert frames.shape == (-(-len(hz) // hop), 2)
    inner = np.arange(len(frames))[int(0.05 * sample_rate / hop) + 1 : -int(0.05 * sample_rate / hop) - 2]
    assert (frames[inner, 1] == 1).all()
    middles = hz[inner * hop + hop // 2]
    np.testing.assert_allclose(measure.hertz(frames)[inner], middles, rtol=2e-3)


@pytest.mark.parametrize("hz", [70.0, 120.0, 333.0, 480.0])
def test_pitch_of_a_steady_sound(hz: float) -> None:
    config = WaveNetConfig(features=FeatureConfig(local_features=("f0",)))
    frames = pitch(harmonic(np.full(16_000, hz), 16_000), config)[5:-5]
    np.testing.assert_allclose(frames[:, 0], np.log(hz / 60) / np.log(500 / 60), atol=1e-3)
    assert (frames[:, 1] == 1).all()


def test_noise_and_silence_are_unvoiced() -> None:
    measure = Pitch(16_000, FeatureConfig())
    noise = measure.whole(np.random.default_rng(0).normal(scale=0.1, size=64_000))
    assert noise[:, 1].mean() < 0.15  # measured: 0.05
    np.testing.assert_array_equal(noise[noise[:, 1] == 0, 0], 0)
    np.testing.assert_array_equal(measure.whole(np.zeros(40_000)), np.zeros((157, 2)))


def test_voice_begins_and_ends_where_the_sound_does() -> None:
    sound = np.zeros(32_000)
    sound[9_600:22_400] = harmonic(np.full(12_800, 150.0), 16_000)
    voiced = Pitch(16_000, FeatureConfig(hop_samples=80)).whole(sound)[:, 1]
    assert voiced[125:275].all()
    assert not voiced[:115].any()
    assert not voiced[285:].any()


def test_pitch_stays_between_its_ends() -> None:
    """A glide from below the lowest to above the highest."""
    frames = Pitch(16_000, FeatureConfig(f0_low_hz=100.0, f0_high_hz=200.0)).whole(
        harmonic(glide(80, 250, 32_000), 16_000)
    )
    assert frames[:, 0].min() >= 0
    assert frames[:, 0].max() <= 1


def test_a_frame_depends_on_its_block_alone() -> None:
    measure = Pitch(16_000, FeatureConfig(hop_samples=200))
    assert (measure.block_frames, measure.margin) == (160, 4_000)
    signal = harmonic(glide(90, 250, 112_000), 16_000)
    whole = measure.whole(signal)
    own = measure.block_frames * 200
    block = signal[own - measure.margin : 2 * own + measure.margin]
    np.testing.assert_array_equal(measure.block(block), whole[160:320])
    np.testing.assert_array_equal(measure.whole(signal[: own + measure.margin])[:160], whole[:160])


def test_frames_of_no_samples() -> None:
    assert Pitch(16_000, FeatureConfig()).whole(np.zeros(0)).shape == (0, 2)


def test_hertz_inverts_the_scale() -> None:
    measure = Pitch(16_000, FeatureConfig())
    np.testing.assert_allclose(measure.hertz(np.array([[0, 1], [1, 1], [0.5, 1], [0, 0]])), [60, 500, 30_000**0.5, 0])


def test_description_tells_apart_all_that_matters() -> None:
    features = FeatureConfig()
    described = Pitch(16_000, features).description()
    assert described == Pitch(16_000, dataclasses.replace(features, mel_channels=20)).description()
    assert described != Pitch(8_000, features).description()
    for name, value in {"hop_samples": 200, "f0_low_hz": 70.0, "f0_high_hz": 400.0}.items():
        assert described != Pitch(16_000, dataclasses.replace(features, **{name: value})).description(), name


def test_what_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="f0_high_hz must be at most a quarter of the sample rate of 1000, got 500"):
        Pitch(1_000, FeatureConfig())
    with pytest.raises(ValueError, match="a block must have 40000 samples, got 7"):
        Pitch(16_000, FeatureConfig()).block(np.zeros(7))


def test_without_the_extra_it_says_what_to_install() -> None:
    script = (
        "import sys; sys.modules['pyworld'] = None\n"
        "from wavenet_jax.audio.pitch import Pitch\n"
        "from wavenet_jax.config import WaveNetConfig\n"
        "try: Pitch.of(WaveNetConfig()).check_installed()\n"
        "except ValueError as error: print(error)"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "f0 needs the extra [f0]: pip install wavenet-jax[f0]"
