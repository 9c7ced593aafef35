"""The program that trains: what it leaves in the run directory, how it goes on, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from experiments import curve, evaluate, sample, train
from tests.experiments.conftest import ROOT, Call, Ended
from wavenet_jax.audio.impression import Impression
from wavenet_jax.runs import Records, RunDirectory, read_records

TINY = (
    f"--flagfile={ROOT / 'experiments' / 'presets' / 'tiny.flags'}",
    "--synthetic_clips=20",
    "--synthetic_seconds=0.5",
    "--dilation_cycle=1,2",
    "--log_every=2",
    "--probe_seconds=0",
)


def trained(call: Call, workdir: Path, *arguments: str) -> Ended:
    return call(train.main, f"--workdir={workdir}", *TINY, *arguments)


def kinds(records: list[dict[str, Any]]) -> list[tuple[str, int]]:
    return [(record["kind"], record["step"]) for record in records]


@pytest.fixture
def run(call: Call, tmp_path: Path) -> Path:
    ended = trained(call, tmp_path / "run", "--num_steps=4", "--validate_every=4")
    assert ended.code == 0
    assert ended.out == ""
    assert "bits per sample without a network: uniform 5.00, unigram" in ended.err
    assert "step 4/4" in ended.err
    assert ended.err.endswith("finished at step 4\n")
    return tmp_path / "run"


def test_a_run_directory_explains_itself(run: Path) -> None:
    names = {path.name for path in run.iterdir()}
    assert names == {"config.json", "data.json", "run.flags", "run.lock", "metrics.jsonl", "tensorboard", "checkpoints"}
    records = read_records(RunDirectory(run))
    assert kinds(records) == [("start", 0), ("train", 2), ("train", 4), ("validation", 4)]
    start, first, second, validation = records
    assert start["baselines"].keys() == {"uniform", "unigram", "linear_prediction"}
    assert start["versions"]["jax"]
    assert first["bits_per_sample"] == pytest.approx(5, abs=0.2)
    assert validation["bits_per_sample"] == pytest.approx(5, abs=0.2)
    for record in (first, second):
        assert record["learning_rate"] > 0
        assert record["gradient_norm"] > 0
        assert record["update_norm"] > 0
        assert record["skipped"] == 0
        assert 0 < record["samples"] <= 2 * 8 * 64
        assert record["audio_seconds_per_second"] == pytest.approx(record["steps_per_second"] * 8 * 64 / 4_000)
        assert 0 < record["flop_utilisation"] < 1
    events = b"".join(path.read_bytes() for path in (run / "tensorboard").iterdir())
    for tag in (b"train/bits_per_sample", b"validation/bits_per_sample", b"baseline/unigram"):
        assert tag in events


def test_the_same_command_goes_on_and_its_flagfile_is_enough(call: Call, run: Path) -> None:
    ended = call(
        train.main, f"--workdir={run}", f"--flagfile={run / 'run.flags'}", "--num_steps=6", "--probe_seconds=0"
    )
    assert ended.code == 0
    assert "resuming at step 4" in ended.err
    assert kinds(read_records(RunDirectory(run)))[-3:] == [("start", 4), ("train", 6), ("validation", 6)]
    assert json.loads((run / "config.json").read_text())["train"]["num_steps"] == 6
    assert "--num_steps=6\n" in (run / "run.flags").read_text()


def test_another_configuration_is_refused_and_nothing_touched(call: Call, run: Path) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    ended = trained(call, run, "--num_steps=4", "--levels=64")
    assert ended.code == 1
    assert ended.err.splitlines()[-1].startswith(f"error: {run} holds a run with levels=32, got 64; resume it with")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_run_that_diverges_says_so(call: Call, tmp_path: Path) -> None:
    ended = trained(call, tmp_path, "--learning_rate=1e30", "--clip_norm=", "--warmup_steps=0", "--max_skipped_steps=3")
    assert ended.code == 1
    assert ended.err.splitlines()[-1].startswith("error: no finite loss for 3 steps up to step ")
    last = read_records(RunDirectory(tmp_path))[-1]
    assert (last["bits_per_sample"], last["gradient_norm"]) == (None, None)
    assert "no finite loss  unigram" in ended.err


def test_a_network_that_diverged_is_refused_in_one_line_and_its_curve_has_no_nan(call: Call, tmp_path: Path) -> None:
    run, output = tmp_path / "run", tmp_path / "out.wav"
    arguments = ("--learning_rate=1e30", "--clip_norm=", "--warmup_steps=0", "--head=gaussian_mixture")
    often = ("--validate_every=2", "--max_skipped_steps=3", "--log_every=1")
    assert trained(call, run, *arguments, *often).code == 1
    for record in read_records(RunDirectory(run)):
        json.dumps(record, allow_nan=False)
    ended = call(sample.main, f"--workdir={run}", f"--output={output}", "--seconds=0.1")
    message = "error: the network's output is not finite: it diverged in training; use another --checkpoint\n"
    assert ended == (1, "", message)
    assert not output.exists()
    ended = call(evaluate.main, f"--workdir={run}")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("error: the likelihoods of checkpoint ")
    assert ended.err.count("\n") == 1
    ended = call(curve.main, f"--workdir={run}", f"--output={tmp_path / 'c.png'}")
    assert ended.code in (0, 1)
    assert ended.err.count("\n") == ended.code


def test_the_probe_keeps_what_it_heard_and_a_trace_can_be_written(call: Call, tmp_path: Path) -> None:
    arguments = ("--num_steps=4", "--validate_every=4", "--probe_seconds=0.25", "--profile_steps=1")
    assert trained(call, tmp_path, *arguments).code == 0
    samples, rate = soundfile.read(tmp_path / "samples" / "step_0000004.wav")
    assert (len(samples), rate) == (1_000, 4_000)
    assert (tmp_path / "samples" / "step_0000004.png").read_bytes().startswith(b"\x89PNG")
    (record,) = (record for record in read_records(RunDirectory(tmp_path)) if record["kind"] == "probe")
    # An untrained network draws every code alike.
    assert record["verdict"] in ("noise", "sound")
    assert record["level_db"] == pytest.approx(Impression.of(samples).level_db, abs=0.1)
    events = b"".join(path.read_bytes() for path in (tmp_path / "tensorboard").iterdir())
    assert b"probe" in events
    assert list((tmp_path / "profile").rglob("*.xplane.pb"))


def test_silence_noise_and_sound_are_told_apart() -> None:
    time = np.arange(16_000) / 16_000
    random = np.random.default_rng(0)
    real = Impression.of(0.3 * np.sin(2 * np.pi * 440 * time) + 0.01 * random.normal(size=16_000))
    heard = {
        "silence": 0.001 * random.normal(size=16_000) + 0.5,
        "noise": random.uniform(-1, 1, 16_000),
        "sound": 0.1 * np.sin(2 * np.pi * 300 * time) + 0.01 * random.normal(size=16_000),
    }
    assert {name: Impression.of(waveform).verdict(real) for name, waveform in heard.items()} == {
        name: name for name in heard
    }
    assert Impression.of(np.zeros(100)).verdict(real) == "silence"


def test_records_after_a_crash_are_taken_back(tmp_path: Path) -> None:
    first = Records(RunDirectory(tmp_path), 0)
    for step in (2, 4, 6):
        first.add("train", step, bits_per_sample=1.0)
    first.close()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')
    again = Records(RunDirectory(tmp_path), 4)
    again.add("train", 5)
    again.close()
    assert kinds(read_records(RunDirectory(tmp_path))) == [("train", 2), ("train", 4), ("train", 5)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--batch_size=6",), "error: --batch_size must be a multiple of 8 (8 devices), got 6"),
        (("--process_id=1",), "error: --coordinator, --num_processes and --process_id need --distributed"),
        (
            ("--distributed", "--process_id=1"),
            "error: --coordinator, --num_processes and --process_id are given together",
        ),
        (("--num_steps=0",), "error: --num_steps must be at least 1, got 0"),
        (("--data_dir=/does/not/exist",), "error: "),
    ],
)
def test_bad_input_is_one_line_and_makes_nothing(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    ended = trained(call, tmp_path / "run", *arguments)
    assert ended.code == 1
    assert ended.err.startswith(message)
    assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_a_run_resumes_when_its_data_have_a_class_more(call: Call, tmp_path: Path) -> None:
    def recorded(name: str) -> None:
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(3):
            sound = np.random.default_rng(number).uniform(-0.5, 0.5, 2_000)
            soundfile.write(tmp_path / "data" / name / f"{number}.wav", sound, 4_000)

    def spoken(steps: int) -> Ended:
        return trained(
            call,
            tmp_path / "run",
            f"--data_dir={tmp_path / 'data'}",
            "--label_from=folder",
            "--condition_on_classes",
            "--validation_fraction=0",
            f"--num_steps={steps}",
        )

    for name in ("ann", "bob"):
        recorded(name)
    assert spoken(2).code == 0
    recorded("cleo")
    resumed = spoken(4)
    assert resumed.code == 0, resumed.err
    assert (
        "train: 3 files are not used\n  cleo/0.wav has class 'cleo', which the network was not trained on"
        in resumed.err
    )
    assert RunDirectory(tmp_path / "run").read_config().model.conditioning.classes == ("class=ann", "class=bob")
