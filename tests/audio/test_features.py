"""Log-mel: the published scales, frames where they belong, pieces equal to the whole, and the way back."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavenet_jax.audio.features import LogMel, hz_to_mel, mel_to_hz
from wavenet_jax.config import FeatureConfig, WaveNetConfig

SHAPES = [
    FeatureConfig(),
    FeatureConfig(hop_samples=131, fft_size=1000, window_samples=777, mel_channels=40, mel_power=1.3),
    FeatureConfig(hop_samples=100, window_samples=20),  # windows with gaps between them
    FeatureConfig(hop_samples=7, fft_size=512, window_samples=32, mel_channels=20, mel_power=2, mel_scale="htk"),
    FeatureConfig(hop_samples=250, fft_size=400, window_samples=201, mel_channels=13, mel_normalization="none"),
]


def log_mel(**options: object) -> LogMel:
    return LogMel(16_000, dataclasses.replace(FeatureConfig(), **options))


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=0.1, size=samples).astype(np.float32)


def test_slaney_scale() -> None:
    """The Auditory Toolbox: 3 mel for every 200 Hz up to 1000 Hz, then 27 for a factor of 6.4."""
    hz = np.array([0, 200, 1000, 6400, 6400 * 6.4])
    np.testing.assert_allclose(hz_to_mel(hz, "slaney"), [0, 3, 15, 42, 69], rtol=1e-12)


def test_htk_scale() -> None:
    """2595 log10(1 + f / 700): 1000 Hz is 1000 mel to within 0.02."""
    hz = np.array([0, 700, 1000, 6300])
    np.testing.assert_allclose(hz_to_mel(hz, "htk"), [0, 2595 * np.log10(2), 999.9856, 2595], atol=1e-3)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_scales_invert(scale: str) -> None:
    hz = np.linspace(0, 12_000, 1001)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz, scale), scale), hz, rtol=1e-9, atol=1e-9)


def test_slaney_triangles_by_hand() -> None:
    """Up to 1000 Hz with 4 bands: corners at 0, 200, ..., 1000 Hz; bins 100 Hz apart; height 2 / 400 Hz."""
    measured = LogMel(2_000, FeatureConfig(fft_size=20, mel_channels=4)).filterbank * 200
    expected = np.zeros((4, 11))
    for band in range(4):
        expected[band, 2 * band : 2 * band + 5] = [0, 0.5, 1, 0.5, 0]
    np.testing.assert_allclose(measured, expected, atol=1e-12)


def test_slaney_triangles_have_area_one() -> None:
    bank = log_mel(fft_size=16_384)
    np.testing.assert_allclose(bank.filterbank.sum(axis=1) * 16_000 / 16_384, 1, rtol=2e-3)


def test_htk_triangles_are_one_high_and_hand_over_to_each_other() -> None:
    bank = log_mel(fft_size=16_384, mel_scale="htk", mel_channels=40).filterbank
    assert bank.max() <= 1
    assert bank.max(axis=1).min() > 0.95
    peaks = bank.argmax(axis=1)
    np.testing.assert_allclose(bank.sum(axis=0)[peaks[0] + 1 : peaks[-1]], 1, rtol=1e-9)


def test_bands_keep_between_their_ends() -> None:
    hz = np.fft.rfftfreq(1_024, 1 / 16_000)
    covered = hz[log_mel(mel_low_hz=300.0, mel_high_hz=4_000.0, mel_channels=30).filterbank.any(axis=0)]
    assert 300 < covered.min() < 330
    assert 3_970 < covered.max() < 4_000


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("hz", [440.0, 1_000.0, 5_000.0])
def test_a_sine_is_loudest_in_the_band_around_it(scale: str, hz: float) -> None:
    measure = log_mel(mel_scale=scale, mel_channels=40)
    frames = measure.whole(np.sin(2 * np.pi * hz / 16_000 * np.arange(8_000)))
    peaks = mel_to_hz(np.linspace(0, hz_to_mel(np.array(8_000.0), scale), 42), scale)[1:-1]
    assert (frames[4:-4].argmax(axis=1) == np.abs(peaks - hz).argmin()).all()


def test_a_sine_has_the_level_that_its_window_and_band_give_it() -> None:
    """On a bin, a sine of amplitude a measures a * sum(window) / 2 there, and half of it in both bins beside."""
    measure = log_mel(mel_normalization="none", mel_channels=40)
    frame = measure.whole(0.5 * np.sin(2 * np.pi * 64 / 1_024 * np.arange(16_000)))[30]
    near = measure.filterbank[:, 63:66] @ [0.5, 1, 0.5] * 0.5 * measure.window.sum() / 2
    band = near.argmax()
    assert frame[band] == pytest.approx(np.log(near[band]), abs=1e-4)


@pytest.mark.parametrize("features", SHAPES)
def test_a_frame_for_every_hop_begun(features: FeatureConfig) -> None:
    measure = LogMel(16_000, features)
    hop = features.hop_samples
    for samples, frames in [(0, 0), (1, 1), (hop, 1), (hop + 1, 2), (5 * hop - 1, 5)]:
        measured = measure.whole(noise(samples))
        assert measured.shape == (frames, features.mel_channels)
        assert measured.dtype == np.float32


@pytest.mark.parametrize("features", SHAPES)
@given(data=st.data())
def test_frames_of_a_piece_are_those_of_the_whole(features: FeatureConfig, data: st.DataObject) -> None:
    measure = LogMel(16_000, features)
    whole = noise(100 * features.hop_samples)
    start = data.draw(st.integers(0, 99))
    stop = data.draw(st.integers(start, 100))
    piece = np.pad(whole, measure.margin)[start * features.hop_samples :]
    piece = piece[: (stop - start) * features.hop_samples + 2 * measure.margin]
    np.testing.assert_array_equal(measure.frames(piece.copy()), measure.whole(whole)[start:stop])


def test_a_long_signal_is_measured_in_blocks_that_do_not_show() -> None:
    measure = log_mel(hop_samples=32)
    long = noise(60_000)  # 1875 frames, 512 at a time
    own = long[500 * 32 - measure.margin : 530 * 32 + measure.margin]
    np.testing.assert_array_equal(measure.whole(long)[500:530], measure.frames(own))


@pytest.mark.parametrize("features", [SHAPES[0], SHAPES[1], SHAPES[3]])
@given(where=st.integers(0, 10_000))
def test_an_impulse_is_loudest_in_the_frame_that_holds_it(features: FeatureConfig, where: int) -> None:
    measure = LogMel(16_000, features)
    hop = features.hop_samples
    where = 5 * hop + where % (10 * hop)
    if where % hop in (0, hop - 1):  # as far from the next frame's middle, to half a sample
        where += 1 if where % hop == 0 else -1
    impulse = np.zeros(20 * hop)
    impulse[where] = 1
    assert measure.linear(measure.whole(impulse)).sum(axis=1).argmax() == where // hop


@pytest.mark.parametrize("features", SHAPES)
def test_nothing_beyond_the_margin_touches_a_frame(features: FeatureConfig) -> None:
    measure = LogMel(16_000, features)
    signal = noise(40 * features.hop_samples)
    frames = measure.whole(signal)
    signal[: 20 * features.hop_samples - measure.margin] = 1
    signal[21 * features.hop_samples + measure.margin :] = 1
    np.testing.assert_array_equal(measure.whole(signal)[20], frames[20])
    assert (measure.whole(signal)[19] != frames[19]).any() or not measure.margin


@pytest.mark.parametrize("features", SHAPES)
def test_silence(features: FeatureConfig) -> None:
    measure = LogMel(16_000, features)
    np.testing.assert_array_equal(
        measure.whole(np.zeros(1_000)), np.tile(measure.silence, (-(-1_000 // features.hop_samples), 1))
    )


def test_range_is_minus_one_at_the_floor_and_one_at_a_band_value_of_one() -> None:
    bands = np.array([[0, 1e-4, 1e-2, 1, 100]])
    for log in ("natural", "log10", "decibel"):
        np.testing.assert_allclose(log_mel(mel_floor=1e-4, mel_log=log).compress(bands), [[-1, -1, 0, 1, 2]], atol=1e-7)


@pytest.mark.parametrize(
    ("log", "power", "expected"),
    [
        ("natural", 1.0, [np.log(1e-5), np.log(1e-5), 0, np.log(10)]),
        ("log10", 1.0, [-5, -5, 0, 1]),
        ("decibel", 1.0, [-100, -100, 0, 20]),
        ("decibel", 2.0, [-50, -50, 0, 10]),
    ],
)
def test_logarithms(log: str, power: float, expected: list[float]) -> None:
    measure = log_mel(mel_log=log, mel_power=power, mel_normalization="none")
    np.testing.assert_allclose(measure.compress(np.array([[0, 1e-5, 1, 10]]))[0], expected, rtol=1e-6)


def test_power_is_that_of_the_magnitudes() -> None:
    """Twice the amplitude: 2 ** power in every band, whatever the other options."""
    for power in (1.0, 1.7, 2.0):
        measure = log_mel(mel_power=power, mel_floor=1e-12)
        once, twice = (measure.linear(measure.whole(gain * noise(4_000))) for gain in (1, 2))
        np.testing.assert_allclose(twice / once, 2**power, rtol=1e-4)


@pytest.mark.parametrize("normalization", ["range", "none"])
@pytest.mark.parametrize("log", ["natural", "log10", "decibel"])
def test_linear_inverts_compress(log: str, normalization: str) -> None:
    measure = log_mel(mel_log=log, mel_normalization=normalization, mel_power=2.0)
    bands = np.geomspace(1e-5, 1e3, 80)[None]
    np.testing.assert_allclose(measure.linear(measure.compress(bands)), bands, rtol=1e-5)


def test_description_tells_apart_all_that_matters_and_nothing_else() -> None:
    measure = log_mel()
    assert json.loads(json.dumps(measure.description())) == measure.description()
    assert measure.description()["mel_high_hz"] == 8_000
    same = log_mel(window_samples=1_024, mel_high_hz=8_000.0, local_features=("mel",), f0_low_hz=70.0)
    assert same.description() == measure.description()
    changes = {
        "hop_samples": 200,
        "fft_size": 2_048,
        "window_samples": 512,
        "mel_channels": 60,
        "mel_low_hz": 20.0,
        "mel_high_hz": 7_000.0,
        "mel_scale": "htk",
        "mel_power": 2.0,
        "mel_log": "log10",
        "mel_floor": 1e-4,
        "mel_normalization": "none",
    }
    for name, value in changes.items():
        assert log_mel(**{name: value}).description() != measure.description(), name
    assert LogMel(22_050, FeatureConfig()).description() != measure.description()


def test_a_model_names_its_features() -> None:
    assert LogMel.of(WaveNetConfig(sample_rate=8_000)) == LogMel(8_000, FeatureConfig())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mel_channels": 512}, r"^\d+ of mel_channels=512 bands hold no bin of fft_size=1024 .*; use fewer"),
        ({"mel_low_hz": 8_000.0}, "mel_low_hz must be below mel_high_hz"),
        ({"mel_high_hz": 8_001.0}, "at most half the sample rate, 8000; got 0 and 8001"),
        ({"mel_floor": 1.0}, "mel_floor must be below 1"),
    ],
)
def test_what_cannot_be_measured(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        log_mel(**options)
    assert "\n" not in str(error.value)


def test_a_piece_of_another_length() -> None:
    with pytest.raises(ValueError, match=r"multiple of hop_samples=256 plus 2 \* 384 samples, got 1000"):
        log_mel().frames(np.zeros(1_000))
