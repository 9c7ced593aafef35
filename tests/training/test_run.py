"""A run: what it reports, when it stops, and that going on is as if it had never stopped."""

import contextlib
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from tests.training.tiny import CONFIG, HELD_OUT, TRAINING, configured, events, of
from wavenet_jax.data import SyntheticSource
from wavenet_jax.training import (
    DIVERGED,
    FINISHED,
    NO_GAIN,
    Saving,
    Started,
    StepDone,
    Stopped,
    Validated,
    load,
    train,
)
from wavenet_jax.training.checkpoints import Checkpoints
from wavenet_jax.training.excerpt import Excerpt
from wavenet_jax.training.sharding import make_mesh
from wavenet_jax.training.state import Trainer


def final_state(workdir: Path) -> Any:
    shapes = Trainer(CONFIG, make_mesh(jax.devices()[:1])).state_shapes
    with Checkpoints(workdir, 2) as checkpoints:
        return jax.device_get(checkpoints.restore(shapes).state)


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Any]]:
    workdir = tmp_path_factory.mktemp("unbroken") / "run"
    return workdir, events(workdir)


def test_a_run_reports_in_order(unbroken: tuple[Path, list[Any]]) -> None:
    happened = unbroken[1]
    started = happened[0]
    assert isinstance(started, Started)
    assert (started.step, started.clips, started.held_out_clips, started.damaged) == (0, 10, 3, [])
    assert started.baselines["uniform"] == 4
    brief = [(type(event), event.step) for event in happened[1:]]
    assert brief == [
        *[(StepDone, step) for step in (1, 2, 3)],
        (Saving, 3),
        (StepDone, 4),
        (Validated, 4),
        (Saving, 4),
        *[(StepDone, step) for step in (5, 6)],
        (Validated, 6),
        (Saving, 6),
        (Stopped, 6),
    ]
    assert happened[-1].reason == FINISHED


def test_the_run_ends_on_the_disk(unbroken: tuple[Path, list[Any]]) -> None:
    workdir, happened = unbroken
    _, params, step = load(workdir)
    assert step == 6
    judged = of(Validated, happened)[-1].params
    jax.tree.map(np.testing.assert_array_equal, params, jax.device_get(judged))


def test_going_on_is_bit_for_bit_the_unbroken_run(unbroken: tuple[Path, list[Any]], tmp_path: Path) -> None:
    first = events(tmp_path, stop=lambda step: "enough" if step == 2 else None)
    assert first[-1] == Stopped(2, "enough")
    second = events(tmp_path)
    assert second[0].step == 2
    assert [event.step for event in of(StepDone, second)] == [3, 4, 5, 6]
    jax.tree.map(np.testing.assert_array_equal, final_state(tmp_path), final_state(unbroken[0]))
    theirs = {event.step: event.metrics for event in of(StepDone, unbroken[1])}
    assert all(event.metrics == theirs[event.step] for event in of(StepDone, first + second))


def test_leaving_in_the_middle_finishes_the_save(unbroken: tuple[Path, list[Any]], tmp_path: Path) -> None:
    with contextlib.closing(train(CONFIG, tmp_path, TRAINING, HELD_OUT, devices=jax.devices()[:1])) as running:
        next(event for event in running if isinstance(event, Saving))
    assert load(tmp_path)[2] == 3
    assert events(tmp_path)[-1] == Stopped(6, FINISHED)
    jax.tree.map(np.testing.assert_array_equal, final_state(tmp_path), final_state(unbroken[0]))


def test_a_damaged_checkpoint_costs_its_steps_only(unbroken: tuple[Path, list[Any]], tmp_path: Path) -> None:
    events(tmp_path)
    (tmp_path / "checkpoints" / "6" / "state" / "optimizer.safetensors").write_bytes(b"")
    again = events(tmp_path)
    assert again[0].step == 4
    assert again[0].damaged[0].startswith("checkpoint 6 is damaged: optimizer.safetensors cannot be read")
    jax.tree.map(np.testing.assert_array_equal, final_state(tmp_path), final_state(unbroken[0]))


def test_a_finished_run_has_nothing_to_do_until_it_is_made_longer(tmp_path: Path) -> None:
    events(tmp_path)
    assert [type(event) for event in events(tmp_path)] == [Started, Stopped]
    longer = events(tmp_path, configured(num_steps=8))
    assert [event.step for event in of(StepDone, longer)] == [7, 8]


def test_no_gain_stops_early(tmp_path: Path) -> None:
    config = configured(learning_rate=1e-30, validate_every=1, patience=2, num_steps=50)
    happened = events(tmp_path, config)
    assert happened[-1] == Stopped(3, NO_GAIN)
    assert load(tmp_path)[2] == 3


def test_patience_survives_a_restart(tmp_path: Path) -> None:
    config = configured(learning_rate=1e-30, validate_every=1, patience=2, num_steps=50)
    events(tmp_path, config, stop=lambda step: "enough" if step == 2 else None)
    assert events(tmp_path, config)[-1] == Stopped(3, NO_GAIN)


def test_a_run_that_diverges_stops_with_finite_parameters(tmp_path: Path) -> None:
    config = configured(learning_rate=1e30, clip_norm=None, warmup_steps=0, max_skipped_steps=3, num_steps=50)
    happened = events(tmp_path, config)
    assert happened[-1].reason == DIVERGED
    assert of(StepDone, happened)[-1].metrics["skipped_in_a_row"] == 3
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(load(tmp_path)[1]))


def test_one_clip_can_be_learned_by_heart(tmp_path: Path) -> None:
    config = configured(overfit_one_clip=True, num_steps=300, learning_rate=0.02, validate_every=300, save_every=300)
    happened = events(tmp_path, config)
    (validated,) = of(Validated, happened)
    assert happened[0].clips == happened[0].held_out_clips == 1
    assert validated.bits_per_sample < 0.6 * happened[0].baselines["unigram"]


def test_without_held_out_audio_there_is_no_validation(tmp_path: Path) -> None:
    running = train(CONFIG, tmp_path, TRAINING, Excerpt(HELD_OUT, []), devices=jax.devices()[:1])
    happened = list(running)
    assert happened[0].baselines == {}
    assert of(Validated, happened) == []
    assert load(tmp_path)[2] == 6


def test_validation_takes_no_more_audio_than_asked(tmp_path: Path) -> None:
    long = SyntheticSource(40, 100, 1)
    running = train(configured(validation_samples=300), tmp_path, TRAINING, long, devices=jax.devices()[:1])
    assert next(running).held_out_clips == 3
    running.close()
