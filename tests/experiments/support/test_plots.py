"""Pictures of sound."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from experiments.support.drawing import picture
from experiments.support.plots import save_sounds, save_spectrograms, spectrogram
from tests.experiments.conftest import ROOT


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


@pytest.mark.parametrize("name", [r"$\frac{$.wav", "x\udcff.wav", "日本語 $x^2$", "_a_b^", "two\nlines", "%$#&~"])
def test_names_are_drawn_as_names(name: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 400)
    path = tmp_path / "a.png"
    save_sounds(path, {name: noise}, 4_000)
    assert imread(path).std() > 0.05
    save_spectrograms(path, {name: {"copy": noise, "original": noise}}, 4_000)
    assert imread(path).std() > 0.05


def test_no_setting_of_the_user_changes_a_picture_or_ends_a_program(tmp_path: Path) -> None:
    program = (
        "import sys, numpy; from experiments.support.plots import save_sounds; "
        "save_sounds(sys.argv[1], {'noise': numpy.random.default_rng(0).uniform(-1, 1, 400)}, 4_000)"
    )
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfigure.facecolor: red\naxes.grid: maybe\n")
    (tmp_path / "broken").write_bytes(b"\xff\xfe\x00")
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MPL") and name != "MATPLOTLIBRC"}
    pictures = []
    for number, settings in enumerate(
        (
            {},
            {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "MATPLOTLIBRC": str(tmp_path / "matplotlibrc")},
            {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": str(tmp_path / "broken")},
        )
    ):
        picture = tmp_path / f"{number}.png"
        command = [sys.executable, "-c", program, str(picture)]
        subprocess.run(command, cwd=ROOT, env={**plain, **settings}, check=True)
        pictures.append(picture.read_bytes())
    assert len(set(pictures)) == 1


def test_a_picture_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), picture(path, (1, 1)):
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.png"]
