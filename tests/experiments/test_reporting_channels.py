"""What is only said is never worth a run: each way of reporting fails while a run trains, and while one samples."""

import errno
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from experiments import sample, train
from experiments.support import board, plots, probe, reporting
from tests.experiments import children
from tests.experiments.children import TINY, Terminal, command, end, end_with_broken_pipe, saved_steps
from tests.experiments.conftest import Call
from wavenet_jax.runs import load
from wavenet_jax.sampling import load_session

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


ENDLESS = ("--num_steps=100000", "--save_every=100000", "--validate_every=100000")


def raising(error: Exception) -> Callable[..., Any]:
    def fail(*arguments: Any, **options: Any) -> Any:
        raise error

    return fail


def trained(call: Call, workdir: Path) -> tuple[int, str]:
    ended = call(train.main, *TINY, "--batch_size=8", f"--workdir={workdir}")
    return ended.code, ended.err


IN_PROCESS = {
    "metrics.jsonl": (reporting.Records, "add", FULL),
    "tensorboard": (board.Board, "add_scalars", FULL),
    "probe": (probe.Probe, "listen", RuntimeError("no sound")),
    "sounds in samples/": (probe, "write_wav", FULL),
    "pictures in samples/": (plots, "picture", RuntimeError("no LaTeX")),
    "progress": (reporting.Progress, "update", RuntimeError("no terminal")),
    "messages": (reporting.Console, "print", RuntimeError("no terminal")),
}
"""For each channel a function that can be made to fail."""


