"""Mel equalisation: closer to the frames with each pass, wherever it is cut, and what is right already stays."""

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from wavenet_jax.audio.distances import log_mel_distance
from wavenet_jax.audio.equalization import MelEqualizer, equalize
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import read_audio
from wavenet_jax.config import FeatureConfig

SHAPES = {
    "default": FeatureConfig(),
    "odd": FeatureConfig(hop_samples=131, fft_size=1000, window_samples=777, mel_channels=40, mel_power=1.3),
    "gaps": FeatureConfig(hop_samples=100, window_samples=20),
    "short": FeatureConfig(hop_samples=7, fft_size=512, window_samples=32, mel_channels=20, mel_power=2),
    "plain": FeatureConfig(hop_samples=250, fft_size=400, window_samples=201, mel_channels=13, mel_log="decibel"),
    "telephone": FeatureConfig(hop_samples=200, mel_low_hz=300, mel_high_hz=3_400, mel_normalization="none"),
}
RATE = 16_000
each_shape = pytest.mark.parametrize("features", SHAPES.values(), ids=SHAPES)


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    return read_audio("examples/speech/vm-nobox.flac", RATE)[4_000:12_003]


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=0.1, size=samples).astype(np.float32)


@each_shape
def test_a_waveform_with_the_frames_it_should_have_is_left_alone(features: FeatureConfig, speech: np.ndarray) -> None:
    measure = LogMel(RATE, features)
    made = equalize(speech, measure.whole(speech), measure)
    assert made.dtype == np.float32
    np.testing.assert_allclose(made, speech, atol=1e-6)  # measured: 3e-8


@each_shape
def test_each_pass_comes_closer(features: FeatureConfig, speech: np.ndarray) -> None:
    """Measured after three passes, in dB: a wrong response 9 to 0.07, noise 9 to 0.9; the short windows least."""
    measure = LogMel(RATE, features)
    frames = measure.whole(speech)
    filtered = scipy.signal.lfilter([1.0, -1.2, 0.4], [1.0], speech).astype(np.float32)
    hoarse = speech + noise(len(speech)) * np.abs(speech).max() / 4
    short = measure.window_samples < 100
    for waveform, share in ((filtered, 0.25 if short else 0.02), (hoarse, 0.4 if short else 0.17)):
        found = [waveform, *(equalize(waveform, frames, measure, passes) for passes in (1, 3))]
        before, one, three = [log_mel_distance(speech, made, measure) for made in found]
        assert before > one > three or short
        assert three < share * before


@settings(max_examples=15, deadline=None)
@given(
    features=st.sampled_from([SHAPES["odd"], SHAPES["gaps"], SHAPES["plain"]]),
    passes=st.integers(1, 3),
    begin=st.integers(0, 9),
    samples=st.integers(1, 3_000),
    cuts=st.lists(st.integers(0, 3_000), max_size=6),
)
def test_pieces_give_the_bits_of_the_whole(
    features: FeatureConfig, passes: int, begin: int, samples: int, cuts: list[int]
) -> None:
    measure = LogMel(RATE, features)
    waveform, frames = noise(samples), measure.whole(0.3 * noise(samples + 500, seed=1))
    whole = MelEqualizer(measure, frames, passes, begin)
    expected = np.concatenate([whole(waveform), whole.finish()])
    assert len(expected) == samples
    equalizer = MelEqualizer(measure, frames, passes, begin)
    pieces, given_out, taken = [], 0, 0
    for piece in np.split(waveform, sorted(min(cut, samples) for cut in cuts)):
        pieces.append(equalizer(piece))
        taken, given_out = taken + len(piece), given_out + len(pieces[-1])
        assert given_out >= taken - equalizer.lookahead
    np.testing.assert_array_equal(np.concatenate([*pieces, equalizer.finish()]), expected)


