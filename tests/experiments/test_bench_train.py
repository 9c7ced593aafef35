"""The program that measures training speed."""

import json

import jax
import numpy as np
import pytest

from experiments import bench_train
from experiments.support.benchmarks import blank_conditions, preset_config, with_some_classes
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
def test_measures_beside_the_limit(call: Call) -> None:
    ended = call(bench_train.main, "--preset=tiny", "--batch_sizes=8,16", "--crop_samples=64", "--repeats=3")
    assert ended.code == 0
    first, second = (json.loads(line) for line in ended.out.splitlines())
    assert [one["name"] for one in (first, second)] == ["train/tiny/8x64", "train/tiny/16x64"]
    for result in (first, second):
        assert (result["unit"], result["repeats"]) == ("samples/s", 3)
        assert result["median"] == pytest.approx(result["batch"] * 64 / result["step_seconds"])
        low, high = result["spread"]
        assert low <= result["median"] <= high
        assert result["compile_seconds"] > 0
        assert result["limit_fraction"] > 0
        assert result["versions"]["jax"]
        assert (result["device"], result["stack"]) == ("8 x cpu cpu", "jax: several devices")
    assert second["peak_memory_bytes"] > first["peak_memory_bytes"] > 4 * 3 * first["parameters"]
    assert "tiny" in ended.err


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


def test_a_preset_that_there_is_not_is_one_line(call: Call) -> None:
    ended = call(bench_train.main, "--preset=huge")
    assert ended.code == 1
    (line,) = ended.err.splitlines()
    assert line.startswith("error: --preset must be one of base, ")
