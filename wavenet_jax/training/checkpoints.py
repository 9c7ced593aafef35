"""Checkpoints: everything that a run needs to go on, with a digest of every array.

orbax writes them in the background and makes a step visible only when it is whole; the digests catch what happens to
it afterwards. Items are apart (params, ema when one is kept, optimizer), so that sampling reads the parameters alone.
"""

import contextlib
import dataclasses
import importlib.metadata
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from wavenet_jax.config import RunConfig, to_json
from wavenet_jax.model import parameter_shapes
from wavenet_jax.training import directory
from wavenet_jax.training.files import DamagedError, describe, read_items, read_meta
from wavenet_jax.training.state import TrainState
from wavenet_jax.typing import Params

_VERSIONED = ("jax", "flax", "optax", "orbax-checkpoint", "numpy")


@dataclass(frozen=True)
class Progress:
    """What a run knows besides its arrays."""

    best_bits: float | None = None  # of all validations, bits per sample
    validations_without_gain: int = 0

    def after(self, bits: float) -> "Progress":
        """What is known after one more validation."""
        if self.best_bits is None or bits < self.best_bits:
            return Progress(bits, 0)
        return Progress(self.best_bits, self.validations_without_gain + 1)


class Restored(NamedTuple):
    """A checkpoint that was read and verified."""

    state: TrainState
    progress: Progress
    damaged: list[str]  # newer checkpoints that could not be used, and why


class Checkpoints:
    """The checkpoints of one run, for the run itself. A context manager: leaving it finishes the last save."""

    def __init__(self, workdir: Path, keep: int) -> None:
        """Keeps the ``keep`` newest checkpoints and the best one."""
        # Here, because it imports orbax, which takes a second: programs that only read checkpoints do without.
        from wavenet_jax.training.writing import Writer

        self._workdir = workdir
        self._policy = _LatestAndBest(keep)
        self._writer = Writer(workdir / directory.CHECKPOINTS, self._policy)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.wait()
        finally:
            self._writer.close()

    def restore(self, shapes: TrainState) -> Restored | None:
        """The newest checkpoint that is whole, shaped and sharded as ``shapes``; None where there is none yet.

        Newer ones that are damaged are moved to ``damaged/`` in the run directory.

        Raises:
          ValueError: checkpoints are there but none is whole, or their arrays are not those of ``shapes``.
        """
        steps = _steps(self._workdir)
        if not steps:
            return None
        step, meta, items, damaged = _first_whole(self._workdir, steps, checkpoint_items(shapes))
        if damaged:
            if jax.process_index() == 0:
                for bad in steps[: steps.index(step)]:
                    _move_aside(self._workdir, bad)
            multihost_utils.sync_global_devices("damaged checkpoints are moved")
            self._writer.reload()
        self._policy.bits = _validated_bits(self._workdir)
        optimizer = items["optimizer"]
        state = TrainState(jnp.int32(step), items["params"], optimizer.pop("opt_state"), items.get("ema"), **optimizer)
        shardings = jax.tree.map(lambda leaf: leaf.sharding, shapes)
        return Restored(jax.device_put(state, shardings), Progress(**meta["progress"]), damaged)

    def save(self, state: TrainState, config: RunConfig, progress: Progress, bits: float | None) -> None:
        """Copies the state to the host and begins to write it; ``bits`` are those of a validation at this step.

        Raises:
          ValueError: this checkpoint or the one before could not be written, as on a full disk.
        """
        # Copies: the next step gives the device's memory away while the write goes on.
        state = jax.tree.map(lambda leaf: np.array(leaf, order="C"), state)
        step, items = int(state.step), checkpoint_items(state)
        meta = {
            "step": step,
            "bits_per_sample": bits,
            "progress": dataclasses.asdict(progress),
            "config": json.loads(to_json(config)),
            "versions": {name: importlib.metadata.version(name) for name in _VERSIONED},
            "arrays": describe(items),
        }
        if bits is not None:
            self._policy.bits[step] = bits
        with self._one_line_errors():
            self._writer.save(step, items, meta)

    def wait(self) -> None:
        """Returns when the last save is on the disk.

        Raises:
          ValueError: it could not be written.
        """
        with self._one_line_errors():
            self._writer.wait()

    @contextlib.contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # What fails in the background arrives in types of orbax's choice.
            raise ValueError(
                f"could not write a checkpoint to {self._workdir}: {_one_line(error)}; "
                "the earlier ones are untouched: free the disk and run the same command again"
            ) from error


