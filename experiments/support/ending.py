"""How a training run ended, as a line and as an exit code."""

from experiments.support import console
from experiments.support.signals import exit_code
from wavenet_jax.config import TrainConfig
from wavenet_jax.training import DIVERGED, FINISHED, NO_GAIN, Stopped

TIME_IS_UP = "the time is up"
"""Why a run ended that was given some time."""


def report_ending(stopped: Stopped | None, train: TrainConfig) -> int:
    """Says how a run ended; returns the exit code.

    Raises:
      ValueError: it diverged.
    """
    assert stopped is not None
    step, reason = stopped.step, stopped.reason
    if reason == DIVERGED:
        raise ValueError(
            f"no finite loss for {train.max_skipped_steps} steps up to step {step}; the parameters from before them "
            "are saved: lower --learning_rate or --clip_norm in a new --workdir"
        )
    if reason in (FINISHED, NO_GAIN):
        console.say(f"{reason} at step {step}")
        return 0
    console.say(f"{reason}: saved at step {step}; the same command resumes there")
    return 0 if reason == TIME_IS_UP else exit_code(reason)
