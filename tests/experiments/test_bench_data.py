"""The benchmark of the loader reports what its docstring says."""

import json
from collections.abc import Generator
from typing import Any

import pytest

from experiments import bench_data
from experiments.support import flags
from tests.experiments.conftest import Call
from wavenet_jax.config import RunConfig
from wavenet_jax.data import Batch, Batches, context_samples


def test_one_line_for_each_number_of_threads(call: Call) -> None:
    arguments = [
        "--synthetic_clips=5",
        "--num_batches=3",
        "--step_seconds=0.001",
        "--batch_size=2",
        "--crop_samples=50",
    ]
    lines = [json.loads(line) for line in call(bench_data.main, *arguments).out.splitlines()]
    assert [line["name"] for line in lines] == ["data/0-threads", "data/1-threads", "data/2-threads"]
    for line in lines:
        assert (line["batch"], line["crop"]) == (2, 50)
        assert line["repeats"] == 3
        assert line["spread"][0] <= line["median"] <= line["spread"][1]
        assert line["median"] == pytest.approx(50 * line["crops_per_second"], rel=0.1)
        assert line["wait_ms_longest"] >= line["wait_ms_median"] >= 0


def test_it_times_the_loader_that_training_uses(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[tuple[int, bool]] = []
    prefetch = bench_data.prefetch

    def watched(batches: Batches, **options: Any) -> Generator[Batch, None, None]:
        batch = batches[0]
        made.append((batch.codes.shape[1] - 1, batch.conditions.frames is not None))
        return prefetch(batches, **options)

    monkeypatch.setattr(bench_data, "prefetch", watched)
    arguments = ["--synthetic_clips=5", "--num_batches=2", "--step_seconds=0.001", "--batch_size=2"]
    arguments += ["--crop_samples=400", "--full_context", "--local_features=mel", "--hop_samples=200"]
    ended = call(bench_data.main, *arguments)
    assert ended.code == 0, ended.err
    (config,) = flags.read([RunConfig], ["program", *arguments[4:], "--crop_samples=400"])
    assert set(made) == {(400 + context_samples(config), True)}
    assert context_samples(config) > 0