@pytest.mark.parametrize(
    "channels",
    [
        ("metrics.jsonl", "tensorboard", "sounds in samples/"),
        ("probe", "progress"),
        ("messages",),
        *(pytest.param((channel,), marks=pytest.mark.slow) for channel in IN_PROCESS if channel != "messages"),
    ],
    ids=", ".join,
)
def test_channels_that_fail_are_named_once_and_the_run_is_saved(
    channels: tuple[str, ...], call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for channel in channels:
        owner, name, error = IN_PROCESS[channel]
        monkeypatch.setattr(owner, name, raising(error))
    code, said = trained(call, tmp_path)
    assert code == 0
    assert saved_steps(tmp_path)[-1] == 4
    for channel in channels:
        error = IN_PROCESS[channel][2]
        text = os.strerror(errno.ENOSPC) if error is FULL else f"RuntimeError: {error}"
        assert said.count(f"{channel}: {text}; continuing without it\n") == 1


def test_a_folder_and_a_file_in_the_place_of_reports_end_nothing(call: Call, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").mkdir()
    (tmp_path / "samples").write_text("a file")
    code, said = trained(call, tmp_path)
    assert code == 0
    assert saved_steps(tmp_path)[-1] == 4
    for channel in ("metrics.jsonl", "sounds in samples/"):
        assert said.count(f"{channel}: ") == 1


def test_the_same_channels_do_not_keep_a_probe_from_being_heard(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "picture", raising(RuntimeError("no LaTeX")))
    code, said = trained(call, tmp_path)
    assert code == 0
    assert said.count("pictures in samples/: RuntimeError: no LaTeX; continuing without it\n") == 1
    assert [path.name for path in sorted((tmp_path / "samples").iterdir())] == [
        "step_0000002.wav",
        "step_0000004.wav",
    ]


def test_a_picture_that_cannot_be_drawn_leaves_sound_and_result(
    call: Call, workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plots, "picture", raising(RuntimeError("no LaTeX")))
    output = tmp_path / "out.wav"
    ended = call(sample.main, f"--workdir={workdir}", f"--output={output}", "--seconds=0.1", "--plot")
    assert ended.code == 0
    assert json.loads(ended.out)["picture"] is None
    assert ended.err == f"picture {tmp_path}/out.png: RuntimeError: no LaTeX; continuing without it\n"
    assert soundfile.info(output).frames == 400


@pytest.mark.parametrize(
    "closed", [*(pytest.param(one, marks=pytest.mark.slow) for one in (">&-", "2>&-")), ">&- 2>&-"]
)
def test_closed_streams_take_nothing_from_a_sound(closed: str, workdir: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.wav"
    code, out, err = end(command("sample", f"--workdir={workdir}", f"--output={output}", "--seconds=0.1"), closed)
    assert code == 0
    assert soundfile.info(output).frames == 400
    result = {">&-": err, "2>&-": out}.get(closed)  # where standard output is closed, the result is only said
    assert result is None or json.loads(result)["files"] == [str(output)]


def test_with_standard_error_closed_the_sound_on_standard_output_is_nothing_but_sound(workdir: Path) -> None:
    arguments = command("sample", f"--workdir={workdir}", "--output=-", "--format=pcm", "--seconds=0.1")
    code, out, err = end(arguments, "2>&-")
    assert (code, len(out), err) == (0, 2 * 400, b"")
    code, out, err = end(arguments, ">&-")
    assert (code, out) == (1, b"")
    assert err == b"error: --output=- writes sound, and standard output is closed; send it on with | or >\n"


def test_a_result_that_standard_output_cannot_take_is_said_and_the_exit_code_is_1(
    workdir: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out.wav"
    arguments = command("sample", f"--workdir={workdir}", f"--output={output}", "--seconds=0.1")
    code, out, err = end(arguments, "> /dev/full")
    assert (code, out) == (1, b"")
    assert err.startswith(b'standard output: No space left on device; the result was: {"files": [')
    assert soundfile.info(output).frames == 400


def test_a_player_that_ends_leaves_a_session_where_the_last_piece_ended(
    call: Call, workdir: Path, tmp_path: Path
) -> None:
    session, heard = tmp_path / "s.safetensors", tmp_path / "heard.pcm"
    with subprocess.Popen(
        command(
            "sample", f"--workdir={workdir}", "--output=-", "--format=pcm", "--seconds=5000", "--noguard",
            f"--save_session={session}",
        ),
        cwd=children.ROOT, env=children.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as player:  # fmt: skip
        assert player.stdout is not None
        assert player.stderr is not None
        heard.write_bytes(player.stdout.read(20_000))
        player.stdout.close()
        said = player.stderr.read()
        assert player.wait(children.SECONDS) == 1
    assert said == b""
    standing, _ = load_session(session, load(workdir)[0].model)
    sent = int(standing.time[0])
    assert sent % 400 == 0
    assert 10_000 <= sent <= 10_000 + 100_000  # what the pipe holds was sent, too
    rest = tmp_path / "rest.wav"
    arguments = f"--workdir={workdir}", "--noguard", f"--load_session={session}"
    assert call(sample.main, *arguments, f"--output={rest}", "--seconds=0.1").code == 0
    whole = tmp_path / "whole.wav"
    seconds = (sent + 400) / 4_000
    assert call(sample.main, *arguments[:2], f"--output={whole}", f"--seconds={seconds}").code == 0
    samples = soundfile.read(whole, dtype="int16")[0]
    np.testing.assert_array_equal(samples[:10_000], np.frombuffer(heard.read_bytes(), "<i2"))
    np.testing.assert_array_equal(samples[sent:], soundfile.read(rest, dtype="int16")[0])


def test_a_full_disk_names_the_file_and_what_was_kept(
    call: Call, workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[int] = []
    append = sample.WavFiles._append

    def full(files: sample.WavFiles, rows: Any) -> None:
        pieces.append(len(pieces))
        if len(pieces) > 3:
            raise OSError(FULL.errno, FULL.strerror, str(tmp_path / "out.wav"))
        append(files, rows)

    monkeypatch.setattr(sample.WavFiles, "_append", full)
    output, session = tmp_path / "out.wav", tmp_path / "s.safetensors"
    ended = call(
        sample.main, f"--workdir={workdir}", f"--output={output}", "--seconds=1", "--noguard",
        f"--save_session={session}",
    )  # fmt: skip
    assert ended == (1, "", f"error: No space left on device: {output}; kept 0.30 s in {output}\n")
    assert soundfile.info(output).frames == 1_200
    assert int(load_session(session, load(workdir)[0].model)[0].time[0]) == 1_200


@pytest.mark.slow
def test_a_really_full_disk_takes_no_sound_and_leaves_no_file(workdir: Path) -> None:
    code, out, err = end(
        command("sample", f"--workdir={workdir}", "--output=-", "--format=pcm", "--seconds=1"), "> /dev/full"
    )
    assert (code, out) == (1, b"")
    assert err == b"error: No space left on device: standard output; sent 0.00 s\n"


def endless_training(workdir: Path) -> list[str]:
    """Returns the command of a run that neither ends nor saves by itself."""
    arguments = [flag for flag in TINY if not flag.startswith(("--num_steps", "--save_every"))]
    endless = ("--num_steps=100000", "--save_every=100000", "--validate_every=99999")
    return command("train", *arguments, *endless, f"--workdir={workdir}")


def test_ctrl_c_in_a_terminal_saves_a_run_whose_output_goes_through_tee(tmp_path: Path) -> None:
    workdir, log, status = tmp_path / "run", tmp_path / "log", tmp_path / "status"
    program = endless_training(workdir)
    terminal = Terminal(f"{' '.join(program)} 2>&1 | tee {log}; echo ${{PIPESTATUS[*]}} > {status}")

    def has_trained() -> bool:
        terminal.look()
        return log.exists() and b"step 5/100000" in log.read_bytes()

    children.wait_for(has_trained, terminal.process)
    terminal.type(b"\x03")
    terminal.ended()
    assert status.read_text() == "130 130\n"
    assert saved_steps(workdir)[-1] >= 5


def test_a_terminal_that_is_closed_saves_the_run(tmp_path: Path) -> None:
    workdir = tmp_path / "run"
    program = endless_training(workdir)
    terminal = Terminal(f"exec {' '.join(program)}")

    def has_trained() -> bool:
        terminal.look()
        return (workdir / "metrics.jsonl").exists() and b'"step": 3' in (workdir / "metrics.jsonl").read_bytes()

    children.wait_for(has_trained, terminal.process)
    before = saved_steps(workdir)
    terminal.hang_up()
    assert terminal.ended() == 128 + signal.SIGHUP
    assert saved_steps(workdir)[-1] > max(before, default=0)


@pytest.mark.parametrize("started", ["experiments.train", "experiments.sample", "experiments"])
def test_ctrl_c_during_the_imports_is_quiet(started: str, tmp_path: Path) -> None:
    for seconds in (0.15, 0.4, 0.8):  # since the program's first line
        log = tmp_path / f"{seconds}"
        arguments = ["-X", "importtime", "-m", started, *(["train"] if started == "experiments" else [])]
        # A flag that keeps the program busy: a pipe that nobody writes to.
        reading, writing = os.pipe()
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, *arguments, f"--flagfile=/dev/fd/{reading}"], pass_fds=[reading], cwd=children.ROOT,
                env=children.environment(), stdout=subprocess.PIPE, stderr=errors,
            )  # fmt: skip
        children.wait_for(lambda log=log: b" experiments\n" in log.read_bytes(), process)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(seconds)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=children.SECONDS)
        os.close(reading)
        os.close(writing)
        said = [line for line in log.read_bytes().splitlines() if not line.startswith(b"import time:")]
        assert (process.returncode, out) == (130, b"")
        assert said in ([], [b"interrupted"])


@pytest.mark.slow
def test_every_channel_of_a_child_fails_in_turn_and_every_run_is_saved(
    workdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """The whole matrix in processes of their own: saved N of M."""
    streams = {
        "stdout closed": ">&-",
        "stderr closed": "2>&-",
        "both closed": ">&- 2>&-",
        "all closed": "<&- >&- 2>&-",
        "stdout full": "> /dev/full",
        "stderr full": "2> /dev/full",
        "both full": "> /dev/full 2>&1",
        "head has read enough": "2>&1 | head -2; exit ${PIPESTATUS[0]}",
        "stderr can only be read": "2< /dev/null",
    }
    outcomes: dict[str, bool] = {}
    for number, (name, redirection) in enumerate(streams.items()):
        run = tmp_path / f"run{number}"
        code, _, _ = end(command("train", *TINY, f"--workdir={run}"), redirection)
        outcomes[f"train, {name}"] = code == 0 and saved_steps(run)[-1:] == [4]
        sound = tmp_path / f"sound{number}.wav"
        code, _, _ = end(command("sample", f"--workdir={workdir}", f"--output={sound}", "--seconds=0.2"), redirection)
        lost = name in ("stdout full", "both full")
        outcomes[f"sample, {name}"] = code == int(lost) and soundfile.info(sound).frames == 800
    for names in (["stdout"], ["stderr"], ["stdout", "stderr"]):
        run, sound = tmp_path / f"run {names}", tmp_path / f"sound {names}.wav"
        code = end_with_broken_pipe(command("train", *TINY, f"--workdir={run}"), names)
        outcomes[f"train, broken {names}"] = code == 0 and saved_steps(run)[-1:] == [4]
        code = end_with_broken_pipe(
            command("sample", f"--workdir={workdir}", f"--output={sound}", "--seconds=0.2"), names
        )
        outcomes[f"sample, broken {names}"] = code == int("stdout" in names) and soundfile.info(sound).frames == 800
    for name in ("metrics.jsonl", "tensorboard", "samples", "profile"):
        for form in ("file", "folder"):
            if (form == "folder") == (name in ("tensorboard", "samples", "profile")):
                continue
            run = tmp_path / f"{name} {form}"
            run.mkdir()
            (run / name).mkdir() if form == "folder" else (run / name).write_text("")
            code, _, _ = end(command("train", *TINY, "--profile_steps=1", f"--workdir={run}"))
            outcomes[f"train, {name} is a {form}"] = code == 0 and saved_steps(run)[-1:] == [4]
    settings = tmp_path / "matplotlibrc"
    settings.write_text("text.usetex: True\n")
    for name, more in {
        "a notebook's MPLBACKEND": {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
        "a matplotlibrc that asks for LaTeX": {"MATPLOTLIBRC": str(settings)},
        "a terminal that is not one": {"TERM": "dumb", "FORCE_COLOR": "1"},
        "another encoding": {"PYTHONIOENCODING": "ascii:strict"},
    }.items():
        run = tmp_path / name.replace("'", "")
        code, _, _ = end(command("train", *TINY, f"--workdir={run}"), **more)
        pictures = list((run / "samples").glob("*.png"))
        outcomes[f"train, {name}"] = code == 0 and saved_steps(run)[-1:] == [4] and len(pictures) == 2
    with capsys.disabled():
        print(f"\nsaved {sum(outcomes.values())} of {len(outcomes)}")
    assert [name for name, saved in outcomes.items() if not saved] == []
