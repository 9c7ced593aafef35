"""A run: what it reports, when it stops, and that going on is as if it had never stopped."""

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

import filelock
import jax
import numpy as np
import pytest

from tests.training.tiny import CONFIG, HELD_OUT, TRAINING, configured, events, of
from wavenet_jax.data import ArraySource, Source, SyntheticSource
from wavenet_jax.data.excerpt import Excerpt
from wavenet_jax.runs import RunDirectory, load
from wavenet_jax.training import (
    DIVERGED,
    FINISHED,
    NO_GAIN,
    Saving,
    Started,
    StepDone,
    Stopped,
    Validated,
    train_events,
)
from wavenet_jax.training.checkpoints import Checkpoints
from wavenet_jax.training.sharding import make_mesh
from wavenet_jax.training.state import Trainer

READS = 100


def final_state(workdir: Path) -> Any:
    shapes = Trainer(CONFIG, make_mesh(jax.devices()[:1])).state_shapes
    with Checkpoints(RunDirectory(workdir), 2) as checkpoints:
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
        (Saving, 4),
        (Validated, 4),
        *[(StepDone, step) for step in (5, 6)],
        (Saving, 6),
        (Validated, 6),
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
    with contextlib.closing(train_events(CONFIG, tmp_path, TRAINING, HELD_OUT, devices=jax.devices()[:1])) as running:
        next(event for event in running if isinstance(event, Saving))
    assert load(tmp_path)[2] == 3
    assert events(tmp_path)[-1] == Stopped(6, FINISHED)
    jax.tree.map(np.testing.assert_array_equal, final_state(tmp_path), final_state(unbroken[0]))


def test_leaving_between_two_saves_saves_first(unbroken: tuple[Path, list[Any]], tmp_path: Path) -> None:
    with contextlib.closing(train_events(CONFIG, tmp_path, TRAINING, HELD_OUT, devices=jax.devices()[:1])) as running:
        next(event for event in running if isinstance(event, StepDone) and event.step == 1)
    assert load(tmp_path)[2] == 2, "the step that the device worked ahead by is not lost"
    assert events(tmp_path)[-1] == Stopped(6, FINISHED)
    jax.tree.map(np.testing.assert_array_equal, final_state(tmp_path), final_state(unbroken[0]))


class Vanishing(SyntheticSource):
    """Clips whose files are gone after so many reads."""

    left = 20

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        self.__class__.left -= 1
        if self.left < 0:
            raise ValueError("clip.wav cannot be opened: No such file or directory")
        return super().read(clip, start, stop)


def test_a_run_that_fails_saves_first_and_says_so(unbroken: tuple[Path, list[Any]], tmp_path: Path) -> None:
    config = configured(num_steps=1_000, save_every=1_000, validate_every=1_000)
    running = train_events(config, tmp_path, Vanishing(10, 300, 0), HELD_OUT, devices=jax.devices()[:1])
    with pytest.raises(ValueError, match=r"^clip\.wav cannot be opened") as caught:
        list(running)
    step = load(tmp_path)[2]
    assert step > 0
    assert caught.value.__notes__ == [f"saved at step {step}; the same command resumes the run from there"]
    assert next(train_events(config, tmp_path, TRAINING, HELD_OUT, devices=jax.devices()[:1])).step == step


@pytest.mark.parametrize("at", [2, 4])
def test_a_directory_that_is_moved_away_while_a_run_writes_to_it_costs_no_step(
    at: int, unbroken: tuple[Path, list[Any]], tmp_path: Path
) -> None:
    workdir = tmp_path / "run"
    with contextlib.suppress(ValueError):  # a save that was under way
        for event in train_events(CONFIG, workdir, TRAINING, HELD_OUT, devices=jax.devices()[:1]):
            if isinstance(event, StepDone) and event.step == at:
                workdir.rename(tmp_path / "moved")
    step = load(workdir).step
    assert step >= at
    assert events(workdir)[0].step == step
    jax.tree.map(np.testing.assert_array_equal, final_state(workdir), final_state(unbroken[0]))


