"""The benchmark of the loader reports what its docstring says."""

import json

from experiments import bench_data
from tests.experiments.conftest import Call


def test_one_line_for_each_number_of_threads(call: Call) -> None:
    arguments = [
        "--synthetic_clips=5",
        "--num_batches=3",
        "--step_seconds=0.001",
        "--batch_size=2",
        "--crop_samples=50",
    ]
    lines = [json.loads(line) for line in call(bench_data.main, *arguments).out.splitlines()]
    assert [line["threads"] for line in lines] == [0, 1, 2]
    for line in lines:
        assert (line["batch"], line["crop"]) == (2, 50)
        assert line["crops_per_second"] > 0
        assert line["wait_ms_longest"] >= line["wait_ms_median"] >= 0
