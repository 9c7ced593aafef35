"""The WaveNet family in JAX: train on your own audio, sample faster than real time.

::

    import wavenet_jax

    run = wavenet_jax.load("runs/mine")
    audio = run.generate(seconds=2, temperature=0.9, seed=0)
    wavenet_jax.write_wav("out.wav", audio, run.sample_rate)

Names are imported when they are used, so that importing the package starts neither JAX nor anything else.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wavenet_jax.audio.files import read_audio
    from wavenet_jax.audio.wav import write_wav
    from wavenet_jax.config import (
        ConditioningConfig,
        DataConfig,
        FeatureConfig,
        OptimizerConfig,
        PruningConfig,
        RunConfig,
        StartConfig,
        TrainConfig,
        WaveNetConfig,
    )
    from wavenet_jax.data import open_source
    from wavenet_jax.model import WaveNet
    from wavenet_jax.run import Run, load, train
    from wavenet_jax.sampling import Guard
    from wavenet_jax.versions import __version__
    from wavenet_jax.voice import Voice, load_voice

_HOMES = {
    "ConditioningConfig": "config",
    "DataConfig": "config",
    "FeatureConfig": "config",
    "Guard": "sampling",
    "OptimizerConfig": "config",
    "PruningConfig": "config",
    "Run": "run",
    "RunConfig": "config",
    "StartConfig": "config",
    "TrainConfig": "config",
    "Voice": "voice",
    "WaveNet": "model",
    "WaveNetConfig": "config",
    "__version__": "versions",
    "load": "run",
    "load_voice": "voice",
    "open_source": "data",
    "read_audio": "audio.files",
    "train": "run",
    "write_wav": "audio.wav",
}
"""In which module each public name is defined."""

__all__ = [
    "ConditioningConfig",
    "DataConfig",
    "FeatureConfig",
    "Guard",
    "OptimizerConfig",
    "PruningConfig",
    "Run",
    "RunConfig",
    "StartConfig",
    "TrainConfig",
    "Voice",
    "WaveNet",
    "WaveNetConfig",
    "__version__",
    "load",
    "load_voice",
    "open_source",
    "read_audio",
    "train",
    "write_wav",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'wavenet_jax' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"wavenet_jax.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
