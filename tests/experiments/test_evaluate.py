"""The program that judges: its JSON, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiments import evaluate
from tests.experiments.conftest import Call


def test_audio_of_the_run(call: Call, workdir: Path) -> None:
    ended = call(evaluate.main, f"--workdir={workdir}", "--split=train")
    assert ended.code == 0
    (line,) = ended.out.splitlines()
    result = json.loads(line)
    assert result.keys() == {"bits_per_sample", "samples", "files", "baselines", "step"}
    assert result["bits_per_sample"] == pytest.approx(5, abs=0.2)
    assert (result["samples"], result["files"], result["step"]) == (800, 2, 2)
    assert result["baselines"].keys() == {"uniform", "unigram", "linear_prediction"}


def test_other_audio_and_the_best_checkpoint(call: Call, workdir: Path, tmp_path: Path) -> None:
    time = np.arange(6_000) / 4_000
    for name, frequency in (("a.wav", 200), ("b.wav", 300)):
        soundfile.write(tmp_path / name, 0.5 * np.sin(2 * np.pi * frequency * time), 4_000)
    ended = call(evaluate.main, f"--workdir={workdir}", f"--data_dir={tmp_path}", "--split=train", "--checkpoint=best")
    assert ended.code == 0
    result = json.loads(ended.out)
    assert 6_000 <= result["samples"] <= 12_000
    assert result["step"] == 2


def test_the_engine_tells_what_int8_costs(call: Call, workdir: Path) -> None:
    ended = call(evaluate.main, f"--workdir={workdir}", "--split=train", "--weights=int8")
    assert ended.code == 0
    result = json.loads(ended.out)
    assert result["bits_per_sample"] == pytest.approx(5, abs=0.2)
    assert 0 < abs(result["bits_lost"]) < 0.01


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workdir=/does/not/exist",), "is not a run directory: it has no config.json"),
        (("--workdir={workdir}", "--data_dir=/does/not/exist"), "/does/not/exist"),
        (("--workdir={workdir}", "--checkpoint=first"), "checkpoint must be one of latest, best, got 'first'"),
        (
            ("--workdir={workdir}", "--weights=int4"),
            "weights must be one of float32, int8, float16, bfloat16, got 'int4'",
        ),
        ((), "--workdir is required"),
    ],
)
def test_bad_input_is_one_line(call: Call, workdir: Path, arguments: tuple[str, ...], message: str) -> None:
    ended = call(evaluate.main, *(argument.format(workdir=workdir) for argument in arguments))
    assert ended.code == 1
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    assert line.startswith("error: ")
    assert message in line
