"""The program that measures training speed."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

from experiments import bench_train
from experiments.benchmarks import blank_conditions, preset_config, with_some_classes
from tests.experiments.conftest import ROOT, Call
from wavenet_jax.config import RunConfig
from wavenet_jax.data import Batch
from wavenet_jax.model import parameter_count
from wavenet_jax.training import make_mesh
from wavenet_jax.training.state import Trainer


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    matmul = bench_train.Matmul
    monkeypatch.setattr(bench_train, "Matmul", lambda: matmul(size=128))


@pytest.mark.usefixtures("small_limit")
def test_measures_and_compares(call: Call, tmp_path: Path) -> None:
    ended = call(bench_train.main, "--preset=tiny", "--batch_sizes=8,16", "--crop_samples=64", "--repeats=3")
    assert ended.code == 0
    first, second = (json.loads(line) for line in ended.out.splitlines())
    assert [(r["preset"], r["batch"], r["crop"], r["dtype"]) for r in (first, second)] == [
        ("tiny", 8, 64, "float32"),
        ("tiny", 16, 64, "float32"),
    ]
    for result in (first, second):
        assert result["samples_per_second"] == pytest.approx(result["batch"] * 64 / result["step_seconds"])
        low, high = result["step_seconds_range"]
        assert low <= result["step_seconds"] <= high
        assert result["compile_seconds"] > 0
        assert result["limit_fraction"] > 0
        assert result["versions"]["jax"]
        assert result["device"] == "8 x cpu cpu"
    assert second["peak_memory_bytes"] > first["peak_memory_bytes"] > 4 * 3 * first["parameters"]
    assert "tiny" in ended.err

    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    here.write_text(ended.out)
    twice = {**first, "samples_per_second": 2 * first["samples_per_second"]}
    there.write_text(json.dumps(twice) + "\n")
    compared = call(bench_train.main, f"--compare={here}", f"--compare={there}")
    assert compared.code == 0
    (line,) = compared.out.splitlines()
    assert json.loads(line)["ratio"] == pytest.approx(2)
    assert "2.00" in compared.err


@pytest.mark.parametrize("preset", sorted(path.stem for path in (ROOT / "experiments" / "presets").glob("*.flags")))
def test_every_preset_can_be_trained_on_what_it_is_told(preset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes only: nothing is compiled."""
    monkeypatch.chdir(ROOT)
    config = preset_config(preset)
    model, data = with_some_classes(config.model), config.data
    trainer = Trainer(RunConfig(model, data, config.optimizer, config.train), make_mesh(jax.devices()[:1]))
    shape = (data.batch_size, data.crop_samples)
    conditions = blank_conditions(model, *shape)
    batch = Batch(np.zeros((shape[0], shape[1] + 1), np.int32), np.ones(shape, bool), conditions)
    state, _ = trainer.step.eval_shape(trainer.state_shapes, batch)
    assert sum(leaf.size for leaf in jax.tree.leaves(state.params)) == parameter_count(model)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--preset=huge",), "preset must be one of base, "),
        (("--compare=a",), "compare needs two files, got 1"),
        (("--compare=/nope", "--compare=/nope"), "No such file or directory: /nope"),
        (("--compare={file}", "--compare={file}"), "line 1 of {file} is not a result of this benchmark"),
    ],
)
def test_bad_input_is_one_line(call: Call, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    file = tmp_path / "file"
    file.write_text("{}\n")
    ended = call(bench_train.main, *(argument.format(file=file) for argument in arguments))
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert line.startswith("error: " + message.format(file=file))
