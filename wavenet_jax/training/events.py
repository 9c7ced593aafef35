"""What a run reports while it goes on. The library neither prints nor looks at a clock: its caller does."""

from dataclasses import dataclass
from typing import TypeAlias

from wavenet_jax.typing import Params


@dataclass(frozen=True)
class Started:
    """Everything is ready; the first step compiles next."""

    step: int  # 0, or that of the checkpoint that the run goes on from
    parameters: int
    clips: int  # to train on
    held_out_clips: int
    baselines: dict[str, float]  # bits per sample of the validation audio; empty when none is held out
    damaged: list[str]  # newer checkpoints that could not be used, and why


@dataclass(frozen=True)
class StepDone:
    """A training step. Reported one step late, so that the device never waits for it."""

    step: int
    metrics: dict[str, float]  # those of ``Trainer.step``


@dataclass(frozen=True)
class Validated:
    """The held-out audio was judged."""

    step: int
    bits_per_sample: float
    params: Params  # what was judged, on its devices; valid only until the next event is asked for


@dataclass(frozen=True)
class Saving:
    """A checkpoint is being written in the background."""

    step: int


@dataclass(frozen=True)
class Stopped:
    """The run is over, and its last checkpoint is on the disk."""

    step: int
    reason: str  # FINISHED, NO_GAIN, DIVERGED, or what ``stop`` gave


FINISHED = "finished"
NO_GAIN = "no improvement"
DIVERGED = "diverged"

Event: TypeAlias = Started | StepDone | Validated | Saving | Stopped
