"""How a run learns, and what it keeps."""

from dataclasses import dataclass

from wavenet_jax.config.options import Checked, option


@dataclass(frozen=True)
class OptimizerConfig(Checked):
    """The update rule and its schedule."""

    learning_rate: float = option(2e-3, "Peak learning rate.", above=0)


@dataclass(frozen=True)
class TrainConfig(Checked):
    """Length of a run, its seed, and how often it reports and saves."""

    num_steps: int = option(10_000, "Training steps of the whole run.", at_least=1)
    seed: int = option(0, "Seed of the parameters, the order of the data and dropout.", at_least=0)
