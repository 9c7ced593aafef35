"""The loop that every run goes through, whatever it trains: steps, validations and checkpoints."""

import contextlib
import math
from collections import deque
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Generic, NamedTuple, TypeVar

import jax

from wavenet_jax.config import RunConfig
from wavenet_jax.data import Numbered, Source, difference, fingerprint, have_common_clips, prefetch
from wavenet_jax.runs import RunDirectory
from wavenet_jax.training.checkpoints import Checkpoints, Progress
from wavenet_jax.training.events import DIVERGED, FINISHED, NO_GAIN, Event, Saving, StepDone, Stopped
from wavenet_jax.training.sharding import put
from wavenet_jax.training.state import Metrics, Trainer, averaged
from wavenet_jax.typing import Params

Judgement = TypeVar("Judgement")


class Place(NamedTuple):
    """Where a run keeps what it learns."""

    checkpoints: Checkpoints
    settle_again: Callable[[], None]  # writes the rest of the directory again where somebody has moved it away
    changed: str | None  # how the clips differ from those of the last start


@contextlib.contextmanager
def settled(run: RunDirectory, config: RunConfig, training: Source, held_out: Source) -> Iterator[Place]:
    """Keeps the config and a description of the clips in a directory that is locked, and opens its checkpoints.

    Raises:
      ValueError: the directory belongs to another configuration, or the run has learned from other clips altogether.
    """
    run.settle_config(config)
    clips = fingerprint({"train": training, "validation": held_out})
    before = run.read_data()
    if before and not have_common_clips(before, clips):
        raise ValueError(
            f"{run.path} holds a run on other clips: none of them is in this data set; choose another workdir, or give "
            "the data_dir that it had"
        )
    run.write_data(clips)
    changed = difference(before, clips) if before else None
    with Checkpoints(run, config.train.keep_checkpoints) as checkpoints:
        yield Place(checkpoints, partial(run.settle_again, config, clips), changed)


class Loop(Generic[Judgement]):
    """A run from its newest checkpoint, or from its first step, to its end."""

    def __init__(
        self,
        config: RunConfig,
        trainer: Trainer,
        batches: Numbered,
        judge: Callable[[int, Params], tuple[float, Judgement]] | None,
        place: Place,
        params: Params | None = None,
    ) -> None:
        """
        Args:
          config: of the run.
          trainer: makes the first state, and the steps.
          batches: this process's rows of batch k, by k.
          judge: of the step and its parameters returns what is to become less, in bits or another unit, and the event
            that reports it; none: nothing is held out.
          place: where the run is kept.
          params: parameters that a new run begins with; default: random ones.
        """
        self.config, self.trainer, self.batches, self.judge, self.place = config, trainer, batches, judge, place
        restored = place.checkpoints.restore(trainer.state_shapes)
        self.damaged = restored.damaged if restored else []
        """Newer checkpoints that could not be used, and why."""
        self.state = restored.state if restored else trainer.init(params)
        # Bits of other held-out clips do not compare: the best so far is found anew.
        self.progress = restored.progress if restored and place.changed is None else Progress()
        self.step = int(self.state.step)
        self.saved_step = self.step if restored else None

    def events(self, stop: Callable[[int], str | None]) -> Generator[Event | Judgement, None, None]:
        """Trains, and reports each event but the first, ``Started``; see ``train_events``."""
        try:
            reason = yield from self._steps(stop)
        except BaseException as error:
            self._save_before(error)
            raise
        if self.saved_step != self.step:
            yield self._save(None)
        self.place.checkpoints.wait()
        yield Stopped(self.step, reason)

    def _save_before(self, error: BaseException) -> None:
        """Saves what was learned before an error, or the caller's closing, ends the run; notes it on the error."""
        # Of several processes perhaps only this one fails, and a save takes all of them.
        if jax.process_count() > 1 or not self._is_intact():
            return
        self.step = int(self.state.step)  # an interrupt may come between a step and its count
        with contextlib.suppress(ValueError):  # the error that ends the run is the one to report
            if self.step != self.saved_step:
                self._save(None)
            self.place.checkpoints.wait()
            error.add_note(f"saved at step {self.step}; the same command resumes the run from there")

    def _is_intact(self) -> bool:
        """Tells whether the state is still there: a step that fails has used it up."""
        return not any(leaf.is_deleted() for leaf in jax.tree.leaves(self.state))

    def _steps(self, stop: Callable[[int], str | None]) -> Generator[Event | Judgement, None, str]:
        """Runs the steps, validations and checkpoints; returns why they ended."""
        train = self.config.train
        waiting: deque[tuple[int, Metrics]] = deque()
        with contextlib.closing(prefetch(self.batches, self.step)) as batches:
            while self.step < train.num_steps:
                self.state, metrics = self.trainer.step(self.state, put(self.trainer.mesh, next(batches)))
                self.step += 1
                waiting.append((self.step, metrics))
                reason = stop(self.step) or None  # a condition is a fair answer, too
                validate, save = self._due()
                # One step late, so that the device always has work; before a pause, at once.
                while len(waiting) > (0 if validate or save or reason else 1):
                    done = _report(*waiting.popleft())
                    yield done
                    if done.metrics["skipped_in_a_row"] >= train.max_skipped_steps:
                        return DIVERGED
                if validate:
                    yield from self._validate()
                elif save:
                    yield self._save(None)
                if self.progress.validations_without_gain >= (train.patience or math.inf):
                    return NO_GAIN
                if reason is not None:
                    return reason
        return FINISHED

    def _due(self) -> tuple[bool, bool]:
        """Tells whether a validation and whether a checkpoint follow this step."""
        train = self.config.train
        last = self.step == train.num_steps
        validate = self.judge is not None and (last or self.step % train.validate_every == 0)
        return validate, last or self.step % train.save_every == 0

    def _validate(self) -> Generator[Saving | Judgement, None, None]:
        assert self.judge is not None
        bits, judgement = self.judge(self.step, averaged(self.state))
        # What still has more weights than it will have is no rival of what is to come.
        pruned = self.trainer.pruning is None or self.step >= self.trainer.pruning.end
        if pruned:
            self.progress = self.progress.after(bits)
        yield self._save(bits if pruned else None)  # saved before it is reported: the caller may fail with a validation
        yield judgement

    def _save(self, bits: float | None) -> Saving:
        self.place.settle_again()
        self.place.checkpoints.save(self.state, self.config, self.progress, bits)
        self.saved_step = self.step
        return Saving(self.step)


def _report(step: int, metrics: Metrics) -> StepDone:
    return StepDone(step, {name: value.item() for name, value in jax.device_get(metrics).items()})
