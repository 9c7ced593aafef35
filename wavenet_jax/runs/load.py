"""Reads trained parameters from a run directory."""

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from wavenet_jax.config import RunConfig
from wavenet_jax.model import parameter_shapes
from wavenet_jax.runs.checkpoint_files import DamagedError, read_items, read_meta
from wavenet_jax.runs.directory import RunDirectory
from wavenet_jax.typing import Params

CHOICES = ("latest", "best")
"""Names of the checkpoint of a run to read."""

_ATTEMPTS = 3
_PAUSE_SECONDS = 0.2


class Trained(NamedTuple):
    """A config, the parameters that were trained with it, and for how many steps."""

    config: RunConfig
    params: Params  # numpy arrays; averaged where the run keeps an average
    step: int


class Whole(NamedTuple):
    """A checkpoint that is what was saved."""

    step: int
    meta: dict[str, Any]
    items: dict[str, Any]
    damaged: list[str]  # what is wrong with those that were tried before it


def load(workdir: Path, choice: str = "latest") -> Trained:
    """Reads what sampling and evaluation need of a run.

    Args:
      workdir: the run directory; nothing is written to it.
      choice: ``latest``, or ``best``, with the fewest bits per sample in its validation. Damaged checkpoints are
        skipped.

    Raises:
      ValueError: not a run directory, it has no checkpoint, none that is whole, or one of another network.
    """
    return Trained(*read_run(RunDirectory(workdir), choice, lambda config: parameter_shapes(config.model)))


def read_run(run: RunDirectory, choice: str, shapes: Callable[[Any], Params]) -> tuple[Any, Params, int]:
    """Reads the config of a run, the parameters of a checkpoint, averaged where it keeps an average, and their steps.

    Args:
      run: the run directory; nothing is written to it.
      choice: ``latest``, or ``best`` in its validation. Damaged checkpoints are skipped.
      shapes: what the parameters of a run with a config must be like.

    Raises:
      ValueError: see ``load``.
    """
    if choice not in CHOICES:
        raise ValueError(f"checkpoint must be one of {', '.join(CHOICES)}, got {choice!r}")
    config: Any = run.read_config()
    item = "params" if config.optimizer.ema_decay is None else "ema"
    wanted = {item: shapes(config)}
    for attempt in range(_ATTEMPTS):
        steps = run.checkpoint_steps()
        if not steps:
            raise ValueError(f"{run.path} has no checkpoint yet; train until the first one is saved")
        if choice == "best":
            bits = validated_bits(run)
            steps.sort(key=lambda step: bits.get(step, float("inf")))
        try:
            whole = first_whole(run, steps, wanted)
            return config, whole.items[item], whole.step
        except _NoneIsWholeError:
            # A run that is training replaces its checkpoints while they are read: look again.
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_PAUSE_SECONDS)
    raise AssertionError("the last attempt returns or raises")


def first_whole(run: RunDirectory, steps: Sequence[int], shapes: dict[str, Any]) -> Whole:
    """Reads the first of ``steps`` whose checkpoint is whole.

    Args:
      run: the run directory.
      steps: in the order in which they are tried; at least one.
      shapes: for each item that is read, a tree of what its arrays must be like.

    Raises:
      ValueError: none is whole, or its arrays are not those of ``shapes``.
    """
    damaged: list[str] = []
    for step in steps:
        try:
            meta = read_meta(run.checkpoint(step))
            return Whole(step, meta, read_items(run.checkpoint(step), meta, shapes), damaged)
        except DamagedError as error:
            damaged.append(f"checkpoint {step} is damaged: {error}")
    raise _NoneIsWholeError(
        f"no checkpoint in {run.path} is whole ({'; '.join(damaged)}); restore one from a copy, or train anew elsewhere"
    )


def validated_bits(run: RunDirectory) -> dict[int, float]:
    """Returns the bits per sample of the checkpoints that were validated, by step, where they are finite."""
    bits = {}
    for step in run.checkpoint_steps():
        with contextlib.suppress(DamagedError):
            bits[step] = read_meta(run.checkpoint(step))["bits_per_sample"]
    return {step: value for step, value in bits.items() if value is not None and math.isfinite(value)}


class _NoneIsWholeError(ValueError):
    """All checkpoints are damaged, or were replaced while they were read."""
