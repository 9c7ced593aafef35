"""The smallest run that has all parts: seconds of compilation, milliseconds a step."""

import dataclasses
from pathlib import Path
from typing import Any

import jax

from wavenet_jax.config import DataConfig, OptimizerConfig, RunConfig, TrainConfig, WaveNetConfig
from wavenet_jax.data import SyntheticSource
from wavenet_jax.training import Event, train_events

CONFIG = RunConfig(
    WaveNetConfig(levels=16, residual_channels=4, skip_channels=4, dilation_cycle=(1, 2)),
    DataConfig(batch_size=4, crop_samples=32),
    OptimizerConfig(warmup_steps=2),
    TrainConfig(num_steps=6, validate_every=4, save_every=3, log_every=1),
)
TRAINING = SyntheticSource(10, 300, 0)
HELD_OUT = SyntheticSource(3, 100, 1)


def configured(**changes: Any) -> RunConfig:
    """The tiny configuration with fields changed, whichever of its parts they belong to."""
    parts = {}
    for group in dataclasses.fields(RunConfig):
        part = getattr(CONFIG, group.name)
        names = {field.name for field in dataclasses.fields(part)} & changes.keys()
        parts[group.name] = dataclasses.replace(part, **{name: changes.pop(name) for name in names})
    assert not changes
    return RunConfig(**parts)


def events(workdir: Path, config: RunConfig = CONFIG, devices: int = 1, **more: Any) -> list[Event]:
    """All events of a run on the first ``devices`` devices."""
    return list(train_events(config, workdir, TRAINING, HELD_OUT, devices=jax.devices()[:devices], **more))


def of(kind: type, happened: list[Event]) -> list[Any]:
    """The events of one kind."""
    return [event for event in happened if isinstance(event, kind)]
