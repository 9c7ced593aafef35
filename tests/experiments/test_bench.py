"""The program that measures a machine, and puts machines side by side."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from experiments import bench
from experiments.support.figures import Report, compared, figure, read_report, skipped, table
from tests.experiments.conftest import Call


def lines(speed: float) -> list[dict[str, Any]]:
    return [
        figure("train/base/4x8000", "samples/s", [speed, 2 * speed, 4 * speed], batch=4),
        figure("say/float32/first-sound", "s", [10 / speed]),
        skipped("copy", "there is no compiler"),
    ]


@pytest.fixture
def machines(tmp_path: Path) -> tuple[Path, Path]:
    """The lines of a benchmark, and of one on a machine twice as fast with a figure more."""
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    here.write_text("".join(f"{json.dumps(line)}\n" for line in lines(100)))
    more = figure("data/0-threads", "samples/s", [1e6])
    there.write_text("".join(f"{json.dumps(line)}\n" for line in [*lines(200), more]))
    return here, there


def test_machines_are_compared_by_how_fast_they_are(call: Call, machines: tuple[Path, Path], tmp_path: Path) -> None:
    picture = tmp_path / "machines.png"
    ended = call(bench.main, *(f"--compare={path}" for path in machines), f"--picture={picture}")
    assert ended.code == 0, ended.err
    results = [json.loads(line) for line in ended.out.splitlines()]
    assert results == [
        {"name": "train/base/4x8000", "unit": "samples/s", "medians": [200, 400], "times_as_fast": [1, 2]},
        {"name": "say/float32/first-sound", "unit": "s", "medians": [0.1, 0.05], "times_as_fast": [1, 2]},
        {"name": "data/0-threads", "unit": "samples/s", "medians": [None, 1e6], "times_as_fast": [None, None]},
    ]
    assert "here has no copy: there is no compiler" in ended.err
    assert "1,000,000" in ended.err
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_table_of_one_machine_has_the_spread(machines: tuple[Path, Path]) -> None:
    columns, rows = table([read_report(machines[0])])
    assert columns == ["figure", "unit", "here", "spread"]
    assert rows[0] == ["train/base/4x8000", "samples/s", "200", "100 to 400"]
    first, second = (read_report(path) for path in machines)
    assert [one.name for one in compared([second, first])] == [*first.figures, "data/0-threads"]
    assert isinstance(first, Report)
    assert "cores of" in first.about


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Takes note of the benchmarks that are started, and of what they would print: the loader's fails half-way."""
    started: list[list[str]] = []

    def run(arguments: list[str], **options: Any) -> subprocess.CompletedProcess:
        started.append(arguments)
        out = "".join(f"{json.dumps(line)}\n" for line in lines(100))
        failed = "experiments.bench_data" in arguments
        errors = "looking\nerror: there is no folder DIR\n" if failed else ""
        return subprocess.CompletedProcess(arguments, int(failed), "" if failed else out, errors)

    monkeypatch.setattr(bench.subprocess, "run", run)
    return started


def test_a_report_has_what_was_measured_and_why_the_rest_was_not(
    call: Call, programs: list[list[str]], tmp_path: Path
) -> None:
    output = tmp_path / "here.json"
    ended = call(bench.main, f"--output={output}", "--quick", "--only=train", "--only=data")
    assert ended.code == 0, ended.err
    assert [words[words.index("-m") + 1] for words in programs] == ["experiments.bench_train", "experiments.bench_data"]
    whole = json.loads(output.read_text())
    assert whole["command"] == "wavenet bench --quick --only=train --only=data --output=FILE"
    assert whole["machine"]["cores"] >= 1
    assert whole["versions"]["jax"]
    first, *_, last = whole["figures"]
    assert (first["median"], first["spread"], first["repeats"], first["batch"]) == (200, [100, 400], 3, 4)
    assert not {"machine", "versions"} & first.keys()
    assert {"date", "load"} <= first.keys()
    assert (last["name"], last["skipped"]) == ("data", "there is no folder DIR")
    result = json.loads(ended.out)
    assert result["figures"] == 2
    assert result["skipped"] == {"copy": "there is no compiler", "data": "there is no folder DIR"}
    assert read_report(output).left_out == result["skipped"]

    ended = call(bench.main, f"--output={output}")
    assert ended.code == 1
    assert ended.err.startswith(f"error: {output} exists; choose another --output")


@pytest.mark.usefixtures("programs")
def test_where_nothing_can_be_measured_nothing_is_written(call: Call, tmp_path: Path) -> None:
    ended = call(bench.main, f"--output={tmp_path / 'here.json'}", "--only=data")
    assert ended.code == 1
    assert ended.err.splitlines()[-1] == "error: nothing could be measured: there is no folder DIR"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--output is required, the JSON file to write; or give --compare"),
        (("--compare=a", "--output=b.json"), "--compare measures nothing, so output has no effect; leave --output out"),
        (("--output=b.txt",), "--output must be a file name that ends in .json, got b.txt"),
        (("--compare=/nope",), "No such file or directory: /nope"),
        (("--compare={file}",), "{file} is not a result of wavenet bench or of another benchmark"),
        (("--compare={text}",), "line 2 of {text} is not a result of a benchmark"),
    ],
)
def test_bad_input_is_one_line(call: Call, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    file, text = tmp_path / "file", tmp_path / "text"
    file.write_text("{}\n")
    text.write_text("{}\nhello\n")
    ended = call(bench.main, *(argument.format(file=file, text=text) for argument in arguments))
    assert (ended.code, ended.err) == (1, f"error: {message.format(file=file, text=text)}\n")


@pytest.mark.slow
def test_this_machine_is_measured(call: Call, tmp_path: Path) -> None:
    ended = call(bench.main, f"--output={tmp_path / 'here.json'}", "--quick")
    assert ended.code == 0, ended.err
    report = read_report(tmp_path / "here.json")
    measured = {name.split("/")[0] for name in report.figures} | {name.split("/")[0] for name in report.left_out}
    assert measured == set(bench.PARTS)
    assert {"train/base/4x8000", "sample/vocoder/1/scan", "data/1-threads", "copy/float32"} <= report.figures.keys()
    assert all(line["spread"][0] <= line["median"] <= line["spread"][1] for line in report.figures.values())
