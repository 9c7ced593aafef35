"""Pictures of sound."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.plots import save_sounds, spectrogram


def test_a_full_scale_sine_has_zero_decibels_at_its_frequency() -> None:
    rate, frequency = 16_000, 2_000
    waveform = np.sin(2 * np.pi * frequency * np.arange(rate) / rate)
    levels = spectrogram(waveform, rate)[:, 10:-10]
    bins_per_hertz = (len(levels) - 1) / (rate / 2)
    assert set(levels.argmax(0)) == {round(frequency * bins_per_hertz)}
    np.testing.assert_allclose(levels.max(0), 0, atol=0.01)
    quieter = spectrogram(waveform / 10, rate)[:, 10:-10]
    np.testing.assert_allclose(quieter.max(0), -20, atol=0.01)


@pytest.mark.parametrize("length", [1, 100, 512, 16_000, 600_000])
def test_any_length_fits_a_picture(length: int) -> None:
    levels = spectrogram(np.zeros(length), 16_000)
    assert levels.shape[0] == 257
    assert 1 <= levels.shape[1] <= 4_001
    assert levels.max() == -200


def test_the_picture_shows_every_sound(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 4_000)
    save_sounds(tmp_path / "one.png", {"noise": noise}, 4_000)
    save_sounds(tmp_path / "two.png", {"noise": noise, "nothing": np.zeros(100)}, 4_000)
    one, two = imread(tmp_path / "one.png"), imread(tmp_path / "two.png")
    assert two.shape[0] > 1.5 * one.shape[0]
    half = two.shape[0] // 2
    assert two[:half, 200:-200, :3].std() > two[half:, 200:-200, :3].std()
