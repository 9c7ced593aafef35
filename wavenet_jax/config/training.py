"""Start, optimizer, length and reports of a run."""

from dataclasses import dataclass

from wavenet_jax.config.options import Checked, option


@dataclass(frozen=True)
class StartConfig(Checked):
    """Fine-tuning: the trained network that a run begins from."""

    init_from: str | None = option(
        None,
        "Run directory or model folder whose parameters a new run begins from, by name; none: from scratch.",
        path=True,
    )
    init_checkpoint: str = option("latest", "Checkpoint of the run that init_from names.", choices=("latest", "best"))
    init_classes_from: str | None = option(
        None,
        "Class of the network in init_from, as NAME or FAMILY=NAME, whose embedding new classes begin with; none: the "
        "mean of all.",
    )
    init_step: int | None = option(None, "Steps that the network in init_from was trained for.", recorded=True)
    init_digest: str | None = option(None, "SHA-256 of its parameters.", recorded=True)

    def check_together(self) -> None:
        if self.init_from is None:
            for name in ("init_classes_from", "init_step", "init_digest"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} needs init_from, got none")


@dataclass(frozen=True)
class OptimizerConfig(Checked):
    """The update rule and its schedule.

    Every schedule rises linearly over ``warmup_steps`` to ``learning_rate``, then follows its own shape.
    """

    optimizer: str = option(
        "adam",
        "Optimizer: adam; adamw (with weight decay); adafactor; lion; muon (orthogonal steps of the kernels between "
        "hidden channels, adam with Nesterov momentum for the rest, at the same learning_rate).",
        choices=("adam", "adamw", "adafactor", "lion", "muon"),
    )
    learning_rate: float = option(2e-3, "Peak learning rate.", above=0)
    schedule: str = option(
        "cosine",
        "Learning rate after warm-up: constant; cosine (half a wave down to final_fraction at the last step); "
        "step_decay (times decay_rate every decay_steps); noam (inverse square root of the step).",
        choices=("constant", "cosine", "step_decay", "noam"),
    )
    warmup_steps: int = option(50, "Steps of linear warm-up from 0 to learning_rate.", at_least=0)
    final_fraction: float = option(
        0.02, "Fraction of the peak learning rate that cosine ends at.", at_least=0, at_most=1
    )
    decay_steps: int = option(50_000, "Steps between two reductions, for step_decay.", at_least=1)
    decay_rate: float = option(0.5, "Factor of each reduction, for step_decay.", above=0, at_most=1)
    clip_norm: float | None = option(1.0, "Maximum global gradient norm; none: no clipping.", above=0)
    weight_decay: float = option(0.0, "Decoupled weight decay of matrices; biases and scales are exempt.", at_least=0)
    microbatches: int = option(
        1, "Microbatches that each batch is split into, with gradients summed, to save memory.", at_least=1
    )
    ema_decay: float | None = option(
        0.999,
        "Decay of the exponential moving average of the parameters, which evaluation and sampling use; none: no "
        "average.",
        above=0,
        below=1,
    )

    train_only: tuple[str, ...] = option(
        (),
        "Glob of the parameters to train, by path, such as conditioner/* or output/outputs_*; none: all of them.",
    )
    rest_learning_rate_factor: float = option(
        0.0,
        "Learning rate of the other parameters, as a fraction of the usual one; 0: they stay.",
        at_least=0,
        at_most=1,
    )

    def check_together(self) -> None:
        if self.weight_decay and self.optimizer not in ("adamw", "lion", "muon"):
            raise ValueError(f"weight_decay works with adamw, lion or muon, got optimizer {self.optimizer}")
        if self.schedule == "noam" and not self.warmup_steps:
            raise ValueError("schedule noam needs warmup_steps of at least 1, got 0")
        if self.rest_learning_rate_factor and not self.train_only:
            raise ValueError("rest_learning_rate_factor needs train_only, got none")


@dataclass(frozen=True)
class PruningConfig(Checked):
    """Pruning: weights that become zeros in the course of a run, in blocks that sampling leaves out."""

    sparsity: float = option(
        0.0, "Share of the weights of the large kernels that are pruned to zeros; 0: none.", at_least=0, below=1
    )
    sparsity_start: int | None = option(
        None, "Step after which pruning begins; none: a tenth of num_steps.", at_least=0
    )
    sparsity_end: int | None = option(
        None,
        "Step after which all of it is pruned, and what is kept is trained on; 0: before the first step; none: six "
        "tenths of num_steps.",
        at_least=0,
    )
    sparsity_every: int = option(20, "Steps between two choices of what is pruned.", at_least=1)
    sparsity_block: str = option(
        "16x4",
        "Outputs and inputs of the blocks that are kept or pruned as a whole. The native engine leaves out those of "
        "16x4.",
        choices=("16x4", "16x1", "8x4", "4x4", "1x1"),
    )

    def steps(self, num_steps: int) -> tuple[int, int]:
        """Returns after how many steps, in a run of ``num_steps``, pruning begins and ends."""
        end = num_steps * 6 // 10 if self.sparsity_end is None else self.sparsity_end
        start = min(num_steps // 10, end) if self.sparsity_start is None else self.sparsity_start
        return start, end

    def check_together(self) -> None:
        if None not in (self.sparsity_start, self.sparsity_end) and self.steps(0)[0] > self.steps(0)[1]:
            raise ValueError(
                f"sparsity_start must be at most sparsity_end={self.sparsity_end}, got {self.sparsity_start}"
            )


@dataclass(frozen=True)
class TrainConfig(Checked):
    """Length of a run, its seed, and how often it reports, validates and saves."""

    num_steps: int = option(10_000, "Training steps of the whole run.", at_least=1)
    seed: int = option(0, "Seed of the parameters, the order of the data and dropout.", at_least=0, at_most=2**31 - 1)
    log_every: int = option(20, "Steps between two lines of metrics.", at_least=1)
    validate_every: int = option(250, "Steps between validations on held-out audio.", at_least=1)
    validation_samples: int | None = option(
        400_000, "Samples of held-out audio per validation; none: all of them.", at_least=1
    )
    save_every: int = option(250, "Steps between checkpoints; each validation saves one, too.", at_least=1)
    keep_checkpoints: int = option(2, "Number of latest checkpoints to keep, besides the best one.", at_least=1)
    patience: int | None = option(
        None, "Stop early after this many validations without improvement; none: never.", at_least=1
    )
    max_skipped_steps: int = option(
        10, "Stop after this many steps in a row with a non-finite loss or gradient.", at_least=1
    )
    overfit_one_clip: bool = option(
        False, "Train and validate on the first clip alone, to check that the whole path can learn."
    )
