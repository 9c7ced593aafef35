"""The judge of classes: it tells real classes apart, and says which one generated sound is of."""

import json
from pathlib import Path

import numpy as np
import pytest

from experiments import classify
from tests.experiments.conftest import Call, short_run


def test_a_discriminant_separates_what_a_line_separates() -> None:
    random = np.random.default_rng(0)
    classes = np.arange(300) % 3
    # Far apart in one direction of little spread, close in one of great spread.
    points = random.normal(size=(300, 2)) * [0.1, 10] + np.stack([classes, 5 * classes], axis=1)
    judge = classify.Discriminant(points[:150], classes[:150])
    assert (judge(points[150:]) == classes[150:]).mean() > 0.95


@pytest.fixture(scope="module")
def classed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run of two steps whose network is told which kind of synthetic sound it makes."""
    return short_run(
        tmp_path_factory.mktemp("classed"),
        "--synthetic_clips=100",
        "--validation_fraction=0.3",
        "--synthetic_seconds=0.5",
        "--condition_on_classes",
    )


def test_real_kinds_of_sound_are_told_apart_and_generated_ones_counted(call: Call, classed: Path) -> None:
    ended = call(classify.main, f"--workdir={classed}", "--num_samples=2", "--seconds=0.5")
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert result["classes"] == ["beats", "chord", "noise", "sine", "sweep"]
    assert result["held_out_pieces"] == 30
    assert result["held_out_accuracy"] > 0.5  # chance is 0.2
    counts = result["judged_by_class_asked_for"]
    assert all(sum(row.values()) == 2 for row in counts.values())
    assert result["accuracy"] == sum(counts[name][name] for name in counts) / 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--seconds=0.6"], "no held-out clip is as long as 0.6 s; lower --seconds, or hold out more"),
        (["--guidance=2"], "--guidance needs a network that was trained with condition_dropout above 0"),
    ],
)
def test_what_cannot_be_judged_is_refused(arguments: list[str], message: str, call: Call, classed: Path) -> None:
    ended = call(classify.main, f"--workdir={classed}", *arguments)
    assert ended == (1, "", f"error: {message}\n")


def test_a_network_without_classes_is_refused(call: Call, workdir: Path) -> None:
    ended = call(classify.main, f"--workdir={workdir}")
    expected = f"error: {workdir} must be a run that is conditioned on one family of classes and nothing else\n"
    assert ended == (1, "", expected)
