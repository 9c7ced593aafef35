"""Distances: zero for equal signals, known values for known changes, larger with more noise."""

from collections.abc import Callable

import numpy as np
import pytest

from wavenet_jax.audio.distances import log_mel_distance, mel_cepstral_distance, spectral_convergence
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import read_audio
from wavenet_jax.config import FeatureConfig

Distance = Callable[[np.ndarray, np.ndarray, LogMel], float]
ALL = [log_mel_distance, mel_cepstral_distance, spectral_convergence]
MEASURE = LogMel(16_000, FeatureConfig(mel_floor=1e-9))


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return read_audio("examples/speech/vm-nobox.flac", 16_000)


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=0.1, size=samples)


@pytest.mark.parametrize("distance", ALL)
def test_equal_signals_are_at_no_distance(distance: Distance, speech: np.ndarray) -> None:
    assert distance(speech, speech.copy(), MEASURE) == 0


@pytest.mark.parametrize("distance", ALL)
def test_more_noise_is_farther_away(distance: Distance, speech: np.ndarray) -> None:
    found = [distance(speech, speech + gain * noise(len(speech)), MEASURE) for gain in (0.001, 0.01, 0.1, 1)]
    assert found == sorted(found)
    assert found[-1] > 3 * found[0] > 0


@pytest.mark.parametrize("distance", ALL)
def test_the_longer_signal_is_cut(distance: Distance, speech: np.ndarray) -> None:
    other = speech + 0.1 * noise(len(speech))
    longer = np.concatenate([other, np.ones(5_000)])
    assert distance(speech, longer, MEASURE) == distance(speech, other, MEASURE)
    assert distance(longer, speech, MEASURE) == distance(other, speech, MEASURE)


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("log", ["natural", "log10", "decibel"])
def test_half_the_amplitude_is_six_decibels_of_log_mel_and_none_of_cepstrum(power: float, log: str) -> None:
    measure = LogMel(16_000, FeatureConfig(mel_power=power, mel_log=log, mel_floor=1e-12, mel_normalization="none"))
    loud = noise(8_000)
    assert log_mel_distance(loud, loud / 2, measure) == pytest.approx(20 * np.log10(2), rel=1e-4)
    assert mel_cepstral_distance(loud, loud / 2, measure) == pytest.approx(0, abs=1e-3)
    assert spectral_convergence(loud, loud / 2, measure) == pytest.approx(0.5, rel=1e-6)


def test_levels_below_the_floor_do_not_count() -> None:
    measure = LogMel(16_000, FeatureConfig(mel_floor=1e-2))
    assert log_mel_distance(np.zeros(4_000), 1e-6 * noise(4_000), measure) == 0


def test_cepstral_distance_of_a_known_envelope() -> None:
    """A log spectrum that differs by a times the third cosine of the DCT: 10 / ln 10 * sqrt(2) * a * sqrt(M / 2)."""

    class Known(LogMel):
        def whole(self, waveform: np.ndarray) -> np.ndarray:
            return waveform.astype(np.float32)[:, None] * np.cos(np.pi * 3 * (np.arange(20) + 0.5) / 20)

    measure = Known(16_000, FeatureConfig(mel_channels=20, mel_normalization="none", mel_floor=1e-9))
    found = mel_cepstral_distance(np.ones(4), np.full(4, 3.0), measure)
    assert found == pytest.approx(10 / np.log(10) * np.sqrt(2) * 2 * np.sqrt(10), rel=1e-5)


def test_spectral_convergence_of_silence_is_one(speech: np.ndarray) -> None:
    assert spectral_convergence(speech, np.zeros_like(speech), MEASURE) == 1


@pytest.mark.parametrize("distance", ALL)
def test_no_samples(distance: Distance) -> None:
    with pytest.raises(ValueError, match="got an empty one"):
        distance(np.zeros(0), np.zeros(4), MEASURE)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="a reference that is not silent"):
        spectral_convergence(np.zeros(400), np.ones(400), MEASURE)
    with pytest.raises(ValueError, match="mel_channels above 13, got 13"):
        mel_cepstral_distance(np.ones(400), np.ones(400), LogMel(16_000, FeatureConfig(mel_channels=13)))
