"""Shared parts of the benchmarks: presets by name, conditions without a meaning, and tables."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from experiments.support import flags, presets
from wavenet_jax.conditions import stream_conditions
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.sampling.frames import frames_around
from wavenet_jax.typing import Conditions

_FILE_WIDTH = 140  # columns, where the table is not read on a terminal


def preset_config(preset: str) -> RunConfig:
    """Returns the configuration of a packaged preset.

    Raises:
      ValueError: there is no such preset; the message names those there are.
    """
    if preset != "base" and preset not in presets.names():
        raise ValueError(f"preset must be one of {', '.join(presets.names())}, got {preset!r}")
    # The base network is what the defaults of the config are; what its preset adds is about training.
    arguments = [] if preset == "base" else [f"--flagfile={preset}.flags"]
    (config,) = flags.read([RunConfig], ["benchmark", *arguments])
    return config


def with_some_classes(model: WaveNetConfig) -> WaveNetConfig:
    """Returns the network with two classes, where it is conditioned on classes that data would name."""
    options = model.conditioning
    if not options.condition_on_classes or options.classes:
        return model
    return dataclasses.replace(model, conditioning=dataclasses.replace(options, classes=("class=a", "class=b")))


def blank_conditions(model: WaveNetConfig, rows: int, samples: int) -> Conditions:
    """Makes conditions for ``rows`` streams of whole frames; speed does not depend on their values."""
    features = model.features
    frames = samples // features.hop_samples + frames_around(model)
    return Conditions(
        streams={name: np.stack([kind.example] * rows) for name, kind in stream_conditions(model).items()},
        frames=np.zeros((rows, frames, features.channels), np.float32) if model.is_local else None,
    )


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Shows a table on standard error, whose columns are aligned by what they hold: words left, numbers right."""
    result = Table(box=SIMPLE, title=title or None)
    for column, name in enumerate(columns):
        words = rows[0][column][:1].isalpha()
        result.add_column(name, justify="left" if words else "right", overflow="fold")
    for row in rows:
        result.add_row(*row)
    screen = Console(stderr=True)
    if not screen.is_terminal:
        screen.width = _FILE_WIDTH
    screen.print(result)
