"""The program that listens with numbers."""

import json
from pathlib import Path

import numpy as np

from experiments import listen
from tests.experiments.conftest import Call
from wavenet_jax.audio.files import write_wav

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


def test_bad_input_is_one_line(call: Call, workdir: Path, tmp_path: Path) -> None:
    sound, short = tmp_path / "sound.wav", tmp_path / "short.wav"
    write_wav(str(sound), np.ones(RATE), RATE)
    write_wav(str(short), np.ones(50), RATE)
    for arguments, message in (
        ([f"--workdir={workdir}"], "audio needs the name of a file, got none"),
        ([f"--workdir={workdir}", f"--audio={sound}"], "validation has 0 clips; a comparison needs at least 2"),
        ([f"--workdir={workdir}", f"--audio={short}", "--split=train"], "the audio is shorter than 0.064 s"),
        ([f"--workdir={workdir}", "--audio=none.wav"], "none.wav: cannot be opened"),
    ):
        ended = call(listen.main, *arguments)
        assert ended.code == 1
        (line,) = ended.err.splitlines()
        assert line.startswith(f"error: {message}")
