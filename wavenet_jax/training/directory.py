"""The run directory: what it says about its run, and that only one run writes to it."""

import contextlib
import dataclasses
import fcntl
from collections.abc import Iterator
from pathlib import Path

import jax

from wavenet_jax.config import RunConfig, TrainConfig, field_values, from_json, to_json
from wavenet_jax.integrity import write_whole

CONFIG = "config.json"
CHECKPOINTS = "checkpoints"
DAMAGED = "damaged"
LOCK = "run.lock"

# The rest of a run's configuration decides what it computes; these may change when it goes on.
_CHANGEABLE = {field.name for field in dataclasses.fields(TrainConfig)} - {"seed", "overfit_one_clip"}


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Makes the directory, and keeps every other run out of it until the end of the block or of the process.

    Raises:
      ValueError: another run is writing to it, or there is a file in its place.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ValueError(f"workdir must be a folder, and {workdir} leads to a file; choose another --workdir") from None
    if jax.process_index() != 0:  # The first process of a run holds the lock for all of them.
        yield
        return
    with open(workdir / LOCK, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another run is writing to {workdir}; wait until it ends, or choose another --workdir"
            ) from None
        yield


def read_config(workdir: Path) -> RunConfig:
    """The configuration of the run in ``workdir``.

    Raises:
      ValueError: there is no run, or its config.json cannot be understood.
    """
    path = workdir / CONFIG
    try:
        text = path.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise ValueError(f"{workdir} is not a run directory: it has no {CONFIG}; train into it first") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is damaged: not UTF-8 text") from None
    try:
        return from_json(RunConfig, text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def settle_config(workdir: Path, config: RunConfig) -> None:
    """Writes config.json, or compares with the one that is there.

    How long a run is, and how often it reports and saves, may change when it goes on; config.json is then brought
    up to date.

    Raises:
      ValueError: the directory belongs to a run with another configuration; names the field.
    """
    path = workdir / CONFIG
    if path.exists():
        difference = first_difference(read_config(workdir), config)
        if difference is not None:
            name, kept, given = difference
            raise ValueError(
                f"{workdir} holds a run with {name}={kept}, got {given}; "
                f"continue it with --flagfile={workdir}/run.flags, or choose another --workdir"
            )
    elif any((workdir / CHECKPOINTS).glob("*")):
        raise ValueError(f"{workdir} has checkpoints but no {CONFIG}; choose another --workdir")
    if jax.process_index() == 0:
        write_atomically(path, to_json(config))


def first_difference(kept: RunConfig, given: RunConfig) -> tuple[str, object, object] | None:
    """The first field that has to agree for a run to go on, and does not: its name and both values."""
    for group in dataclasses.fields(RunConfig):
        for (name, mine), (_, yours) in zip(
            field_values(getattr(kept, group.name)), field_values(getattr(given, group.name)), strict=True
        ):
            if mine != yours and not (group.name == "train" and name in _CHANGEABLE):
                return name, mine, yours
    return None


def write_atomically(path: Path, text: str) -> None:
    """Replaces a file by a whole new one, or leaves it as it was."""
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    write_whole(path, text.encode())
