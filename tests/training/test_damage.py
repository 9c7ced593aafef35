"""Whatever happens to a data folder while a network trains on it: no step is lost, and a line says what to do.

The counts that this test prints (``pytest -s``) are those of docs/training.md.
"""

import dataclasses
import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest

import wavenet_jax
from tests.data.damages import DAMAGES, RATE, Damage, make, overwritten, replaced
from tests.training.tiny import of
from wavenet_jax.config import DataConfig, OptimizerConfig, RunConfig, TrainConfig, WaveNetConfig
from wavenet_jax.runs import RunDirectory
from wavenet_jax.training import FINISHED, Started, StepDone, Stopped

SCENARIOS = 100
STEPS = 16
LONGER = 20
CONFIG = RunConfig(
    WaveNetConfig(sample_rate=RATE, levels=16, residual_channels=4, skip_channels=4, dilation_cycle=(1, 2)),
    DataConfig(batch_size=4, crop_samples=64, validation_fraction=0.25),
    OptimizerConfig(warmup_steps=2, schedule="constant"),
    TrainConfig(num_steps=STEPS, validate_every=7, save_every=5, validation_samples=1_000),
)
OTHER_SOUND: tuple[Damage, ...] = (overwritten, replaced)
"""After these, a run may have learned from sound that is whole and another."""


class Outcome(NamedTuple):
    """How a run ended."""

    events: list[Any]
    error: BaseException | None


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings that are read in place, and others that are decoded."""
    folder = tmp_path_factory.mktemp("originals")
    make(folder)
    return folder


@pytest.fixture(scope="module")
def unbroken(originals: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that nothing happened to, with a checkpoint of every step."""
    workdir = tmp_path_factory.mktemp("unbroken")
    outcome = train(originals, workdir, LONGER, save_every=1, keep_checkpoints=LONGER)
    assert outcome.error is None
    return workdir


@pytest.fixture
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def train(folder: Path, workdir: Path, steps: int, damage: Any = lambda event: None, **changes: Any) -> Outcome:
    """Trains to the end, or to an error; a run that hangs fails the test."""
    config = dataclasses.replace(
        CONFIG,
        data=dataclasses.replace(CONFIG.data, data_dir=(str(folder),)),
        train=dataclasses.replace(CONFIG.train, num_steps=steps, **changes),
    )
    events: list[Any] = []
    failed: list[BaseException] = []

    def watch(event: Any) -> None:
        events.append(event)
        damage(event)

    def call() -> None:
        try:
            wavenet_jax.train(config, workdir, on_event=watch, devices=jax.devices()[:1])
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(600)
    assert not thread.is_alive(), "neither steps nor a line"
    return Outcome(events, failed[0] if failed else None)


def params(workdir: Path, step: int) -> Any:
    """The parameters of a checkpoint, as they are compared bit for bit."""
    checkpoint = RunDirectory(workdir).checkpoint(step)
    return (checkpoint / "state" / "params.safetensors").read_bytes()


def check_line(error: BaseException) -> None:
    assert isinstance(error, (ValueError, OSError)), repr(error)
    assert "\n" not in str(error)


def scenario(seed: int, originals: Path, unbroken: Path, place: Path) -> Counter[str]:
    """Trains while a data folder is damaged, perhaps mends it, and resumes; returns what happened."""
    draw = np.random.default_rng(seed)
    folder, workdir = place / "recordings", place / "run"
    shutil.copytree(originals, folder)
    damage = DAMAGES[seed % len(DAMAGES)]
    at, healed = int(draw.integers(1, STEPS - 2)), bool(draw.random() < 0.5)
    same_sound = damage not in OTHER_SOUND

    def strike(event: Any) -> None:
        if isinstance(event, StepDone) and event.step == at:
            damage(folder, draw)

    first = train(folder, workdir, STEPS, strike)
    saved = wavenet_jax.load(workdir).step
    if first.error is None:
        assert first.events[-1] == Stopped(STEPS, FINISHED)
        assert saved == STEPS
    else:
        check_line(first.error)
        assert first.error.__notes__ == [f"saved at step {saved}; the same command resumes the run from there"]
        assert at <= saved < STEPS, "the steps that were done are not lost"
    if same_sound:
        assert params(workdir, saved) == params(unbroken, saved), "those of the run that nothing happened to"
    happened = Counter({"saved": 1, "went on" if first.error is None else "ended in a line": 1})

    if healed:
        shutil.rmtree(place / "offline", ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(originals, folder)
        if (place / "cache").is_file():
            (place / "cache").unlink()
    resumed = train(folder, workdir, LONGER)
    started = of(Started, resumed.events)
    if healed:
        assert resumed.error is None, resumed.error
        assert started[0].data_changed is None
        if same_sound:
            assert params(workdir, LONGER) == params(unbroken, LONGER), "as if nothing had happened"
    if resumed.error is None:
        assert (started[0].step, resumed.events[-1]) == (saved, Stopped(LONGER, FINISHED))
        assert "\n" not in (started[0].data_changed or "")
        return happened + Counter(
            ["resumed", "with other data, said" if started[0].data_changed else "with the same data"]
        )
    check_line(resumed.error)
    assert ";" in str(resumed.error), f"a remedy: {resumed.error}"
    assert wavenet_jax.load(workdir).step >= saved
    return happened + Counter(["refused in a line"])


@pytest.mark.parametrize("seed", [0, 1, 3, 5, 7], ids=lambda seed: DAMAGES[seed].__name__)
def test_damage_while_a_network_trains_costs_no_step(
    seed: int, originals: Path, unbroken: Path, tmp_path: Path, cache_home: Path
) -> None:
    assert scenario(seed, originals, unbroken, tmp_path)["saved"] == 1


@pytest.mark.slow
def test_of_a_hundred_damages_every_run_is_saved(
    originals: Path, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: Counter[str] = Counter()
    for seed in range(SCENARIOS):
        place = tmp_path / str(seed)
        place.mkdir()
        monkeypatch.setenv("XDG_CACHE_HOME", str(place / "cache"))
        happened += scenario(seed, originals, unbroken, place)
        shutil.rmtree(place)
    print(f"\nsaved {happened['saved']} of {SCENARIOS}, resumed {happened['resumed']} of {SCENARIOS}; {dict(happened)}")
    assert happened["saved"] == SCENARIOS
    assert happened["resumed"] + happened["refused in a line"] == SCENARIOS
