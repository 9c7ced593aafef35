"""Training: a run, its checkpoints, and the evaluation of what it learned."""

from wavenet_jax.training.evaluation import COMMON_GRID, Evaluator, evaluate
from wavenet_jax.training.events import (
    DIVERGED,
    FINISHED,
    NO_GAIN,
    Begun,
    Event,
    Opened,
    Saving,
    Started,
    StepDone,
    Stopped,
    Validated,
)
from wavenet_jax.training.run import train_events
from wavenet_jax.training.sharding import make_mesh
from wavenet_jax.training.transfer import BEGUN, LEFT, RESHAPED, TAKEN, Part

__all__ = [
    "BEGUN",
    "COMMON_GRID",
    "DIVERGED",
    "FINISHED",
    "LEFT",
    "NO_GAIN",
    "RESHAPED",
    "TAKEN",
    "Begun",
    "Evaluator",
    "Event",
    "Opened",
    "Part",
    "Saving",
    "Started",
    "StepDone",
    "Stopped",
    "Validated",
    "evaluate",
    "make_mesh",
    "train_events",
]
