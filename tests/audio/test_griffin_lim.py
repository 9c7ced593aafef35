"""Griffin-Lim: close to the speech that the frames came from, aligned with it, and the same for the same seed."""

import numpy as np
import pytest

from wavenet_jax.audio.distances import log_mel_distance, spectral_convergence
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import read_audio
from wavenet_jax.audio.griffin_lim import griffin_lim, magnitudes_of
from wavenet_jax.config import FeatureConfig

SHAPES = [
    FeatureConfig(),
    FeatureConfig(hop_samples=131, fft_size=1_001, window_samples=777, mel_power=2.0, mel_log="decibel"),
    FeatureConfig(hop_samples=200, fft_size=800, mel_scale="htk", mel_normalization="none"),
]


@pytest.mark.parametrize("features", SHAPES)
def test_speech_comes_back_close(features: FeatureConfig) -> None:
    """Measured for these shapes: 0.9 to 1.0 dB; random phases 5.8 to 6.1 dB; noise of the same level 25 to 28 dB."""
    measure = LogMel(16_000, features)
    speech = read_audio("examples/speech/vm-nobox.flac", 16_000)[:32_000]
    frames = measure.whole(speech)
    found = griffin_lim(frames, measure)
    assert found.shape == (len(frames) * features.hop_samples,)
    assert found.dtype == np.float32
    noise = np.random.default_rng(0).normal(scale=speech.std(), size=len(speech))
    distance = log_mel_distance(speech, found, measure)
    assert distance < log_mel_distance(speech, griffin_lim(frames, measure, iterations=0), measure) / 2
    assert distance < log_mel_distance(speech, noise, measure) / 8
    assert spectral_convergence(speech, found, measure) < 0.4


@pytest.mark.parametrize("features", SHAPES)
def test_it_is_aligned_with_the_signal_that_was_measured(features: FeatureConfig) -> None:
    """The envelope of a tone that pulses correlates best at no lag, to within 2 ms; measured: 0 to 2 samples off."""
    measure = LogMel(16_000, features)
    time = np.arange(24_000) / 16_000
    pulses = 0.5 * np.exp(3 * np.sin(2 * np.pi * 5.3 * time) - 3)
    found = griffin_lim(measure.whole(pulses * np.sin(2 * np.pi * 1_100 * time)), measure)[:24_000]
    envelope = np.convolve(np.abs(found), np.hanning(161) / 80, "same")
    lags = np.arange(-200, 201, 8)
    middle = pulses[400:-400] - pulses.mean()
    best = lags[np.argmax([middle @ envelope[400 + lag : 23_600 + lag] for lag in lags])]
    assert abs(best) <= 32


def test_bands_are_kept_by_the_magnitudes() -> None:
    """Measured: 1.1 % in the norm."""
    measure = LogMel(16_000, FeatureConfig())
    bands = measure.linear(measure.whole(read_audio("examples/speech/vm-nobox.flac", 16_000)))
    magnitudes = magnitudes_of(bands, measure)
    assert (magnitudes >= 0).all()
    again = magnitudes @ measure.filterbank.T
    assert np.linalg.norm(again - bands) < 0.03 * np.linalg.norm(bands)


def test_phases_come_from_the_seed() -> None:
    measure = LogMel(16_000, FeatureConfig())
    frames = measure.whole(np.random.default_rng(0).normal(scale=0.1, size=4_000))
    first, same, other = (griffin_lim(frames, measure, iterations=2, seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_silence_stays_silent() -> None:
    measure = LogMel(16_000, FeatureConfig())
    assert np.abs(griffin_lim(np.tile(measure.silence, (10, 1)), measure)).max() < 1e-4
    assert griffin_lim(np.zeros((0, 80)), measure).shape == (0,)


def test_windows_must_overlap() -> None:
    measure = LogMel(16_000, FeatureConfig(hop_samples=512, window_samples=512))
    with pytest.raises(ValueError, match="window_samples=512 must be above hop_samples=512"):
        griffin_lim(np.zeros((4, 80)), measure)
