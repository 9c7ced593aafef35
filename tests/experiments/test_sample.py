"""The program that makes sound: its files, its report, and what it refuses."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
import soundfile

from experiments import sample
from tests.experiments.conftest import Call
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.config import to_json
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import Ancestral, stream
from wavenet_jax.training import load


def test_files_hold_what_the_sampler_makes(call: Call, workdir: Path, tmp_path: Path) -> None:
    arguments = ("--seconds=0.6", "--num_samples=2", "--seed=5", "--temperature=0.8", "--plot")
    ended = call(sample.main, f"--workdir={workdir}", f"--output={tmp_path / 'out.wav'}", *arguments)
    assert ended.code == 0
    result = json.loads(ended.out)
    assert {path.name for path in tmp_path.iterdir()} == {"out_0.wav", "out_1.wav", "out.png"}
    assert result["files"] == [str(tmp_path / "out_0.wav"), str(tmp_path / "out_1.wav")]
    assert result["picture"] == str(tmp_path / "out.png")
    assert (result["seconds"], result["step"], result["seed"]) == (0.6, 2, 5)
    assert result["times_real_time"] == pytest.approx(result["samples_per_second"] / 4_000)
    assert result["first_chunk_seconds"] > 0

    run, params, _ = load(workdir)
    pieces = stream(
        WaveNet(run.model), params, jax.random.key(5), Ancestral(0.8), batch_size=2, length=2_400, chunk=1_000
    )
    expected = Grid.of(run.model).decode(np.concatenate([piece.codes for piece in pieces], axis=1))
    for path, waveform in zip(result["files"], expected, strict=True):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (4_000, 1, "PCM_16")
        written, _ = soundfile.read(path, dtype="int16")
        np.testing.assert_array_equal(written, np.round(waveform * 32_767))


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
    emphasized = tmp_path / "emphasized"
    shutil.copytree(workdir, emphasized)
    run, params, _ = load(workdir)
    changed = dataclasses.replace(run, data=dataclasses.replace(run.data, pre_emphasis=0.5))
    (emphasized / "config.json").write_text(to_json(changed))
    output = tmp_path / "out.wav"
    assert call(sample.main, f"--workdir={emphasized}", f"--output={output}", "--seconds=0.6").code == 0

    pieces = stream(
        WaveNet(run.model), params, jax.random.key(0), Ancestral(1.0), batch_size=1, length=2_400, chunk=1_000
    )
    decoded = Grid.of(run.model).decode(np.concatenate([piece.codes for piece in pieces], axis=1))[0]
    expected = np.clip(deemphasize(decoded, 0.5), -1, 1)
    written, _ = soundfile.read(output, dtype="int16")
    np.testing.assert_array_equal(written, np.round(expected * 32_767))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--output={here}/new.mp3"], "output must be a file name that ends in .wav, got {here}/new.mp3"),
        (
            ["--output={here}/none/new.wav"],
            "output must be in a folder that exists, got {here}/none/new.wav; make {here}/none first",
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
            "{here}/folder.wav exists; choose another --output, or replace the file with --overwrite",
        ),
        (["--output={here}/new.wav", "--seconds=0"], "seconds must be above 0, got 0.0"),
        (
            ["--output={here}/new.wav", "--seconds=0.0001"],
            "seconds must be between 0.00025 and 536870 at 4000 Hz, got 0.0001",
        ),
        (["--output={here}/new.wav", "--temperature=0"], "temperature must be above 0, got 0.0"),
        (["--output={here}/new.wav", "--temperature=-1"], "temperature must be above 0, got -1.0"),
        (
            ["--output={here}/new.wav", "--workdir={here}/none"],
            "{here}/none is not a run directory: it has no config.json; train into it first",
        ),
        (
            [],
            "--output is required: WAV file, or - for standard output; several files are numbered: out_0.wav, ...",
        ),
    ],
)
def test_bad_input_is_named_and_nothing_is_written(
    arguments: list[str], message: str, call: Call, workdir: Path, tmp_path: Path
) -> None:
    for name in ("old.wav", "old_1.wav", "pictured.png"):
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
