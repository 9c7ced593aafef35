"""How a run learns, and what it keeps."""

from dataclasses import dataclass

from wavenet_jax.config.options import Checked, option


@dataclass(frozen=True)
class OptimizerConfig(Checked):
    """The update rule and its schedule.

    Every schedule rises linearly over ``warmup_steps`` to ``learning_rate``, then follows its own shape.
    """

    optimizer: str = option(
        "adam", "Update rule; adamw and lion decay weights.", choices=("adam", "adamw", "adafactor", "lion")
    )
    learning_rate: float = option(2e-3, "Peak learning rate.", above=0)
    schedule: str = option(
        "cosine",
        "Learning rate after the warm-up: constant; cosine (half a wave down to final_fraction at the last step); "
        "step_decay (times decay_rate every decay_steps); noam (inverse square root of the step).",
        choices=("constant", "cosine", "step_decay", "noam"),
    )
    warmup_steps: int = option(50, "Steps over which the learning rate rises linearly from 0.", at_least=0)
    final_fraction: float = option(0.02, "Share of the peak learning rate that cosine ends at.", at_least=0, at_most=1)
    decay_steps: int = option(50_000, "Steps between two reductions of step_decay.", at_least=1)
    decay_rate: float = option(0.5, "Factor of each reduction of step_decay.", above=0, at_most=1)
    clip_norm: float | None = option(
        1.0, "Longest gradient, in Euclidean norm over all parameters; none: any length.", above=0
    )
    weight_decay: float = option(0.0, "Decoupled weight decay of matrices; biases are spared.", at_least=0)
    microbatches: int = option(
        1, "Pieces that a batch is worked through in, with gradients summed, to fit in memory.", at_least=1
    )
    ema_decay: float | None = option(
        0.999, "Decay of the averaged parameters that evaluation and sampling use; none: no average.", above=0, below=1
    )

    def check_together(self) -> None:
        if self.weight_decay and self.optimizer not in ("adamw", "lion"):
            raise ValueError(f"weight_decay works with adamw or lion, got optimizer {self.optimizer}")
        if self.schedule == "noam" and not self.warmup_steps:
            raise ValueError("schedule noam needs warmup_steps of at least 1, got 0")


@dataclass(frozen=True)
class TrainConfig(Checked):
    """Length of a run, its seed, and how often it reports, validates and saves."""

    num_steps: int = option(10_000, "Training steps of the whole run.", at_least=1)
    seed: int = option(0, "Seed of the parameters, the order of the data and dropout.", at_least=0, at_most=2**31 - 1)
    log_every: int = option(20, "Steps between two lines of metrics.", at_least=1)
    validate_every: int = option(250, "Steps between two validations on held-out audio.", at_least=1)
    validation_samples: int | None = option(
        400_000, "Samples of held-out audio in a validation; none: all of it.", at_least=1
    )
    save_every: int = option(250, "Steps between two checkpoints.", at_least=1)
    keep_checkpoints: int = option(2, "Latest checkpoints that are kept, beside the best one.", at_least=1)
    patience: int | None = option(
        None, "Validations without improvement after which the run stops early; none: never.", at_least=1
    )
    max_skipped_steps: int = option(
        10, "Steps in a row with a loss or gradient that is not finite after which the run stops.", at_least=1
    )
    overfit_one_clip: bool = option(
        False, "Train and validate on the first clip alone: a check that the whole path can learn."
    )
