"""The picture of how a run learned."""

import json
import shutil
from pathlib import Path

import pytest
from matplotlib.image import imread

from experiments import curve
from tests.experiments.conftest import Call
from wavenet_jax.config import RunConfig, to_json
from wavenet_jax.runs import Records, RunDirectory


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """A run directory with records of two steps."""
    (tmp_path / "config.json").write_text(to_json(RunConfig()))
    records = Records(RunDirectory(tmp_path), 0)
    records.add("start", 0, baselines={"uniform": 8.0})
    for step, bits in ((1, 7.5), (2, 4.5)):
        records.add("train", step, bits_per_sample=bits)
        records.add("validation", step, bits_per_sample=bits + 0.1)
    records.close()
    return tmp_path


def test_the_curve_is_drawn(call: Call, measured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    save = curve.plots.save_curve
    monkeypatch.setattr(curve.plots, "save_curve", lambda *arguments: (drawn.append(arguments), save(*arguments)))
    output = measured / "curve.png"
    ended = call(curve.main, f"--workdir={measured}", f"--output={output}")
    assert ended.code == 0
    assert json.loads(ended.out) == {"picture": str(output)}
    assert drawn == [(output, [(0.032, 7.5), (0.064, 4.5)], [(0.032, 7.6), (0.064, 4.6)], {"uniform": 8.0}, {})]
    assert imread(output).std() > 0.05


def test_steps_without_a_finite_loss_leave_a_gap(call: Call, measured: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = Records(RunDirectory(measured), 2)
    records.add("train", 3, bits_per_sample=None)
    records.add("validation", 3, bits_per_sample=None)
    records.close()
    drawn = []
    monkeypatch.setattr(curve.plots, "save_curve", lambda *arguments: drawn.append(arguments))
    assert call(curve.main, f"--workdir={measured}", f"--output={measured / 'c.png'}").code == 0
    ((_, training, validation, *_),) = drawn
    assert ([bits for _, bits in training], [bits for _, bits in validation]) == ([7.5, 4.5], [7.6, 4.6])


def test_another_run_is_drawn_in_the_same_picture(
    call: Call, measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "from $\\frac{scratch$"
    shutil.copytree(measured, other, ignore=lambda *_: [other.name])
    drawn = []
    save = curve.plots.save_curve
    monkeypatch.setattr(curve.plots, "save_curve", lambda *arguments: (drawn.append(arguments), save(*arguments)))
    output = tmp_path / "both.png"
    ended = call(curve.main, f"--workdir={measured}", f"--compare={other}", f"--output={output}")
    assert ended.code == 0, ended.err
    assert drawn[0][-1] == {other.name: [(0.032, 7.6), (0.064, 4.6)]}
    assert imread(output).std() > 0.05


def test_runs_of_one_name_are_told_by_their_paths(
    call: Call, measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b"):
        shutil.copytree(measured, tmp_path / folder / "run", ignore=shutil.ignore_patterns("a", "b"))
    drawn = []
    monkeypatch.setattr(curve.plots, "save_curve", lambda *arguments: drawn.append(arguments))
    others = [f"--compare={tmp_path / folder / 'run'}" for folder in ("a", "b")]
    ended = call(curve.main, f"--workdir={measured}", *others, f"--output={tmp_path / 'c.png'}")
    assert ended.code == 0, ended.err
    assert list(drawn[0][-1]) == [str(tmp_path / folder / "run") for folder in ("a", "b")]


def test_a_run_that_has_measured_nothing_yet_is_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(to_json(RunConfig()))
    for text in ("", '{"kind": "start", "step": 0, "baselines": {}}\n'):
        (tmp_path / "metrics.jsonl").write_text(text)
        ended = call(curve.main, f"--workdir={tmp_path}", f"--output={tmp_path / 'c.png'}")
        assert (ended.code, ended.out) == (1, "")
        assert ended.err == (
            f"error: {tmp_path} has no finite loss to draw yet; train until the first line of metrics\n"
        )


def test_bad_input_is_named_and_nothing_is_written(call: Call, measured: Path) -> None:
    old = measured / "old.png"
    old.write_text("old")
    for arguments, message in (
        ([f"--workdir={measured}", f"--output={old}"], f"{old} exists; choose another --output"),
        ([f"--workdir={measured}", f"--output={old}.gif"], "--output must be a file name that ends in .png"),
        (
            [f"--workdir={measured / 'none'}", f"--output={old}", "--overwrite"],
            "none is not a run directory: it has no config.json",
        ),
    ):
        ended = call(curve.main, *arguments)
        assert ended.code == 1
        assert message in ended.err
        assert ended.err.count("\n") == 1
    assert old.read_text() == "old"


@pytest.mark.parametrize("line", ["3", "null", '{"kind": "train"}', "{"])
def test_a_line_that_is_no_record_is_named(line: str, call: Call, measured: Path) -> None:
    file = measured / "metrics.jsonl"
    file.write_text(f"{line}\n{file.read_text()}")
    ended = call(curve.main, f"--workdir={measured}", f"--output={measured / 'curve.png'}")
    assert (ended.code, ended.err) == (1, f"error: line 1 of {file} is no record; delete it\n")
