"""Frozen dataclasses that describe a run; every default and every bound lives here, once.

The flags of the programs are generated from these fields (``experiments/support/flags.py``), and a run
directory keeps them as JSON (``to_json``, ``from_json``). Derived facts are properties.
"""

import dataclasses
from dataclasses import dataclass

from wavenet_jax.config.conditioning import (
    ConditioningConfig,
    ContextConfig,
    FeatureConfig,
    PredictionConfig,
    held_samples,
    upsampling_factors,
)
from wavenet_jax.config.data import DataConfig
from wavenet_jax.config.model import WaveNetConfig
from wavenet_jax.config.options import Checked, base_type, check, field_values, from_json, option, override, to_json
from wavenet_jax.config.prosody import Prosody
from wavenet_jax.config.training import OptimizerConfig, PruningConfig, StartConfig, TrainConfig

__all__ = [
    "Checked",
    "ConditioningConfig",
    "ContextConfig",
    "DataConfig",
    "FeatureConfig",
    "OptimizerConfig",
    "PredictionConfig",
    "Prosody",
    "PruningConfig",
    "RunConfig",
    "StartConfig",
    "TrainConfig",
    "WaveNetConfig",
    "base_type",
    "check",
    "field_values",
    "from_json",
    "held_samples",
    "option",
    "override",
    "to_json",
    "upsampling_factors",
]


@dataclass(frozen=True)
class RunConfig:
    """The whole configuration of a run, as its run directory keeps it."""

    model: WaveNetConfig = dataclasses.field(default_factory=WaveNetConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    train: TrainConfig = dataclasses.field(default_factory=TrainConfig)
    pruning: PruningConfig = dataclasses.field(default_factory=PruningConfig)
    start: StartConfig = dataclasses.field(default_factory=StartConfig)

    def __post_init__(self) -> None:
        hop = self.model.features.hop_samples
        if self.model.is_local and self.data.crop_samples % hop:
            raise ValueError(f"crop_samples must be a multiple of hop_samples={hop}, got {self.data.crop_samples}")
        if self.model.conditioning.condition_on_classes and self.data.data_dir and self.data.label_from is None:
            raise ValueError("condition_on_classes needs label_from, got none")
        if self.pruning.sparsity:
            self._check_pruning()

    def _check_pruning(self) -> None:
        steps = self.train.num_steps
        start, end = self.pruning.steps(steps)
        if not start <= end <= steps:
            raise ValueError(
                f"sparsity must be reached within the run: sparsity_start={start} <= sparsity_end={end} <= "
                f"num_steps={steps} does not hold; change one of them"
            )
        if self.model.weight_norm:
            raise ValueError(
                "sparsity does not go with weight_norm, which divides by the size of each column; leave one out"
            )
