"""A training run, from its first step or from its newest checkpoint to its end."""

import contextlib
import math
from collections import deque
from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import jax

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import RunConfig
from wavenet_jax.data import Batches, Describer, Source, baselines, prefetch
from wavenet_jax.training import directory
from wavenet_jax.training.checkpoints import Checkpoints, Progress
from wavenet_jax.training.evaluation import Evaluator
from wavenet_jax.training.events import (
    DIVERGED,
    FINISHED,
    NO_GAIN,
    Event,
    Saving,
    Started,
    StepDone,
    Stopped,
    Validated,
)
from wavenet_jax.training.excerpt import Excerpt, excerpt
from wavenet_jax.training.sharding import check_divisible, make_mesh, put
from wavenet_jax.training.state import Metrics, Trainer, averaged


def train(
    config: RunConfig,
    workdir: Path,
    training: Source,
    held_out: Source,
    *,
    devices: Sequence[jax.Device] | None = None,
    stop: Callable[[int], str | None] = lambda step: None,
) -> Generator[Event, None, None]:
    """Trains in ``workdir``, going on from its newest checkpoint if there is one, and reports as it goes.

    Nothing happens between two events that are asked for, except that the device works ahead by one step. Close the
    generator (``contextlib.closing``) where it may not run to its end: closing finishes the save in progress.

    Args:
      config: the whole run; in a directory that has one already, it must agree with it.
      workdir: the run directory; made where there is none.
      training: the clips to learn from.
      held_out: the clips to validate on; may have none.
      devices: to share every batch; default: all devices of all hosts.
      stop: asked after every step; a reason (as "SIGTERM") ends the run there with a checkpoint. All processes of a
        run must get the same answer.

    Raises:
      ValueError: the directory is in use, belongs to another configuration, has only damaged checkpoints or cannot be
        written; the batch does not divide over the devices; there is nothing to train on.
    """
    mesh = make_mesh(devices)
    check_divisible(config.data.batch_size, config.optimizer.microbatches, mesh)
    if config.train.overfit_one_clip:
        training = held_out = Excerpt(training, [0])
    judged = excerpt(held_out, config.train.validation_samples)
    with directory.locked(workdir):
        directory.settle_config(workdir, config)
        with Checkpoints(workdir, config.train.keep_checkpoints) as checkpoints:
            yield from _Run(config, mesh, training, judged, checkpoints).events(stop)


class _Run:
    """One call of ``train``: what it works with, and where it stands."""

    def __init__(
        self, config: RunConfig, mesh: jax.sharding.Mesh, training: Source, judged: Source, checkpoints: Checkpoints
    ) -> None:
        self.config = config
        self.mesh = mesh
        self.training = training
        self.judged = judged
        self.checkpoints = checkpoints
        self.grid = Grid.of(config.model)
        self.batches = Batches(
            training,
            self.grid,
            batch_size=config.data.batch_size,
            crop_samples=config.data.crop_samples,
            seed=config.train.seed,
            context_samples=config.context_samples,
            gain_db=config.data.gain_db,
            flip_polarity=config.data.flip_polarity,
            describer=Describer(config.model, training),
            process_index=jax.process_index(),
            process_count=jax.process_count(),
        )
        self.trainer = Trainer(config, mesh)
        self.evaluator = Evaluator(config.model, config.data.batch_size, config.data.crop_samples, mesh)
        restored = checkpoints.restore(self.trainer.state_shapes)
        if restored is None:
            self.state, self.progress, self.damaged = self.trainer.init(), Progress(), []
        else:
            self.state = restored.state
            self.progress, self.damaged = restored.progress, restored.damaged
        self.step = int(self.state.step)
        self.saved_step = self.step if restored else None

    def events(self, stop: Callable[[int], str | None]) -> Generator[Event, None, None]:
        yield Started(
            step=self.step,
            parameters=sum(leaf.size for leaf in jax.tree.leaves(self.state.params)),
            clips=len(self.training),
            held_out_clips=len(self.judged),
            baselines=baselines(self.judged, self.grid) if len(self.judged) else {},
            damaged=self.damaged,
        )
        reason = yield from self._steps(stop)
        if self.saved_step != self.step:
            yield self._save(None)
        self.checkpoints.wait()
        yield Stopped(self.step, reason)

    def _steps(self, stop: Callable[[int], str | None]) -> Generator[Event, None, str]:
        """The steps, validations and checkpoints; returns why they ended."""
        train = self.config.train
        waiting: deque[tuple[int, Metrics]] = deque()
        with contextlib.closing(prefetch(self.batches, self.step)) as batches:
            while self.step < train.num_steps:
                self.state, metrics = self.trainer.step(self.state, put(self.mesh, next(batches)))
                self.step += 1
                waiting.append((self.step, metrics))
                reason = stop(self.step)
                validate, save = self._due()
                # One step late, so that the device always has work; before a pause, at once.
                while len(waiting) > (0 if validate or save or reason else 1):
                    done = _report(*waiting.popleft())
                    yield done
                    if done.metrics["skipped_in_a_row"] >= train.max_skipped_steps:
                        return DIVERGED
                bits = None
                if validate:
                    validated = self._validate()
                    yield validated
                    bits = validated.bits_per_sample
                if validate or save:
                    yield self._save(bits)
                if self.progress.validations_without_gain >= (train.patience or math.inf):
                    return NO_GAIN
                if reason is not None:
                    return reason
        return FINISHED

    def _due(self) -> tuple[bool, bool]:
        """Whether this step is followed by a validation, and by a checkpoint."""
        train = self.config.train
        last = self.step == train.num_steps
        validate = len(self.judged) > 0 and (last or self.step % train.validate_every == 0)
        return validate, last or self.step % train.save_every == 0

    def _validate(self) -> Validated:
        params = averaged(self.state)
        bits = self.evaluator.bits_per_sample(params, self.judged)
        self.progress = self.progress.after(bits)
        return Validated(self.step, bits, params)

    def _save(self, bits: float | None) -> Saving:
        self.checkpoints.save(self.state, self.config, self.progress, bits)
        self.saved_step = self.step
        return Saving(self.step)


def _report(step: int, metrics: Metrics) -> StepDone:
    return StepDone(step, {name: value.item() for name, value in jax.device_get(metrics).items()})
