"""The acoustic model: from phones to the features of a vocoder."""

from wavenet_jax.acoustic.classes import fitted
from wavenet_jax.acoustic.config import AcousticConfig, AcousticRunConfig
from wavenet_jax.acoustic.runs import (
    AcousticDirectory,
    TrainedAcoustic,
    check_vocoder,
    load_acoustic,
    with_classes_of,
)
from wavenet_jax.acoustic.speaking import Speaker, Utterance

__all__ = [
    "AcousticConfig",
    "AcousticDirectory",
    "AcousticRunConfig",
    "Speaker",
    "TrainedAcoustic",
    "Utterance",
    "check_vocoder",
    "fitted",
    "load_acoustic",
    "with_classes_of",
]
