"""The picture of how a run learned."""

import json
from pathlib import Path

import pytest
from matplotlib.image import imread

from experiments import curve
from experiments.records import Records
from tests.experiments.conftest import Call
from wavenet_jax.config import RunConfig, to_json


@pytest.fixture
def measured(tmp_path: Path) -> Path:
    """A run directory with records of two steps."""
    (tmp_path / "config.json").write_text(to_json(RunConfig()))
    records = Records(tmp_path, 0)
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
    assert drawn == [(output, [(0.032, 7.5), (0.064, 4.5)], [(0.032, 7.6), (0.064, 4.6)], {"uniform": 8.0})]
    assert imread(output).std() > 0.05


def test_bad_input_is_named_and_nothing_is_written(call: Call, measured: Path) -> None:
    old = measured / "old.png"
    old.write_text("old")
    for arguments, message in (
        ([f"--workdir={measured}", f"--output={old}"], f"{old} exists; choose another --output"),
        ([f"--workdir={measured}", f"--output={old}.gif"], "output must be a file name that ends in .png"),
        ([f"--workdir={measured / 'none'}", f"--output={old}", "--overwrite"], "has no metrics.jsonl"),
    ):
        ended = call(curve.main, *arguments)
        assert ended.code == 1
        assert message in ended.err
        assert ended.err.count("\n") == 1
    assert old.read_text() == "old"
