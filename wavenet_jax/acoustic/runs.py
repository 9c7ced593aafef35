"""The run directory of an acoustic model, and the model that is read from it."""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from wavenet_jax.acoustic.config import PREPARATION, AcousticRunConfig
from wavenet_jax.acoustic.model import parameter_shapes
from wavenet_jax.config import RunConfig
from wavenet_jax.data import description
from wavenet_jax.runs import RunDirectory
from wavenet_jax.runs.load import read_run
from wavenet_jax.typing import Params


class AcousticDirectory(RunDirectory):
    """A run directory whose config is an ``AcousticRunConfig``."""

    @property
    def config_kind(self) -> type[Any]:
        return AcousticRunConfig


class TrainedAcoustic(NamedTuple):
    """A config, the parameters that were trained with it, and for how many steps."""

    config: AcousticRunConfig
    params: Params  # numpy arrays; averaged where the run keeps an average
    step: int


def load_acoustic(workdir: Path, choice: str = "latest") -> TrainedAcoustic:
    """Reads a trained acoustic model from its run directory.

    Args:
      workdir: the run directory; nothing is written to it.
      choice: ``latest``, or ``best``, with the least mel error in its validation (without log-mel, the least loss).
        Damaged checkpoints are skipped.

    Raises:
      ValueError: not a run directory of an acoustic model, or it has no checkpoint that is whole.
    """
    return TrainedAcoustic(*read_run(AcousticDirectory(workdir), choice, parameter_shapes))


def with_classes_of(run: AcousticDirectory, config: AcousticRunConfig) -> AcousticRunConfig:
    """Returns the config with the classes that the run was begun with, unless it names some: data may have new ones."""
    classes = run.classes(config.acoustic.conditioning)
    return dataclasses.replace(config, acoustic=dataclasses.replace(config.acoustic, classes=classes))


def check_vocoder(config: AcousticRunConfig, vocoder: RunConfig) -> None:
    """Raises ``ValueError``, naming the first difference, where a vocoder takes other features than are predicted."""
    ours, theirs = description(config.model), description(vocoder.model)
    for name in PREPARATION:
        ours[name], theirs[name] = getattr(config.data, name), getattr(vocoder.data, name)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise ValueError(
                f"the acoustic model predicts features with {name}={ours.get(name)}, and the vocoder was trained on "
                f"{name}={theirs.get(name)}; train the acoustic model for this vocoder"
            )
