"""Preparation does what its flags say, and nothing by default."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import Batches, SyntheticSource, open_source

RATE = 16_000
Config = Callable[..., DataConfig]


@pytest.fixture
def prepared(folder: Path, data: Config, model: WaveNetConfig) -> Callable[..., np.ndarray]:
    """Writes a waveform and reads it back, prepared."""

    def prepare(waveform: np.ndarray, **options: object) -> np.ndarray:
        soundfile.write(folder / "a.wav", waveform, RATE, subtype="FLOAT")
        source = open_source(data(**options), model, "train")
        whole = source.read(0, 0, int(source.lengths[0]))
        assert np.array_equal(source.read(0, 50, 100), whole[50:100])
        return whole

    return prepare


def burst(before: int = 4_000, during: int = 2_000, after: int = 6_000, level: float = 0.5) -> np.ndarray:
    """Noise between two silences."""
    noise = np.random.default_rng(0).uniform(-level, level, during)
    noise[[0, -1]] = level
    return np.concatenate([np.zeros(before), noise, np.zeros(after)]).astype(np.float32)


def test_nothing_is_done_by_default(prepared: Callable) -> None:
    assert np.array_equal(prepared(burst()), burst())


def test_trimming_leaves_the_sound_and_its_margin(prepared: Callable) -> None:
    trimmed = prepared(burst(), trim_silence=True, trim_margin_seconds=0.1)
    assert np.array_equal(trimmed, burst()[2_400:7_600])


def test_trimming_goes_by_its_threshold(prepared: Callable) -> None:
    quiet = burst(level=0.01)
    assert len(prepared(quiet, trim_silence=True, trim_threshold_db=-45.0)) < 6_000
    assert len(prepared(quiet, trim_silence=True, trim_threshold_db=-30.0)) == 12_000, "a whole file was dropped"


def test_peak_normalisation(prepared: Callable) -> None:
    assert np.abs(prepared(burst(), normalize="peak", peak_db=-6.0)).max() == pytest.approx(10 ** (-6 / 20), abs=1e-6)


def test_loudness_normalisation_reaches_its_level_without_clipping(prepared: Callable) -> None:
    level = 10 * np.log10((prepared(burst(), normalize="loudness", loudness_db=-30.0) ** 2).mean())
    assert level == pytest.approx(-30, abs=1e-3)
    assert np.abs(prepared(burst(), normalize="loudness", loudness_db=0.0)).max() == pytest.approx(0.999, abs=1e-6)


def test_hardly_audible_noise_is_not_blown_up(prepared: Callable) -> None:
    faint = burst(level=1e-4)
    assert np.abs(prepared(faint, normalize="peak")).max() == pytest.approx(0.01, rel=1e-3)


def test_an_offset_is_removed(prepared: Callable) -> None:
    assert prepared(burst() + 0.1, remove_dc=True).mean() == pytest.approx(0, abs=1e-6)


def test_pre_emphasis_has_its_inverse(prepared: Callable) -> None:
    emphasized = prepared(burst(), pre_emphasis=0.9)
    assert np.abs(np.diff(emphasized)).max() > np.abs(np.diff(burst())).max()
    assert np.abs(deemphasize(emphasized, 0.9) - burst()).max() < 1e-5  # measured: 2e-7


def test_augmentation_scales_and_turns_each_crop_by_its_number() -> None:
    grid = Grid(65_536, "linear")
    source = SyntheticSource(clips=4, clip_samples=400, seed=0)
    plain, changed, again = (
        Batches(source, grid, batch_size=64, crop_samples=400, seed=0, **options)[3]
        for options in ({}, *2 * [{"gain_db": 6.0, "flip_polarity": True}])
    )
    assert np.array_equal(changed.codes, again.codes)
    factors = [
        float(after @ before / (before @ before))
        for before, after in zip(grid.decode(plain.codes), grid.decode(changed.codes), strict=True)
    ]
    levels = 20 * np.log10(np.abs(factors))
    assert np.abs(levels).max() <= 6.01
    assert levels.std() > 2
    assert 16 < sum(factor < 0 for factor in factors) < 48
