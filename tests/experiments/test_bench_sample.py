"""The program that measures sampling speed."""

import json
from typing import Any

import pytest

from experiments import bench_sample
from tests.experiments.conftest import Call


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    matmul = bench_sample.Matmul
    monkeypatch.setattr(bench_sample, "Matmul", lambda: matmul(size=128))


@pytest.mark.usefixtures("small_limit")
def test_measures_streams_beside_the_limit(call: Call) -> None:
    ended = call(bench_sample.main, "--preset=tiny", "--batch_sizes=1,3", "--steps=20", "--repeats=3")
    assert ended.code == 0
    results = [json.loads(line) for line in ended.out.splitlines()]
    assert [result["name"] for result in results] == ["sample/tiny/1/native/float32", "sample/tiny/3/native/float32"]
    assert [result["devices"] for result in results] == [1, 3]
    assert all(result["engine"].startswith("native float32") for result in results)
    for result in results:
        assert (result["unit"], result["repeats"]) == ("samples/s", 3)
        assert result["median"] == pytest.approx(1e6 * result["batch"] / result["us_per_step"])
        low, high = result["spread"]
        assert low <= result["median"] <= high
        assert result["first_sample_seconds"] > result["compile_seconds"] > 0
        assert result["limit_fraction"] == pytest.approx(result["median"] / result["limit"])
        assert result["peak_memory_bytes"] > 10e6
    assert "tiny" in ended.err


@pytest.mark.usefixtures("small_limit")
def test_engines_and_number_formats_are_measured_in_turn_beside_their_floors(call: Call) -> None:
    ended = call(
        bench_sample.main,
        *("--preset=tiny", "--batch_sizes=1", "--steps=20", "--repeats=2"),
        *("--engine=scan", "--engine=native", "--weights=float32", "--weights=int8", "--sparsity=0,0.75"),
    )
    assert ended.code == 0, ended.err
    results = [json.loads(line) for line in ended.out.splitlines()]
    names = ["scan", *(f"native/{weights}{more}" for weights in ("float32", "int8") for more in ("", "/sparse 0.75"))]
    assert [result["name"] for result in results] == [f"sample/tiny/1/{name}" for name in names]
    for result in results:
        floors = result["floor_us"]
        assert {"float32", "int8"} <= floors.keys()
        own = floors["int8" if "int8" in result["engine"] else "float32"]
        assert (result["zeros"] > 0) == (result["sparse_products"] > 0) == (result["sparsity"] > 0)
        assert result["times_floor"] == pytest.approx(result["us_per_step"] / own)


@pytest.mark.usefixtures("small_limit")
def test_an_engine_that_cannot_run_is_left_out_with_the_reason(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = bench_sample.choose_engine

    def without_compiler(*arguments: Any, name: str, **options: Any) -> Any:
        if name == "native":
            raise ValueError("the native engine cannot make these streams: no compiler")
        return choose(*arguments, name=name, **options)

    monkeypatch.setattr(bench_sample, "choose_engine", without_compiler)
    flags = ("--preset=tiny", "--batch_sizes=1", "--steps=20", "--repeats=1", "--engine=native")
    ended = call(bench_sample.main, *flags, "--engine=scan")
    assert ended.code == 0, ended.err
    made, left_out = (json.loads(line) for line in ended.out.splitlines())
    assert made["name"] == "sample/tiny/1/scan"
    assert left_out["name"] == "sample/tiny/1/native/float32"
    assert left_out["skipped"] == "the native engine cannot make these streams: no compiler"
    ended = call(bench_sample.main, *flags)
    assert (ended.code, ended.err) == (1, "error: the native engine cannot make these streams: no compiler\n")
