"""The program that measures sampling speed."""

import json
from pathlib import Path

import pytest

from experiments import bench_sample
from tests.experiments.conftest import Call


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    matmul = bench_sample.Matmul
    monkeypatch.setattr(bench_sample, "Matmul", lambda: matmul(size=128))


@pytest.mark.usefixtures("small_limit")
def test_measures_and_compares(call: Call, tmp_path: Path) -> None:
    ended = call(bench_sample.main, "--preset=tiny", "--batch_sizes=1,3", "--steps=20", "--repeats=3")
    assert ended.code == 0
    results = [json.loads(line) for line in ended.out.splitlines()]
    assert [(result["preset"], result["batch"], result["dtype"]) for result in results] == [
        ("tiny", 1, "float32"),
        ("tiny", 3, "float32"),
    ]
    assert [result["devices"] for result in results] == [1, 3]
    for result in results:
        assert result["samples_per_second"] == pytest.approx(1e6 * result["batch"] / result["us_per_step"])
        low, high = result["us_per_step_range"]
        assert low <= result["us_per_step"] <= high
        assert result["first_sample_seconds"] > result["compile_seconds"] > 0
        assert result["limit_fraction"] == pytest.approx(result["samples_per_second"] / result["limit"])
        assert result["peak_memory_bytes"] > 10e6
    assert "tiny" in ended.err

    file = tmp_path / "here.jsonl"
    file.write_text(ended.out)
    compared = call(bench_sample.main, f"--compare={file}", f"--compare={file}")
    assert [json.loads(line)["ratio"] for line in compared.out.splitlines()] == [1, 1]
