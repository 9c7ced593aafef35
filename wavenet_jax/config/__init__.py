"""Frozen dataclasses that describe a run; every default and every bound lives here, once.

The flags of the programs are generated from these fields (``experiments/flags.py``), and a run directory
keeps them as JSON (``to_json``, ``from_json``). Derived facts are properties.
"""

import dataclasses
from dataclasses import dataclass

from wavenet_jax.config.data import DataConfig
from wavenet_jax.config.model import WaveNetConfig
from wavenet_jax.config.options import Checked, base_type, check, from_json, option, to_json
from wavenet_jax.config.training import OptimizerConfig, TrainConfig

__all__ = [
    "Checked",
    "DataConfig",
    "OptimizerConfig",
    "RunConfig",
    "TrainConfig",
    "WaveNetConfig",
    "base_type",
    "check",
    "from_json",
    "option",
    "to_json",
]


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run directory keeps about its run."""

    model: WaveNetConfig = dataclasses.field(default_factory=WaveNetConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    @property
    def context_samples(self) -> int:
        """Samples in front of a crop's scored ones that the network is shown in training."""
        return self.model.receptive_field - 1 if self.data.full_context else 0
