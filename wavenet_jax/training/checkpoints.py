"""Checkpoints: everything that a run needs to be resumed, with a digest of every array.

orbax writes them in the background and makes a step visible only when it is whole; the digests catch what happens to
it afterwards. Items are apart (params, ema when one is kept, optimizer), so that sampling reads the parameters alone.
"""

import contextlib
import dataclasses
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from wavenet_jax.config import RunConfig, to_json
from wavenet_jax.runs.checkpoint_files import describe
from wavenet_jax.runs.directory import RunDirectory
from wavenet_jax.runs.load import first_whole, validated_bits
from wavenet_jax.training.state import TrainState
from wavenet_jax.versions import versions


@dataclass(frozen=True)
class Progress:
    """State of a run besides its arrays."""

    best_bits: float | None = None  # of all validations, bits per sample
    validations_without_gain: int = 0

    def after(self, bits: float) -> "Progress":
        """Returns the progress after one more validation; bits that are not finite are no gain."""
        if math.isfinite(bits) and (self.best_bits is None or bits < self.best_bits):
            return Progress(bits, 0)
        return Progress(self.best_bits, self.validations_without_gain + 1)


class Restored(NamedTuple):
    """A checkpoint that was read and verified."""

    state: TrainState
    progress: Progress
    damaged: list[str]  # newer checkpoints that could not be used, and why


class Checkpoints:
    """The checkpoints of one run, for the run itself. A context manager: leaving it finishes the last save."""

    def __init__(self, run: RunDirectory, keep: int) -> None:
        """Keeps the ``keep`` newest checkpoints and the best one."""
        # Here, because it imports orbax, which takes a second: programs that only read checkpoints do without.
        from wavenet_jax.training.writing import Writer

        self._run = run
        self._policy = _LatestAndBest(keep)
        self._writer = Writer(run.checkpoints, self._policy)

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
        """Restores the newest checkpoint that is whole, shaped and sharded as ``shapes``; None where there is none yet.

        Newer ones that are damaged are moved to ``damaged/`` in the run directory.

        Raises:
          ValueError: checkpoints are there but none is whole, or their arrays are not those of ``shapes``.
        """
        steps = self._run.checkpoint_steps()
        if not steps:
            return None
        step, meta, items, damaged = first_whole(self._run, steps, checkpoint_items(shapes))
        if damaged:
            if jax.process_index() == 0:
                for bad in steps[: steps.index(step)]:
                    _move_aside(self._run, bad)
            multihost_utils.sync_global_devices("damaged checkpoints are moved")
            self._writer.reload()
        self._policy.bits = validated_bits(self._run)
        optimizer = items["optimizer"]
        state = TrainState(jnp.int32(step), items["params"], optimizer.pop("opt_state"), items.get("ema"), **optimizer)
        shardings = jax.tree.map(lambda leaf: leaf.sharding, shapes)
        return Restored(jax.device_put(state, shardings), Progress(**meta["progress"]), damaged)

    def save(self, state: TrainState, config: RunConfig, progress: Progress, bits: float | None) -> None:
        """Copies the state to the host and begins to write it; ``bits`` are those of a validation at this step.

        Raises:
          ValueError: this checkpoint or the one before could not be written, as on a full disk.
        """
        # Copies: the next step gives the device's memory away during the write.
        state = jax.tree.map(lambda leaf: np.array(leaf, order="C"), state)
        step, items = int(state.step), checkpoint_items(state)
        meta = {
            "step": step,
            "bits_per_sample": bits,
            "progress": dataclasses.asdict(progress),
            "config": json.loads(to_json(config)),
            "versions": versions(),
            "arrays": describe(items),
        }
        if bits is not None and math.isfinite(bits):  # NaN would win or lose by its place in the order
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
                f"could not write a checkpoint to {self._run.path}: {_one_line(error)}; "
                "the earlier ones are untouched: free the disk and run the same command again"
            ) from error


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
    """Divides the state into the items of a checkpoint, without its step."""
    items = state._asdict()
    step, params, ema = (items.pop(name) for name in ("step", "params", "ema"))
    del step
    return {"params": params, "optimizer": items} | ({} if ema is None else {"ema": ema})


def _move_aside(run: RunDirectory, step: int) -> None:
    run.damaged.mkdir(exist_ok=True)
    times = sum(1 for _ in run.damaged.glob(f"{step}-*"))
    run.checkpoint(step).rename(run.damaged / f"{step}-{times}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
