"""Training: a run, its checkpoints, and the evaluation of what it learned."""

from wavenet_jax.training.checkpoints import load
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
from wavenet_jax.training.run import train
from wavenet_jax.training.sharding import make_mesh

__all__ = [
    "DIVERGED",
    "FINISHED",
    "NO_GAIN",
    "Evaluator",
    "Event",
    "Saving",
    "Started",
    "StepDone",
    "Stopped",
    "Validated",
    "load",
    "make_mesh",
    "train",
]
