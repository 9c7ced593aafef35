"""Checkpoints: everything that a run needs to go on, with a digest of every array.

Each step is a folder with the items ``params``, ``ema`` (when one is kept), ``optimizer`` and ``meta`` (JSON), so that
sampling reads the parameters alone. orbax writes them in the background and makes a step visible only when it is
whole; the digests in ``meta`` catch what happens to it afterwards.
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
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from wavenet_jax.config import RunConfig, to_json
from wavenet_jax.model import WaveNet
from wavenet_jax.training import directory
from wavenet_jax.training.integrity import different_form, listing, text_digest
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
        self._workdir = workdir
        self._policy = _LatestAndBest(keep)
        self._manager = _open(workdir, preservation_policy=self._policy, cleanup_tmp_directories=True)

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.wait()
        finally:
            self._manager.close()

    def restore(self, shapes: TrainState) -> Restored | None:
        """The newest checkpoint that is whole, shaped and sharded as ``shapes``; None where there is none yet.

        Newer ones that are damaged are moved to ``damaged/`` in the run directory.

        Raises:
          ValueError: checkpoints are there but none is whole, or their arrays are not those of ``shapes``.
        """
        steps = sorted(self._manager.all_steps(), reverse=True)
        if not steps:
            return None
        step, meta, items, damaged = _first_whole(self._workdir, self._manager, steps, _items(shapes))
        if damaged:
            if jax.process_index() == 0:
                for bad in steps[: steps.index(step)]:
                    _move_aside(self._workdir, bad)
            multihost_utils.sync_global_devices("damaged checkpoints are moved")
            self._manager.reload()
        self._policy.bits = _validated_bits(self._manager)
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
        state = jax.tree.map(np.array, state)
        step, items = int(state.step), _items(state)
        meta = {
            "step": step,
            "bits_per_sample": bits,
            "progress": dataclasses.asdict(progress),
            "config": json.loads(to_json(config)),
            "versions": {name: importlib.metadata.version(name) for name in _VERSIONED},
            "arrays": listing(items),
        }
        meta["sha256"] = text_digest(meta)
        arrays = {name: ocp.args.StandardSave(tree) for name, tree in items.items()}
        if bits is not None:
            self._policy.bits[step] = bits
        with self._one_line_errors():
            self._manager.save(step, args=ocp.args.Composite(meta=ocp.args.JsonSave(meta), **arrays), force=True)

    def wait(self) -> None:
        """Returns when the last save is on the disk.

        Raises:
          ValueError: it could not be written.
        """
        with self._one_line_errors():
            self._manager.wait_until_finished()

    @contextlib.contextmanager
    def _one_line_errors(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # Tensorstore and the file system fail in many types.
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
    if not (workdir / directory.CHECKPOINTS).is_dir():
        raise ValueError(f"{workdir} has no checkpoint yet; train until the first one is saved")
    item = "params" if config.optimizer.ema_decay is None else "ema"
    codes = jax.ShapeDtypeStruct((1, 1), jnp.int32)
    shapes = jax.eval_shape(WaveNet(config.model).init, jax.random.key(0), codes)["params"]
    with _open(workdir, read_only=True) as manager:
        steps = sorted(manager.all_steps(), reverse=True)
        if choice == "best":
            bits = _validated_bits(manager)
            steps.sort(key=lambda step: bits.get(step, float("inf")))
        if not steps:
            raise ValueError(f"{workdir} has no checkpoint yet; train until the first one is saved")
        step, _, items, _ = _first_whole(workdir, manager, steps, {item: shapes})
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


class _DamagedError(Exception):
    """A checkpoint is not what was saved."""


def _open(workdir: Path, **options: Any) -> ocp.CheckpointManager:
    path = (workdir / directory.CHECKPOINTS).absolute()
    return ocp.CheckpointManager(path, options=ocp.CheckpointManagerOptions(**options))


def _items(state: TrainState) -> dict[str, Any]:
    """The state as the items of a checkpoint, without its step."""
    items = state._asdict()
    step, params, ema = (items.pop(name) for name in ("step", "params", "ema"))
    del step
    return {"params": params, "optimizer": items} | ({} if ema is None else {"ema": ema})


def _first_whole(
    workdir: Path, manager: ocp.CheckpointManager, steps: Sequence[int], shapes: dict[str, Any]
) -> tuple[int, dict[str, Any], dict[str, Any], list[str]]:
    """The first of ``steps`` that is whole: the step, its meta, its items; and what is wrong with those before it."""
    damaged = []
    for step in steps:
        try:
            meta, items = _read(manager, step, shapes)
        except _DamagedError as error:
            damaged.append(f"checkpoint {step} is damaged: {error}")
            continue
        return step, meta, items, damaged
    raise ValueError(
        f"no checkpoint in {workdir} is whole ({'; '.join(damaged)}); restore one from a copy, or train anew elsewhere"
    )


def _read(manager: ocp.CheckpointManager, step: int, shapes: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """One checkpoint's meta and the items named in ``shapes``, as numpy arrays, verified.

    Raises:
      ValueError: its arrays are not those of ``shapes``.
    """
    meta = _read_meta(manager, step)
    kept = {path: form for path, form in meta["arrays"].items() if path.split("/")[0] in shapes}
    difference = different_form(kept, shapes)
    if difference is not None:
        raise ValueError(f"checkpoint {step} does not fit this version of the network: {difference}")
    targets = jax.tree.map(lambda leaf: np.empty(leaf.shape, leaf.dtype), shapes)
    try:
        arguments = {name: ocp.args.StandardRestore(target) for name, target in targets.items()}
        items = dict(manager.restore(step, args=ocp.args.Composite(**arguments)).items())
    except Exception as error:  # Damage shows in any type: of JSON, of files, of tensorstore, of orbax.
        raise _DamagedError(_one_line(error)) from error
    found = listing(items)
    for path, form in kept.items():
        if found[path] != form:
            raise _DamagedError(f"{path} is not what was saved")
    return meta, items


def _read_meta(manager: ocp.CheckpointManager, step: int) -> dict[str, Any]:
    try:
        meta = manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())).meta
        digest = meta.pop("sha256")
    except Exception as error:  # As in _read.
        raise _DamagedError(_one_line(error)) from error
    if digest != text_digest(meta):
        raise _DamagedError("its meta is not what was saved")
    return meta


def _validated_bits(manager: ocp.CheckpointManager) -> dict[int, float]:
    """Bits per sample of the steps that were validated."""
    bits = {}
    for step in manager.all_steps():
        with contextlib.suppress(_DamagedError):
            bits[step] = _read_meta(manager, step)["bits_per_sample"]
    return {step: value for step, value in bits.items() if value is not None}


def _move_aside(workdir: Path, step: int) -> None:
    aside = workdir / directory.DAMAGED
    aside.mkdir(exist_ok=True)
    times = sum(1 for _ in aside.glob(f"{step}-*"))
    (workdir / directory.CHECKPOINTS / str(step)).rename(aside / f"{step}-{times}")


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
