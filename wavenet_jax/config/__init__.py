"""Frozen dataclasses that describe a run; every default and every bound lives here, once.

The flags of the programs are generated from these fields (``experiments/flags.py``), and a run directory
keeps them as JSON (``to_json``, ``from_json``). Derived facts are properties.
"""

import dataclasses
from dataclasses import dataclass

from wavenet_jax.config.conditioning import ConditioningConfig, ContextConfig, FeatureConfig, upsampling_factors
from wavenet_jax.config.data import DataConfig
from wavenet_jax.config.model import WaveNetConfig
from wavenet_jax.config.options import Checked, base_type, check, field_values, from_json, option, to_json
from wavenet_jax.config.training import OptimizerConfig, TrainConfig

__all__ = [
    "Checked",
    "ConditioningConfig",
    "ContextConfig",
    "DataConfig",
    "FeatureConfig",
    "OptimizerConfig",
    "RunConfig",
    "TrainConfig",
    "WaveNetConfig",
    "base_type",
    "check",
    "field_values",
    "from_json",
    "option",
    "to_json",
    "upsampling_factors",
]


@dataclass(frozen=True)
class RunConfig:
    """Everything that a run directory keeps about its run."""

    model: WaveNetConfig = dataclasses.field(default_factory=WaveNetConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

    def __post_init__(self) -> None:
        hop = self.model.features.hop_samples
        if self.model.is_local and self.data.crop_samples % hop:
            raise ValueError(f"crop_samples must be a multiple of hop_samples={hop}, got {self.data.crop_samples}")
        if self.model.conditioning.condition_on_classes and self.data.data_dir and self.data.label_from is None:
            raise ValueError("condition_on_classes needs label_from, got none")

    @property
    def context_samples(self) -> int:
        """Samples in front of a crop's scored ones that the network is shown in training."""
        if not self.data.full_context:
            return 0
        hop = self.model.features.hop_samples if self.model.is_local else 1
        return -(-(self.model.receptive_field - 1) // hop) * hop
