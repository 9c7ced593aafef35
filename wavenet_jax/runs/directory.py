"""The run directory: the place of everything in it, and a lock that keeps a second run out."""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import jax

from wavenet_jax.config import ConditioningConfig, RunConfig, TrainConfig, field_values, from_json, to_json
from wavenet_jax.config.data import PLACES, SELECTION
from wavenet_jax.runs.flagfile import to_flagfile
from wavenet_jax.storage import write_whole

# Everything else in a run's config decides what it computes; these fields may change when it is resumed. Where its data
# lies, and which names lead to it, may, too: the clips themselves are compared.
_MAY_CHANGE: dict[str, Set[str]] = {
    "model": frozenset(),
    "data": PLACES | SELECTION,
    "optimizer": frozenset(),
    "train": {field.name for field in dataclasses.fields(TrainConfig)} - {"seed", "overfit_one_clip"},
    "start": frozenset(),
}

_NETWORKS = {"model": "a WaveNet", "acoustic": "an acoustic model"}
"""Kinds of networks, by the part of a run's config that only theirs has."""


WEIGHTS = "model.safetensors"
"""The file that makes a folder a model folder."""


@dataclass(frozen=True)
class RunDirectory:
    """A directory that belongs to one training run, and the names of everything in it."""

    path: Path

    @property
    def config_kind(self) -> type[Any]:
        """The class of the run's config."""
        return RunConfig

    @property
    def config_file(self) -> Path:
        """The run's config as JSON; every run has one."""
        return self.path / "config.json"

    @property
    def flags_file(self) -> Path:
        """The same as flags, for ``--flagfile``."""
        return self.path / "run.flags"

    @property
    def data_file(self) -> Path:
        """The clips that it learned from last, by name and length, whatever folder they lie in."""
        return self.path / "data.json"

    @property
    def metrics_file(self) -> Path:
        """Everything that was measured, one JSON object a line."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints(self) -> Path:
        """A folder for each checkpoint, named by its step."""
        return self.path / "checkpoints"

    @property
    def damaged(self) -> Path:
        """Checkpoints that were not what was saved."""
        return self.path / "damaged"

    @property
    def samples(self) -> Path:
        """Sound that the network generated after each validation: ``step_N.wav`` and ``step_N.png``."""
        return self.path / "samples"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files."""
        return self.path / "tensorboard"

    @property
    def profile(self) -> Path:
        """A JAX trace, where one was asked for."""
        return self.path / "profile"

    @property
    def lock_file(self) -> Path:
        """Held by the process that trains."""
        return self.path / "run.lock"

    @property
    def page_state(self) -> Path:
        """The web page's record of the process that it started."""
        return self.path / "page.json"

    @property
    def page_log(self) -> Path:
        """Standard error of that process."""
        return self.path / "page.log"

    def checkpoint(self, step: int) -> Path:
        """Returns the folder of the checkpoint of a step."""
        return self.checkpoints / str(step)

    def is_run(self) -> bool:
        """Tells whether a run lives here, saved or not."""
        return self.config_file.exists() and (self.checkpoints.exists() or self.lock_file.exists())

    def checkpoint_steps(self) -> list[int]:
        """Returns the steps of all checkpoints, newest first; unfinished ones have no plain number as their name."""
        return sorted((int(p.name) for p in self.checkpoints.glob("*") if p.name.isdecimal()), reverse=True)

    def classes(self, conditioning: ConditioningConfig) -> tuple[str, ...]:
        """Returns the classes that are named, or else those that the run was begun with: data may have new ones."""
        if conditioning.classes or not conditioning.condition_on_classes or not self.config_file.is_file():
            return conditioning.classes
        return self.read_config().model.conditioning.classes

    def check(self, config: RunConfig) -> None:
        """Raises ``ValueError``, and writes nothing, where the directory could not keep a run of this config."""
        try:
            os.fspath(self.path).encode()
        except UnicodeEncodeError:
            raise ValueError(f"workdir must be a name in UTF-8, got {os.fspath(self.path)!r}; choose another") from None
        if (self.path / WEIGHTS).is_file():
            raise ValueError(f"{self.path} is a model folder, and no run can be kept in it; choose another workdir")
        to_flagfile(config)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Makes the directory, and keeps every other run out of it until the end of the block or of the process.

        Raises:
          ValueError: another run is writing to it, it cannot be written to, or there is a file in its place.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise ValueError(f"workdir must be a folder, and {self.path} leads to a file; choose another") from None
        except OSError as error:
            raise self._unwritable(error) from None
        if jax.process_index() != 0:  # the first process of a run holds the lock for all of them
            yield
            return
        lock = filelock.FileLock(self.lock_file, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise ValueError(
                f"another run is writing to {self.path}; wait until it ends, or choose another workdir"
            ) from None
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Tells whether a run is writing to the directory; one that this user cannot write to counts as free."""
        if not self.lock_file.exists():
            return False
        lock = filelock.FileLock(self.lock_file, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            return True
        except OSError:
            return False
        lock.release()
        return False

    def _unwritable(self, error: OSError) -> ValueError:
        return ValueError(
            f"workdir {self.path} cannot be written to: {error.strerror or error}; choose another, or copy the run "
            "to a folder of your own and resume it there"
        )

    def read_config(self) -> RunConfig:
        """Reads the config of the run.

        Raises:
          ValueError: there is no run, or its config.json cannot be understood.
        """
        try:
            text = self.config_file.read_text(encoding="utf-8")
        except (FileNotFoundError, NotADirectoryError):
            raise ValueError(
                f"{self.path} is not a run directory: it has no {self.config_file.name}; train into it first"
            ) from None
        except UnicodeDecodeError:
            raise ValueError(f"{self.config_file} is damaged: not UTF-8 text") from None
        try:
            return from_json(self.config_kind, text)
        except ValueError as error:
            theirs, ours = _network(text), _network(to_json(self.config_kind()))
            if theirs not in (None, ours):
                raise ValueError(f"{self.path} is the run of {theirs}; name the run of {ours}") from None
            raise ValueError(f"{self.config_file}: {error}") from None

    def settle_config(self, config: RunConfig) -> None:
        """Writes config.json and run.flags, or compares the config with the one that is there.

        How long a run is, and how often it reports and saves, may change when it is resumed; the files are then brought
        up to date. Nothing is written before everything was checked.

        Raises:
          ValueError: the directory belongs to a run with another config, names the field; or the config holds a text
            that run.flags cannot keep.
        """
        flags = to_flagfile(config)
        if self.config_file.exists():
            difference = first_difference(self.read_config(), config)
            if difference is not None:
                name, kept, given = difference
                raise ValueError(
                    f"{self.path} holds a run with {name}={_shown(kept)}, got {_shown(given)}; "
                    f"resume it with the flags in {self.flags_file}, or choose another workdir"
                )
        elif self.checkpoint_steps():
            raise ValueError(f"{self.path} has checkpoints but no {self.config_file.name}; choose another workdir")
        if jax.process_index() == 0:
            _write_if_new(self.config_file, to_json(config))
            _write_if_new(self.flags_file, flags)

    def settle_again(self, config: RunConfig, description: Any) -> None:
        """Writes config.json, run.flags and data.json again where somebody has moved the directory away.

        Checkpoints that are saved from then on belong to a whole run, which the same command resumes.
        """
        if jax.process_index() == 0 and not self.config_file.exists():
            self.path.mkdir(parents=True, exist_ok=True)
            write_whole(self.config_file, to_json(config).encode())
            write_whole(self.flags_file, to_flagfile(config).encode())
            self.write_data(description)

    def read_data(self) -> Any:
        """Reads the description of the clips that the run learned from last; None where there is none that is whole."""
        try:
            kept = json.loads(self.data_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return kept if _describes_clips(kept) else None

    def write_data(self, description: Any) -> None:
        """Keeps the description of the clips that the run learns from: a JSON value."""
        if jax.process_index() == 0:
            _write_if_new(self.data_file, json.dumps(description, separators=(",", ":")) + "\n")


def _describes_clips(value: Any) -> bool:
    """Tells whether a JSON value has the form of data.json: by split and name a list of what is known of each clip."""
    return isinstance(value, dict) and all(
        isinstance(clips, dict) and all(isinstance(clip, list) and clip for clip in clips.values())
        for clips in value.values()
    )


def first_difference(kept: RunConfig, given: RunConfig) -> tuple[str, object, object] | None:
    """Returns the first field that has to agree for a run to be resumed, and does not: its name and both values."""
    for group in dataclasses.fields(kept):
        for (name, mine), (_, yours) in zip(
            field_values(getattr(kept, group.name)), field_values(getattr(given, group.name)), strict=True
        ):
            if mine != yours and name not in _MAY_CHANGE.get(group.name, frozenset()):
                return name, mine, yours
    return None


def _network(config: str) -> str | None:
    """Names the kind of network that a config in JSON is about, where it says so."""
    try:
        tree = json.loads(config)
    except (ValueError, RecursionError):
        return None
    return next((kind for field, kind in _NETWORKS.items() if isinstance(tree, dict) and field in tree), None)


def _shown(value: object) -> str:
    """Shortens long lists to what a line of text can hold."""
    if isinstance(value, tuple):
        more = f", ... ({len(value)})" if len(value) > 5 else ""
        return ",".join(map(str, value[:5])) + more if value else "none"
    return "none" if value is None else str(value)


def _write_if_new(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8", errors="replace") != text:
        write_whole(path, text.encode())