def test_a_directory_that_can_only_be_read_is_read_and_refused_in_one_line(
    unbroken: tuple[Path, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(lock: Any) -> None:
        raise PermissionError(13, "Permission denied", "run.lock")

    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)
    workdir = unbroken[0]
    assert load(workdir).step == 6
    assert not RunDirectory(workdir).is_locked()
    with pytest.raises(
        ValueError, match="^workdir .* cannot be written to: Permission denied; choose another, or copy"
    ):
        next(train_events(CONFIG, workdir, TRAINING, HELD_OUT, devices=jax.devices()[:1]))


def test_a_run_can_be_loaded_at_any_time_while_it_saves_every_step_and_keeps_one(tmp_path: Path) -> None:
    """Checkpoints come and go while they are read."""
    config = configured(num_steps=10**6, save_every=1, validate_every=10**6, keep_checkpoints=1)
    ends = threading.Event()
    writer = threading.Thread(
        target=lambda: events(tmp_path, config, stop=lambda step: "end" if ends.is_set() else None)
    )
    writer.start()
    try:
        while not RunDirectory(tmp_path).checkpoint_steps():
            assert writer.is_alive()
            time.sleep(0.01)
        steps = [load(tmp_path).step for _ in range(READS)]
    finally:
        ends.set()
        writer.join()
    assert steps == sorted(steps)
    assert steps[-1] > steps[0], "the run went on meanwhile"


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
    running = train_events(CONFIG, tmp_path, TRAINING, Excerpt(HELD_OUT, []), devices=jax.devices()[:1])
    happened = list(running)
    assert happened[0].held_out_clips == 0
    assert happened[0].baselines["uniform"] == 4, "those of training audio"
    assert of(Validated, happened) == []
    assert load(tmp_path)[2] == 6


def test_validation_takes_no_more_audio_than_asked(tmp_path: Path) -> None:
    long = SyntheticSource(40, 100, 1)
    running = train_events(configured(validation_samples=300), tmp_path, TRAINING, long, devices=jax.devices()[:1])
    assert next(running).held_out_clips == 3
    running.close()


def clips(*lengths: int, first: int = 0) -> ArraySource:
    random = np.random.default_rng(7)
    source = ArraySource([random.uniform(-0.5, 0.5, length).astype(np.float32) for length in lengths])
    source._names = [f"{first + number}.wav" for number in range(len(lengths))]
    return source


def run_on(workdir: Path, training: Source, held_out: Source, steps: int) -> Any:
    return train_events(configured(num_steps=steps), workdir, training, held_out, devices=jax.devices()[:1])


def test_clips_that_were_added_are_told_and_the_best_is_found_anew(tmp_path: Path) -> None:
    held_out = clips(80, 90, first=50)
    list(run_on(tmp_path, clips(100, 120), held_out, 6))
    started = next(run_on(tmp_path, clips(100, 120), held_out, 8))
    assert started.data_changed is None
    running = run_on(tmp_path, clips(100, 120, 130), held_out, 8)
    assert next(running).data_changed == "1 clip added (2.wav)"
    assert of(Validated, list(running))[-1].step == 8
    # What was learned counts on; bits of other held-out audio do not compare with the best so far.
    running = run_on(tmp_path, clips(100, 120, 130), clips(80, first=50), 10)
    assert next(running).data_changed == "1 clip gone (51.wav), other clips are held out"


def test_a_run_is_not_resumed_on_other_recordings_altogether(tmp_path: Path) -> None:
    list(run_on(tmp_path, clips(100, 120), clips(80, first=50), 6))
    with pytest.raises(ValueError, match="holds a run on other clips: none of them is in this data set"):
        next(run_on(tmp_path, clips(101, 121, first=7), clips(81, first=9), 8))
    for damaged in ("[", "[]", '{"train": 5}', '{"train": {"1.wav": 100}}'):
        (tmp_path / "data.json").write_text(damaged)
        with contextlib.closing(run_on(tmp_path, clips(101, 121, first=7), clips(81, first=9), 8)) as events:
            assert next(events).step == 6
