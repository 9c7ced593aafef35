"""Bad input of every program: one line that names the value and the remedy, exit code 1, nothing overwritten.

What sampling refuses besides is in test_sample.py, and every kind of bad flag in test_flags.py.
"""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from experiments import evaluate, sample, train
from tests.experiments.conftest import ROOT, Call
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import RunConfig, to_json

TINY = f"--flagfile={ROOT / 'experiments' / 'presets' / 'tiny.flags'}"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with everything that a program may be pointed at by mistake."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("a file")
    (tmp_path / "short").mkdir()
    write_wav(str(tmp_path / "short" / "clip.wav"), np.full(5, 0.1), 4_000)
    (tmp_path / "unfinished").mkdir()
    (tmp_path / "unfinished" / "config.json").write_text(to_json(RunConfig()))
    (tmp_path / "garbage").mkdir()
    (tmp_path / "garbage" / "config.json").write_text("{")
    return tmp_path


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (train.main, "", "--workdir is required: "),
        (train.main, "--workdir={here}/new --learning_rat=1", "unknown flag '--learning_rat'; did you mean "),
        (train.main, "--workdir={here}/new --levels=1", "levels must be at least 2, got 1"),
        (train.main, "--workdir={here}/new --flagfile={here}/none", "there is no flagfile "),
        (train.main, "--workdir={here}/new stray", "unexpected argument 'stray'; "),
        (train.main, "--workdir={here}/new --data_dir={here}/empty", "data_dir {here}/empty holds no audio files; "),
        (train.main, "--workdir={here}/new --data_dir={here}/none", "data_dir must be a folder, and there is none at "),
        (train.main, "--workdir={here}/new --data_dir={here}/short", "a file is shorter than the receptive field"),
        (train.main, "--workdir={here}/file", "{here}/file"),
        (train.main, "--workdir={here}/garbage", "{here}/garbage/config.json: not valid JSON"),
        (train.main, "--workdir={workdir} --levels=64", "{workdir} holds a run with levels=32, got 64; "),
        (evaluate.main, "--workdir={here}/none", "{here}/none is not a run directory: "),
        (evaluate.main, "--workdir={here}/unfinished", "{here}/unfinished has no checkpoint yet; "),
        (evaluate.main, "--workdir={workdir} --data_dir={here}/empty", "data_dir {here}/empty holds no audio files; "),
        (evaluate.main, "--workdir={workdir} --split=all", "split must be one of "),
        (sample.main, "--workdir={here}/empty --output={here}/a.wav", "{here}/empty is not a run directory: "),
        (sample.main, "--workdir={here}/unfinished --output={here}/a.wav", "{here}/unfinished has no checkpoint yet; "),
        (sample.main, "--workdir={here}/garbage --output={here}/a.wav", "{here}/garbage/config.json: not valid JSON"),
    ],
)
def test_one_line_and_nothing_overwritten(
    main: Callable[..., int | None], arguments: str, message: str, call: Call, here: Path, workdir: Path
) -> None:
    before = _contents(here), _contents(workdir)
    ended = call(
        main,
        *([TINY, "--num_steps=1"] if main is train.main else []),
        *arguments.format(here=here, workdir=workdir).split(),
    )
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: ")
    assert message.format(here=here, workdir=workdir) in ended.err
    assert ended.err.count("\n") == 1
    assert (_contents(here), _contents(workdir)) == before


@pytest.mark.parametrize("program", ["train", pytest.param("sample", marks=pytest.mark.slow)])
def test_the_programs_themselves(program: str, here: Path) -> None:
    command = [sys.executable, "-m", f"experiments.{program}", f"--workdir={here}/empty", "--out=a.wav"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("error: unknown flag '--out'; ")
    assert ended.stderr.count("\n") == 1


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files if path.name != "run.lock"}
