"""Where data and caches lie is not what a run computes: every program goes on after a move, from any directory."""

import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from experiments import classify, evaluate, listen, train, vocode
from tests.experiments.conftest import ROOT, Call, Ended
from wavenet_jax.runs import RunDirectory, load

RATE = 4_000
TINY = (
    f"--flagfile={ROOT / 'experiments' / 'presets' / 'tiny.flags'}",
    "--dilation_cycle=1,2",
    "--batch_size=8",
    "--log_every=2",
    "--probe_seconds=0",
    "--validate_every=100",
)
CLASSES = ("--label_from=folder", "--condition_on_classes")
MEL = ("--local_features=mel", "--hop_samples=16", "--fft_size=128", "--mel_channels=16", "--local_channels=4")


def record(folder: Path, names: str, seconds: float = 0.5) -> None:
    """Writes recordings of noise, each of another length."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        noise = np.random.default_rng(ord(name)).uniform(-0.5, 0.5, round(seconds * RATE) + number)
        soundfile.write(os.fsencode(folder / f"{name}.wav"), noise, RATE)


def begun(call: Call, place: Path, *arguments: str, folders: tuple[str, ...] = ("ann", "bob")) -> None:
    """Trains ``place``/run for two steps on the recordings in ``place``/data."""
    for folder in folders:
        record(place / "data" / folder, "abcd")
    ended = call(train.main, *TINY, *arguments, f"--workdir={place / 'run'}", f"--data_dir={place / 'data'}",
                 "--validation_fraction=0.3", "--num_steps=2")  # fmt: skip
    assert ended.code == 0, ended.err


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("begun")


@pytest.fixture
def copied(call: Call, place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Copies a run of two steps, trained once for the same flags, into a folder that becomes the working directory."""

    def copy(*arguments: str) -> Path:
        kept = place / ("-".join(arguments).replace("/", "_") or "plain")
        if not kept.exists():
            begun(call, kept, *arguments)
        shutil.copytree(kept, tmp_path, dirs_exist_ok=True)
        # Of the copy, as if it had been trained here.
        config = tmp_path / "run" / "config.json"
        config.write_text(config.read_text().replace(str(kept), str(tmp_path)))
        flags = tmp_path / "run" / "run.flags"
        flags.write_text(flags.read_text().replace(str(kept), str(tmp_path)))
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return copy


def resumed(ended: Ended, run: Path, step: int) -> str:
    """What a program said that resumed a run, unchanged, and reached a step."""
    assert ended.code == 0, ended.err
    assert "resuming at step 2" in ended.err
    assert load(run).step == step
    return ended.err


@pytest.mark.parametrize("written", ["data/", "../{name}/data"])
def test_a_folder_may_be_written_in_any_way(written: str, call: Call, copied: Callable[..., Path]) -> None:
    here = copied()
    folder = written.format(here=here, name=here.name)
    said = resumed(
        call(train.main, *TINY, "--workdir=run", f"--data_dir={folder}", "--validation_fraction=0.3", "--num_steps=4"),
        here / "run",
        4,
    )
    assert "has changed" not in said


@pytest.mark.parametrize("more", ["--cache_dir={here}/elsewhere", "--cache_gib=60"])
def test_the_cache_may_be_another(more: str, call: Call, copied: Callable[..., Path]) -> None:
    here = copied()
    arguments = ("--workdir=run", "--flagfile=run/run.flags", more.format(here=here), "--probe_seconds=0")
    assert "has changed" not in resumed(call(train.main, *arguments, "--num_steps=4"), here / "run", 4)


def test_a_folder_that_has_moved_is_named_anew_and_all_goes_on(call: Call, copied: Callable[..., Path]) -> None:
    here = copied()
    (here / "data").rename(here / "moved")
    again = ("--workdir=run", "--flagfile=run/run.flags", "--probe_seconds=0")
    lost = call(train.main, *again, "--num_steps=4")
    assert lost.code == 1
    assert lost.err == f"error: --data_dir must be a folder, and there is none at {here}/data; check the path\n"
    assert "has changed" not in resumed(call(train.main, *again, "--data_dir=moved", "--num_steps=4"), here / "run", 4)
    assert RunDirectory(here / "run").read_config().data.data_dir == (f"{here}/moved",)
    assert call(train.main, *again, "--num_steps=6").code == 0, "the new place is kept"


