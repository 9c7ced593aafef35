"""Events that a run reports. The library neither prints nor looks at a clock: its caller does."""

from dataclasses import dataclass
from typing import TypeAlias

from wavenet_jax.data import Source
from wavenet_jax.training.transfer import Part
from wavenet_jax.typing import Params


@dataclass(frozen=True)
class Opened:
    """The recordings are found and scanned; comes first, where ``wavenet_jax.train`` opens them."""

    training: Source
    held_out: Source


@dataclass(frozen=True)
class Begun:
    """The parameters of a new run come from a trained network."""

    path: str  # its run directory or model folder
    step: int  # for which it was trained
    parts: list[Part]  # what became of each array
    notes: list[str]  # differences between the networks that no shape shows


@dataclass(frozen=True)
class Started:
    """Everything is ready; the first step compiles next."""

    step: int  # 0, or that of the checkpoint that the run resumes from
    parameters: int
    clips: int  # to train on
    held_out_clips: int
    baselines: dict[str, float]  # bits per sample of the held-out audio, or of training audio where none is held out
    damaged: list[str]  # newer checkpoints that could not be used, and why
    data_changed: str | None = None  # how the clips differ from those of the start before, in one line
    begun: Begun | None = None  # where the parameters come from, on the first start of a run with init_from
    stack: str | None = None  # what runs the gated stack, and why, in words


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
    params: Params  # the validated parameters, on their devices; valid only until the next event


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

Event: TypeAlias = Opened | Started | StepDone | Validated | Saving | Stopped