def load(workdir: Path, choice: str = "latest") -> tuple[RunConfig, Params, int]:
    """What sampling and evaluation need of a run: its configuration, parameters (numpy; averaged if kept), and step.

    Args:
      workdir: the run directory; it is only read.
      choice: ``latest``, or ``best``: fewest bits per sample at its validation. Damaged checkpoints are passed over.

    Raises:
      ValueError: not a run directory, no checkpoint in it, none that is whole, or of another version of the network.
    """
    config = directory.read_config(workdir)
    item = "params" if config.optimizer.ema_decay is None else "ema"
    shapes = parameter_shapes(config.model)
    steps = _steps(workdir)
    if not steps:
        raise ValueError(f"{workdir} has no checkpoint yet; train until the first one is saved")
    if choice == "best":
        bits = _validated_bits(workdir)
        steps.sort(key=lambda step: bits.get(step, float("inf")))
    step, _, items, _ = _first_whole(workdir, steps, {item: shapes})
    return config, items[item], step


@dataclass
class _LatestAndBest:
    """A preservation policy: the ``latest`` newest steps, and the one with the fewest validation bits."""

    latest: int
    bits: dict[int, float] = field(default_factory=dict)

    def should_preserve(self, checkpoints: Sequence[Any], *, context: Any) -> Sequence[bool]:
        steps = [checkpoint.step for checkpoint in checkpoints]
        validated = [step for step in steps if step in self.bits]
        kept = {*steps[-self.latest :], *sorted(validated, key=self.bits.__getitem__)[:1]}
        return [step in kept for step in steps]


def checkpoint_items(state: TrainState) -> dict[str, Any]:
    """The state as the items of a checkpoint, without its step."""
    items = state._asdict()
    step, params, ema = (items.pop(name) for name in ("step", "params", "ema"))
    del step
    return {"params": params, "optimizer": items} | ({} if ema is None else {"ema": ema})


def _move_aside(workdir: Path, step: int) -> None:
    aside = workdir / directory.DAMAGED
    aside.mkdir(exist_ok=True)
    times = sum(1 for _ in aside.glob(f"{step}-*"))
    _path(workdir, step).rename(aside / f"{step}-{times}")


def _steps(workdir: Path) -> list[int]:
    """The steps of all checkpoints, newest first. What orbax has not finished has no plain number as its name."""
    names = (path.name for path in (workdir / directory.CHECKPOINTS).glob("*"))
    return sorted((int(name) for name in names if name.isdecimal()), reverse=True)


def _path(workdir: Path, step: int) -> Path:
    return workdir / directory.CHECKPOINTS / str(step)


def _first_whole(
    workdir: Path, steps: Sequence[int], shapes: dict[str, Any]
) -> tuple[int, dict[str, Any], dict[str, Any], list[str]]:
    """The first of ``steps`` that is whole: the step, its meta, its items; and what is wrong with those before it."""
    damaged: list[str] = []
    for step in steps:
        try:
            meta = read_meta(_path(workdir, step))
            return step, meta, read_items(_path(workdir, step), meta, shapes), damaged
        except DamagedError as error:
            damaged.append(f"checkpoint {step} is damaged: {error}")
    raise ValueError(
        f"no checkpoint in {workdir} is whole ({'; '.join(damaged)}); restore one from a copy, or train anew elsewhere"
    )


def _validated_bits(workdir: Path) -> dict[int, float]:
    """Bits per sample of the checkpoints that were validated."""
    bits = {}
    for step in _steps(workdir):
        with contextlib.suppress(DamagedError):
            bits[step] = read_meta(_path(workdir, step))["bits_per_sample"]
    return {step: value for step, value in bits.items() if value is not None}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
