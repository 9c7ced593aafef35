"""The program that makes sound: its files, its report, and what it refuses."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
import soundfile

from experiments import sample
from tests.experiments.conftest import ROOT, Call, with_pre_emphasis
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.audio.wav import pcm16
from wavenet_jax.generation import generation
from wavenet_jax.model import WaveNet
from wavenet_jax.runs import load
from wavenet_jax.sampling import Ancestral, Piece, Redrawn, begin, load_session, prepare_weights, spread, stream


def test_files_hold_what_the_sampler_makes(call: Call, workdir: Path, tmp_path: Path) -> None:
    arguments = ("--seconds=0.6", "--num_samples=2", "--seed=5", "--temperature=0.8", "--plot", "--noguard")
    ended = call(sample.main, f"--workdir={workdir}", f"--output={tmp_path / 'out.wav'}", *arguments)
    assert ended.code == 0
    result = json.loads(ended.out)
    assert {path.name for path in tmp_path.iterdir()} == {"out_0.wav", "out_1.wav", "out.png"}
    assert result["files"] == [str(tmp_path / "out_0.wav"), str(tmp_path / "out_1.wav")]
    assert result["picture"] == str(tmp_path / "out.png")
    assert (result["seconds"], result["step"], result["seed"]) == (0.6, 2, 5)
    assert result["devices"] == 2  # of the eight, as many as there are streams to share
    assert result["engine"].startswith("native float32 (")
    assert result["times_real_time"] == pytest.approx(result["samples_per_second"] / 4_000)
    assert result["first_chunk_seconds"] > 0

    run, params, _ = load(workdir)
    model = WaveNet(run.model)
    session = spread(model, begin(model, jax.random.key(5), 2), jax.devices()[:2])
    pieces = stream(model, prepare_weights(model, params), session, Ancestral(0.8), length=2_400, chunk=1_000)
    expected = Grid.of(run.model).decode(np.concatenate([piece.codes for piece in pieces], axis=1))
    for path, waveform in zip(result["files"], expected, strict=True):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (4_000, 1, "PCM_16")
        written, _ = soundfile.read(path, dtype="int16")
        np.testing.assert_array_equal(written, pcm16(waveform))


@pytest.mark.parametrize(
    ("arguments", "engine"),
    [(["--engine=scan"], "scan"), (["--weights=int8"], "native int8 ("), (["--engine=native"], "native float32 (")],
)
def test_the_engine_is_chosen_and_named(
    call: Call, workdir: Path, tmp_path: Path, arguments: list[str], engine: str
) -> None:
    ended = call(sample.main, f"--workdir={workdir}", f"--output={tmp_path / 'out.wav'}", "--seconds=0.2", *arguments)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["engine"].startswith(engine)


def test_int8_needs_the_engine(call: Call, workdir: Path, tmp_path: Path) -> None:
    ended = call(
        sample.main, f"--workdir={workdir}", f"--output={tmp_path / 'out.wav'}", "--weights=int8", "--engine=scan"
    )
    assert ended.code == 1
    assert "weights=int8 needs the native engine, got engine=scan; leave one of them out" in ended.err


def test_one_file_keeps_its_name_and_the_seed_decides(call: Call, workdir: Path, tmp_path: Path) -> None:
    contents = []
    for name, seed in (("a.wav", 1), ("b.wav", 1), ("c.wav", 2)):
        ended = call(
            sample.main, f"--workdir={workdir}", f"--output={tmp_path / name}", "--seconds=0.1", f"--seed={seed}"
        )
        result = json.loads(ended.out)
        assert result["files"] == [str(tmp_path / name)]
        assert result["samples_per_second"] is None
        contents.append((tmp_path / name).read_bytes())
    assert contents[0] == contents[1] != contents[2]


def test_pre_emphasis_of_the_data_is_undone(call: Call, workdir: Path, tmp_path: Path) -> None:
    emphasized = with_pre_emphasis(workdir, tmp_path / "emphasized", 0.5)
    run, params, _ = load(workdir)
    output = tmp_path / "out.wav"
    assert call(sample.main, f"--workdir={emphasized}", f"--output={output}", "--seconds=0.6", "--noguard").code == 0

    model = WaveNet(run.model)
    session = begin(model, jax.random.key(0), 1)
    pieces = stream(model, prepare_weights(model, params), session, Ancestral(1.0), length=2_400, chunk=1_000)
    decoded = Grid.of(run.model).decode(np.concatenate([piece.codes for piece in pieces], axis=1))[0]
    expected = np.clip(deemphasize(decoded, 0.5), -1, 1)
    written, _ = soundfile.read(output, dtype="int16")
    np.testing.assert_array_equal(written, pcm16(expected))


@pytest.mark.parametrize("pre_emphasis", [None, 0.9])
def test_two_files_with_a_session_between_them_are_one(
    pre_emphasis: float | None, call: Call, workdir: Path, tmp_path: Path
) -> None:
    run = with_pre_emphasis(workdir, tmp_path / "run", pre_emphasis)
    begin = (f"--workdir={run}", "--num_samples=2", "--temperature_at=0:0.5", "--temperature_at=0.6:1", "--noguard")
    session = tmp_path / "there.safetensors"
    whole, first, rest = (tmp_path / name for name in ("whole.wav", "first.wav", "rest.wav"))
    assert call(sample.main, *begin, f"--output={whole}", "--seconds=0.6", "--seed=3").code == 0
    ended = call(sample.main, *begin, f"--output={first}", "--seconds=0.23", "--seed=3", f"--save_session={session}")
    assert ended.code == 0
    ended = call(sample.main, *begin, f"--output={rest}", "--seconds=0.37", f"--load_session={session}")
    assert (ended.code, json.loads(ended.out)["seed"]) == (0, None)
    for number in range(2):
        parts = [_samples(path.with_stem(f"{path.stem}_{number}")) for path in (first, rest)]
        assert [len(part) for part in parts] == [920, 1_480]
        np.testing.assert_array_equal(np.concatenate(parts), _samples(whole.with_stem(f"whole_{number}")))

    one = call(sample.main, f"--workdir={run}", f"--output={tmp_path / 'no.wav'}", f"--load_session={session}")
    assert one == (1, "", "error: the session holds 2 streams, got --num_samples=1; give --num_samples=2\n")
    other = with_pre_emphasis(workdir, tmp_path / "other", 0.25)
    ended = call(
        sample.main,
        f"--workdir={other}",
        f"--output={tmp_path / 'no.wav'}",
        "--num_samples=2",
        f"--load_session={session}",
    )
    assert ended.err == f"error: {session} is of a run with pre_emphasis={pre_emphasis}, this one has 0.25\n"
    assert not (tmp_path / "no.wav").exists()


def test_devices_make_what_one_makes_of_their_share(call: Call, workdir: Path, tmp_path: Path) -> None:
    arguments = (f"--workdir={workdir}", "--seconds=0.2", "--noguard")
    assert call(sample.main, *arguments, f"--output={tmp_path / 'one.wav'}").code == 0
    session = tmp_path / "two.safetensors"
    shared = ("--num_samples=2", "--devices=2", f"--output={tmp_path / 'two.wav'}", f"--save_session={session}")
    assert call(sample.main, *arguments, *shared).code == 0
    np.testing.assert_array_equal(_samples(tmp_path / "two_0.wav"), _samples(tmp_path / "one.wav"))
    assert not np.array_equal(_samples(tmp_path / "two_0.wav"), _samples(tmp_path / "two_1.wav"))
    standing, _ = load_session(session, load(workdir)[0].model)
    assert list(standing.time) == [800, 800]


def test_the_guard_draws_again_says_so_and_leaves_sound_alone(call: Call, workdir: Path, tmp_path: Path) -> None:
    arguments = (f"--workdir={workdir}", "--seconds=0.6", "--best_of=2")
    never, always = ("--noise_bits=99",), ("--noise_db=-200", "--noise_flatness=0", "--noise_bits=0", "--attempts=1")
    outputs = []
    for name, more in (("off", ("--noguard",)), ("never", never), ("always", always)):
        ended = call(sample.main, *arguments, f"--output={tmp_path / name}.wav", *more)
        assert ended.code == 0
        outputs.append((_samples(tmp_path / f"{name}.wav"), json.loads(ended.out)["redrawn"], ended.err))
    (off, nothing, silent), (healthy, none, quiet), (redrawn, events, told) = outputs
    np.testing.assert_array_equal(healthy, off)
    assert (nothing, none, silent, quiet) == ([], [], "", "")

    assert len(redrawn) == len(off)
    assert not np.array_equal(redrawn, off)
    assert {event["take"] for event in events} == {0, 1}
    assert [event["accepted"] for event in events if event["take"] == 0][:2] == [False, True]
    assert "take 0 of always.wav: noise after 0.00 s, drawn again (1 of 1)\n" in told
    assert "take 1 of always.wav: noise after 0.00 s, kept as it is after 1 attempts\n" in told


def test_a_take_that_collapsed_is_not_kept_however_likely(
    call: Call, workdir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (f"--workdir={workdir}", "--seconds=0.1", "--best_of=3")
    result = json.loads(call(sample.main, *arguments, f"--output={tmp_path / 'likely.wav'}").out)
    (bits,) = result["takes"]
    likely, second = (int(take) for take in np.argsort(bits)[:2])
    assert result["bits_per_sample"] == [bits[likely]]

    def collapsed(*given: Any, **options: Any) -> Iterator[Piece]:
        for piece in stream(*given, **options):
            yield piece._replace(redrawn=(Redrawn(likely, 0, "silence", 3, accepted=True),))

    monkeypatch.setattr(generation, "stream", collapsed)
    result = json.loads(call(sample.main, *arguments, f"--output={tmp_path / 'sound.wav'}").out)
    assert result["takes"] == [bits]
    assert result["bits_per_sample"] == [bits[second]]
    assert not np.array_equal(_samples(tmp_path / "likely.wav"), _samples(tmp_path / "sound.wav"))


def test_a_pipe_gets_the_same_sound_as_a_file(call: Call, workdir: Path, tmp_path: Path) -> None:
    arguments = [f"--workdir={workdir}", "--seconds=0.5"]
    assert call(sample.main, *arguments, f"--output={tmp_path / 'file.wav'}").code == 0
    expected = _samples(tmp_path / "file.wav")
    for form in ("pcm", "wav"):
        ended = _program(*arguments, "--output=-", f"--format={form}")
        out, err = ended.communicate()
        assert ended.returncode == 0
        assert json.loads(err.splitlines()[-1])["files"] == []
        header = out[: -2 * len(expected)]
        assert (len(header), header[:4]) == ((0, b"") if form == "pcm" else (76, b"RIFF"))
        np.testing.assert_array_equal(np.frombuffer(out[len(header) :], "<i2"), expected)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_what_was_made(number: signal.Signals, code: int, workdir: Path, tmp_path: Path) -> None:
    output, session = tmp_path / "kept.wav", tmp_path / "kept.safetensors"
    process = _program(
        f"--workdir={workdir}", f"--output={output}", "--seconds=100000", "--noguard", f"--save_session={session}"
    )
    while not output.exists():  # it appears with its first piece
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == code
    frames = soundfile.info(output).frames
    assert frames >= 400
    assert frames % 400 == 0
    assert f"{number.name}: kept {frames / 4_000:.2f} s in {output}\n" in err.decode()
    assert {path.name for path in tmp_path.iterdir()} == {"kept.wav", "kept.safetensors"}
    standing, _ = load_session(session, load(workdir)[0].model)
    assert int(standing.time[0]) == frames


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output={here}/new.mp3"], "--output must be a file name that ends in .wav, got {here}/new.mp3"),
        (
            ["--output={here}/none/new.wav"],
            "--output must be in a folder that exists, got {here}/none/new.wav; make {here}/none first",
        ),
        (
            ["--output={here}/old.wav"],
            "{here}/old.wav exists; choose another --output, or replace the file with --overwrite",
        ),
        (
            ["--output={here}/old.wav", "--num_samples=2"],
            "{here}/old_1.wav exists; choose another --output, or replace the file with --overwrite",
        ),
        (
            ["--output={here}/pictured.wav", "--plot"],
            "{here}/pictured.png exists; choose another --output, or replace the file with --overwrite",
        ),
        (
            ["--output={here}/folder.wav", "--overwrite"],
            "{here}/folder.wav exists and is not a file; choose another --output",
        ),
        (["--output={here}/new.wav", "--seconds=0"], "--seconds must be above 0, got 0.0"),
        (
            ["--output={here}/new.wav", "--seconds=0.0001"],
            "--seconds must be at least 0.00025 at 4000 Hz, got 0.0001",
        ),
        (["--output={here}/new.wav", "--temperature=0"], "--temperature must be above 0, got 0.0"),
        (["--output={here}/new.wav", "--temperature=-1"], "--temperature must be above 0, got -1.0"),
        (
            ["--output={here}/new.wav", "--workdir={here}/none"],
            "{here}/none is not a run directory: it has no config.json; train into it first",
        ),
        (
            ["--output={here}/new.wav", "--save_session={here}/old.wav"],
            "--save_session must be a file name that ends in .safetensors, got {here}/old.wav",
        ),
        (
            ["--output={here}/new.wav", "--save_session={here}/old.safetensors"],
            "{here}/old.safetensors exists; choose another --save_session, or replace the file with --overwrite",
        ),
        (["--output={here}/new.wav", "--load_session={here}/none"], "No such file or directory: {here}/none"),
        (
            ["--output={here}/new.wav", "--load_session={here}/old.wav"],
            "{here}/old.wav is no session file, or is damaged (SafetensorError)",
        ),
        (
            ["--output={here}/new.wav", "--load_session={here}/old.wav", "--seed=1"],
            "--seed has no effect with --load_session, which has its own; leave it out",
        ),
        (
            ["--output={here}/new.wav", "--save_session={here}/new.safetensors", "--best_of=2"],
            "--save_session needs streams that are all kept, unlike --best_of; leave one of them out",
        ),
        (
            ["--output={here}/new.wav", "--save_session={here}/new.safetensors", "--mel_equalization=1"],
            "--save_session keeps nothing of what --mel_equalization holds back, so there would be a gap; leave one of "
            "them out",
        ),
        (["--output={here}/new.wav", "--mel_equalization=-1"], "--mel_equalization must be at least 0, got -1"),
        (
            ["--output={here}/new.wav", "--num_samples=3", "--devices=2"],
            "2 devices cannot share 3 streams evenly; change --num_samples, or leave --devices out",
        ),
        (
            ["--output={here}/new.wav", "--devices=9"],
            "--devices must be at most the 8 of this machine, got 9",
        ),
        (
            ["--output={here}/new.wav", "--temperature_at=1"],
            "--temperature_at must be SECONDS:TEMPERATURE, like 0.5:0.8, with a temperature above 0, got '1'",
        ),
        (
            ["--output={here}/new.wav", "--temperature_at=1:1", "--temperature_at=0:2"],
            "times of --temperature_at must rise, got 1:1, 0:2",
        ),
        (
            ["--output={here}/new.wav", "--num_samples=100000000"],
            "--num_samples must not make more than 500 streams at once, of all clips and takes together, "
            "got 100000000; lower --num_samples, and use several seeds",
        ),
        (["--output={here}/new.wav", "--attempts=0"], "--attempts must be at least 1, got 0"),
        (
            [],
            "--output is required: WAV file, or - for standard output; several files are numbered: out_0.wav, ...",
        ),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    arguments: list[str], message: str, call: Call, workdir: Path, tmp_path: Path
) -> None:
    for name in ("old.wav", "old_1.wav", "pictured.png", "old.safetensors"):
        (tmp_path / name).write_text(name)
    (tmp_path / "folder.wav").mkdir()
    before = _contents(tmp_path)
    ended = call(sample.main, f"--workdir={workdir}", *(argument.format(here=tmp_path) for argument in arguments))
    assert ended == (1, "", f"error: {message.format(here=tmp_path)}\n")
    assert _contents(tmp_path) == before


def test_overwrite_replaces(call: Call, workdir: Path, tmp_path: Path) -> None:
    output = tmp_path / "old.wav"
    output.write_text("old")
    ended = call(sample.main, f"--workdir={workdir}", f"--output={output}", "--seconds=0.1", "--overwrite")
    assert ended.code == 0
    assert soundfile.info(output).frames == 400


def _contents(folder: Path) -> dict[str, bytes | None]:
    return {path.name: path.read_bytes() if path.is_file() else None for path in folder.iterdir()}


def _samples(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="int16")[0]


def _program(*arguments: str) -> subprocess.Popen:
    """The program in a process of its own, with pipes."""
    command = [sys.executable, "-m", "experiments.sample", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_file_that_vanishes_before_it_is_measured_costs_only_the_distances(
    workdir: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    made: Any = SimpleNamespace(originals=[np.zeros(400, np.float32)], rate=4_000)
    assert sample._distances(load(workdir)[0], made, [tmp_path / "gone.wav"]) == {}
    assert capsys.readouterr().err.startswith(f"distances: {tmp_path}/gone.wav: cannot be opened")
