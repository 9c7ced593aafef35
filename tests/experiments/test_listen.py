"""The program that listens with numbers."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from experiments import listen
from tests.experiments.conftest import Call
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import DataConfig, to_json
from wavenet_jax.runs import RunDirectory

RATE = 16_000
QUIET = ("--silence_db=0", "--silence_seconds=0.05")
"""Flags of a guard to which everything is silence."""


def test_the_distance_hears_colour_not_level() -> None:
    white = np.random.default_rng(0).normal(size=4 * RATE)
    levels = listen.band_levels([white], RATE)
    assert listen.distance(levels, listen.band_levels([white / 100], RATE)) < 0.01
    assert listen.distance(levels, listen.band_levels([white[::-1]], RATE)) < 0.5
    assert listen.distance(levels, listen.band_levels([np.cumsum(white)], RATE)) > 5


def test_compares_audio_with_the_data_of_a_run(call: Call, workdir: Path, tmp_path: Path) -> None:
    sound = tmp_path / "quiet.wav"
    write_wav(str(sound), np.zeros(RATE), RATE)
    ended = call(listen.main, f"--workdir={workdir}", f"--audio={sound}", "--split=train")
    assert ended.code == 0
    result = json.loads(ended.out)
    assert (result["files"], result["seconds"], result["verdict"]) == ([str(sound)], 1.0, "silence")
    assert result["real_audio_distance_db"] > 0
    assert set(result["guard_alarms"]) == {"silence", "noise", "seconds"}
    fussy = call(listen.main, f"--workdir={workdir}", f"--audio={sound}", "--split=train", *QUIET)
    assert json.loads(fussy.out)["guard_alarms"]["silence"] > result["guard_alarms"]["silence"]
    assert result["level_db"] < result["reference_level_db"] - 60


@pytest.mark.parametrize("pre_emphasis", [None, 0.9])
def test_real_audio_is_no_distance_from_itself(
    pre_emphasis: float | None, call: Call, workdir: Path, tmp_path: Path
) -> None:
    rate = 4_000
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(3):
        noise = np.random.default_rng(number).normal(size=rate)
        write_wav(str(folder / f"{number}.wav"), 0.1 * np.convolve(noise, [1, 0.9, 0.5])[:rate], rate)
    run = RunDirectory(workdir).read_config()
    data = DataConfig(data_dir=(str(folder),), pre_emphasis=pre_emphasis, validation_fraction=0)
    copy = tmp_path / "run"
    copy.mkdir()
    (copy / "config.json").write_text(to_json(dataclasses.replace(run, data=data)))
    sounds = [f"--audio={path}" for path in sorted(folder.iterdir())]
    ended = call(listen.main, f"--workdir={copy}", *sounds, "--split=train")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["spectrum_distance_db"] < 0.02


def test_bad_input_is_one_line(call: Call, workdir: Path, tmp_path: Path) -> None:
    sound, short = tmp_path / "sound.wav", tmp_path / "short.wav"
    write_wav(str(sound), np.ones(RATE), RATE)
    write_wav(str(short), np.ones(50), RATE)
    for arguments, message in (
        ([f"--workdir={workdir}"], "--audio needs the name of a file, got none"),
        ([f"--workdir={workdir}", f"--audio={short}", "--split=train"], "the audio is shorter than 0.064 s"),
        ([f"--workdir={workdir}", "--audio=none.wav"], "none.wav: cannot be opened"),
    ):
        ended = call(listen.main, *arguments)
        assert ended.code == 1
        (line,) = ended.err.splitlines()
        assert line.startswith(f"error: {message}")
