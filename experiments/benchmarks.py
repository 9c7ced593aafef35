"""What the benchmarks share: presets by name, and two files of results side by side."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from experiments import flags
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.typing import Conditions

_FILE_WIDTH = 140  # columns, where the table is not read on a terminal
_PRESETS = Path(__file__).parent / "presets"


def preset_config(preset: str) -> RunConfig:
    """The configuration of a preset: ``base``, all defaults, or a file of experiments/presets.

    Raises:
      ValueError: there is no such preset; the message names those there are.
    """
    path = _PRESETS / f"{preset}.flags"
    if preset != "base" and not path.is_file():
        names = ", ".join(["base", *sorted(file.stem for file in _PRESETS.glob("*.flags"))])
        raise ValueError(f"preset must be one of {names}, got {preset!r}")
    arguments = [] if preset == "base" else [f"--flagfile={path}"]
    (config,) = flags.read([RunConfig], ["benchmark", *arguments])
    return config


def with_some_classes(model: WaveNetConfig) -> WaveNetConfig:
    """The network with two classes, where it listens to classes and data would say which."""
    options = model.conditioning
    if not options.condition_on_classes or options.classes:
        return model
    return dataclasses.replace(model, conditioning=dataclasses.replace(options, classes=("class=a", "class=b")))


def blank_conditions(model: WaveNetConfig, rows: int, samples: int) -> Conditions:
    """Something to tell the network of, as speed does not depend on what: for ``rows`` streams of whole frames."""
    options, features = model.conditioning, model.features
    frames = samples // features.hop_samples + options.frames_before + options.frames_after
    return Conditions(
        classes=np.ones((rows, len(options.families)), np.int32) if options.condition_on_classes else None,
        vector=np.zeros((rows, options.vector_channels), np.float32) if options.vector_channels else None,
        frames=np.zeros((rows, frames, features.channels), np.float32) if model.is_local else None,
    )


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table on standard error, whose columns are aligned by what they hold: words left, numbers right."""
    result = Table(box=SIMPLE, title=title)
    for column, name in enumerate(columns):
        words = rows[0][column][:1].isalpha()
        result.add_column(name, justify="left" if words else "right", overflow="fold")
    for row in rows:
        result.add_row(*row)
    console = Console(stderr=True)
    if not console.is_terminal:
        console.width = _FILE_WIDTH
    console.print(result)


def compare(paths: Sequence[str], keys: Sequence[str], title: str) -> None:
    """Speeds of two files of results: JSON lines on standard output, a table on standard error.

    Results belong together when they agree in all ``keys``.

    Raises:
      ValueError: not two files, a line that is no result, or nothing in common.
    """
    if len(paths) != 2:
        raise ValueError(f"compare needs two files, got {len(paths)}; give --compare=A.jsonl --compare=B.jsonl")
    ours, theirs = ({tuple(line[name] for name in keys): line for line in _lines(path, keys)} for path in paths)
    rows = []
    for key in (key for key in ours if key in theirs):
        speeds = [side[key]["samples_per_second"] for side in (ours, theirs)]
        ratio = speeds[1] / speeds[0]
        print(json.dumps({**dict(zip(keys, key, strict=True)), "samples_per_second": speeds, "ratio": ratio}))
        rows.append([*map(str, key), *(f"{speed:,.0f}" for speed in speeds), f"{ratio:.2f}"])
    if not rows:
        raise ValueError(f"{paths[0]} and {paths[1]} have no {', '.join(keys)} in common")
    show(title, [*keys, *paths, "ratio"], rows)


def _lines(path: str, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        try:
            line = json.loads(text)
            line["samples_per_second"], *(line[name] for name in keys)
        except (json.JSONDecodeError, KeyError, TypeError):
            raise ValueError(f"line {number} of {path} is not a result of this benchmark") from None
        yield line