@pytest.mark.parametrize(("passes", "expected"), [(1, 1_023), (3, 3_023)])
def test_it_looks_ahead_by_a_window_for_each_pass(passes: int, expected: int) -> None:
    """64 ms for one pass of windows of 1,024 samples at 16 kHz; the bound is reached, and never passed."""
    measure = LogMel(RATE, FeatureConfig(hop_samples=200))
    equalizer = MelEqualizer(measure, np.zeros((60, 80)), passes)
    assert equalizer.lookahead == expected
    given_out, behind = 0, []
    for taken in range(1, 4_001):
        given_out += len(equalizer(np.zeros(1)))
        behind.append(taken - given_out)
    assert max(behind) == expected


def test_long_signals_are_made_in_blocks() -> None:
    """More frames than are held at a time."""
    measure = LogMel(RATE, SHAPES["short"])
    waveform, frames = noise(4_000), measure.whole(0.2 * noise(4_000, seed=1))
    equalizer = MelEqualizer(measure, frames)
    whole = np.concatenate([equalizer(waveform), equalizer.finish()])
    np.testing.assert_array_equal(equalize(waveform, frames, measure), whole)


def test_digital_silence_stays_and_nothing_becomes_loud_noise(speech: np.ndarray) -> None:
    measure = LogMel(RATE, FeatureConfig())
    frames = measure.whole(speech)
    assert not equalize(np.zeros_like(speech), frames, measure).any()
    dither = np.random.default_rng(0).choice([-1e-7, 1e-7], len(speech))  # below the floor of the features
    assert np.abs(equalize(dither, frames, measure)).max() < 1e-6
    faint = noise(len(speech)) / 1_000
    gain = np.std(equalize(faint, frames, measure, passes=1)) / faint.std()
    assert 2 < gain < 10  # 20 dB


def test_silence_that_is_wanted_is_made(speech: np.ndarray) -> None:
    measure = LogMel(RATE, FeatureConfig())
    silence = np.tile(measure.silence, (len(measure.whole(speech)), 1))
    levels = [np.std(equalize(speech, silence, measure, passes)) for passes in (1, 2)]
    assert levels[0] < 0.02 * speech.std()  # 40 dB, less where it is soft
    assert levels[1] < 0.02 * levels[0]


def test_frames_at_the_beginning_can_be_left_as_they_are(speech: np.ndarray) -> None:
    measure = LogMel(RATE, FeatureConfig(hop_samples=200))
    equalizer = MelEqualizer(measure, measure.whole(2 * speech), begin=16)
    made = np.concatenate([equalizer(speech), equalizer.finish()])
    seam = 16 * 200
    np.testing.assert_allclose(made[: seam - 2_000], speech[: seam - 2_000], atol=1e-6)
    assert log_mel_distance(2 * speech[seam + 2_000 :], made[seam + 2_000 :], measure) < 0.1


def test_frames_may_go_on_after_the_end(speech: np.ndarray) -> None:
    measure = LogMel(RATE, FeatureConfig())
    frames = measure.whole(speech)
    for samples in (3, 1_000, 4_097):
        made = equalize(speech[:samples], frames, measure)
        assert made.shape == (samples,)
        assert np.std(made) < 2 * np.std(speech[:samples])


def test_nothing_of_nothing() -> None:
    measure = LogMel(RATE, FeatureConfig())
    assert equalize(np.zeros(0), np.zeros((0, 80)), measure).shape == (0,)


@pytest.mark.parametrize(
    ("frames", "passes", "message"),
    [
        (np.zeros((4, 80)), 0, r"passes must be at least 1, got 0"),
        (np.zeros((4, 79)), 1, r"must be of shape \[frames, mel_channels=80\], got \[4, 79\]"),
        (np.zeros(80), 1, r"must be of shape \[frames, mel_channels=80\], got \[80\]"),
        (np.zeros((3, 80)), 1, r"the frames describe 768 samples, got 1000; give more frames"),
    ],
)
def test_what_does_not_fit_is_named(frames: np.ndarray, passes: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        equalize(np.zeros(1_000), frames, LogMel(RATE, FeatureConfig()), passes)