def test_a_run_is_resumed_and_judged_from_another_working_directory(
    call: Call, copied: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = copied()
    resumed(
        call(train.main, *TINY, "--workdir=run", "--data_dir=data", "--validation_fraction=0.3", "--num_steps=4"),
        here / "run",
        4,
    )
    (here / "sub").mkdir()
    monkeypatch.chdir(here / "sub")
    flags = ("--flagfile=../run/run.flags", "--probe_seconds=0")
    ended = call(train.main, *flags, "--workdir=../run", "--num_steps=6")
    assert ended.code == 0, ended.err
    assert load(here / "run").step == 6
    assert call(evaluate.main, "--workdir=../run").code == 0


def judged(call: Call, main: Callable[..., Any], *arguments: str) -> str:
    """The result of a program that uses the data of a run, which has moved."""
    missing = call(main, *arguments)
    assert missing.code == 1
    assert missing.err.startswith("error: --data_dir must be a folder, and there is none at ")
    ended = call(main, *arguments, "--data_dir=moved")
    assert ended.code == 0, ended.err
    return ended.out


@pytest.mark.slow
def test_evaluate_and_listen_take_a_folder_that_has_moved(call: Call, copied: Callable[..., Path]) -> None:
    here = copied()
    expected = json.loads(call(evaluate.main, "--workdir=run").out)
    (here / "data").rename(here / "moved")
    assert json.loads(judged(call, evaluate.main, "--workdir=run")) == expected
    out = judged(call, listen.main, "--workdir=run", "--audio=moved/ann/a.wav", "--split=train")
    assert json.loads(out)["spectrum_distance_db"] < 3


@pytest.mark.slow
def test_classify_takes_a_folder_that_has_moved(call: Call, copied: Callable[..., Path]) -> None:
    here = copied(*CLASSES)
    (here / "data").rename(here / "moved")
    out = judged(call, classify.main, "--workdir=run", "--num_samples=1", "--seconds=0.4")
    assert json.loads(out)["classes"] == ["ann", "bob"]


@pytest.mark.slow
def test_vocode_takes_a_folder_that_has_moved(call: Call, copied: Callable[..., Path]) -> None:
    here = copied(*MEL)
    (here / "data").rename(here / "moved")
    out = judged(call, vocode.main, "--workdir=run", "--output=judged", "--clips=1", "--seconds=0.1")
    assert {json.loads(line)["way"] for line in out.splitlines()} == {"copy", "shuffled", "griffin_lim"}


@pytest.mark.parametrize("how", ["the same command", "the flagfile of the run", "leaving them out"])
def test_a_class_that_came_later_does_not_end_a_run(how: str, call: Call, copied: Callable[..., Path]) -> None:
    here = copied(*CLASSES)
    shutil.copytree(here / "data" / "bob", here / "data" / "cleo")
    commands = {
        "the same command": (*TINY, *CLASSES, "--data_dir=data", "--validation_fraction=0.3"),
        "the flagfile of the run": ("--flagfile=run/run.flags", "--probe_seconds=0"),
        "leaving them out": ("--flagfile=run/run.flags", "--probe_seconds=0", "--exclude=cleo/*"),
    }
    said = resumed(call(train.main, "--workdir=run", *commands[how], "--num_steps=4"), here / "run", 4)
    named = "cleo/a.wav has class 'cleo', which the network was not trained on" in said
    assert named == (how != "leaving them out")
    assert "has changed" not in said, "what the network learns from is as before"
    assert RunDirectory(here / "run").read_config().model.conditioning.classes == ("class=ann", "class=bob")


def test_files_that_were_added_are_said_in_one_line(call: Call, copied: Callable[..., Path]) -> None:
    here = copied()
    record(here / "data" / "ann", "xy")
    said = resumed(
        call(train.main, "--workdir=run", "--flagfile=run/run.flags", "--probe_seconds=0", "--num_steps=4"),
        here / "run",
        4,
    )
    (line,) = (line for line in said.splitlines() if "has changed" in line)
    assert line.startswith("the data set has changed since the last start: 2 clips added (ann/x.wav, ...)")


def test_files_that_vanish_cost_no_step_and_the_same_command_resumes(call: Call, copied: Callable[..., Path]) -> None:
    here = copied()
    offline = here / "offline"

    def take_away() -> None:
        metrics = here / "run" / "metrics.jsonl"
        while '"step": 8' not in metrics.read_text():
            time.sleep(0.01)
        (here / "data").rename(offline)

    again = ("--workdir=run", "--flagfile=run/run.flags", "--probe_seconds=0")
    endless = ("--num_steps=1000000", "--save_every=1000000", "--validate_every=1000000")
    thread = threading.Thread(target=take_away)
    thread.start()
    ended = call(train.main, *again, *endless)
    thread.join()
    step = load(here / "run").step
    assert ended.code == 1
    assert step >= 8
    last = ended.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert "Bring it back and start the same command again, which resumes" in last
    assert last.endswith(f"; saved at step {step}; the same command resumes the run from there")
    offline.rename(here / "data")
    ended = call(train.main, *again, f"--num_steps={step + 2}")
    assert ended.code == 0, ended.err
    assert f"resuming at step {step}\n" in ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--workdir=ru\udcff",), "error: --workdir must be a name in UTF-8, got 'ru.udcff'; choose another\n"),
        (("--workdir=new", "--data_dir=dd "), "error: --data_dir '/.*/dd ' cannot be kept in run.flags: it "),
        (("--workdir=new", "--data_dir=dd\udcff"), "error: --data_dir '/.*/dd.udcff' cannot be kept in run.flags"),
        (("--workdir=new", "--data_dir=spk", *CLASSES), "error: class 'ann ' of .* with a blank; rename the folder"),
    ],
)  # fmt: skip
def test_names_that_no_flagfile_holds_are_refused_before_anything_is_written(
    arguments: tuple[str, ...], message: str, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("dd ", "dd\udcff", "spk/ann ", "data"):
        record(Path(folder), "abc")
    before = sorted(os.listdir())
    ended = call(train.main, *TINY, "--data_dir=data", *arguments)
    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert re.match(message, ended.err), ended.err
    assert sorted(os.listdir()) == before
