"""Reference systems that anybody can make from a recording."""

from collections.abc import Callable

import numpy as np

from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.griffin_lim import griffin_lim
from wavenet_jax.measures import world
from wavenet_jax.measures.base import Sound

Yardstick = Callable[[Sound, LogMel], np.ndarray]
"""Makes a waveform ``[T]`` from a recording; raises ``MissingPackageError`` for a missing package."""


def mu_law(sound: Sound, log_mel: LogMel) -> np.ndarray:
    """Quantises to 256 µ-law levels, as in the paper: ``[T]``."""
    grid = Grid(256, "mu_law")
    return grid.decode(grid.encode(sound.waveform))


def world_copy(sound: Sound, log_mel: LogMel) -> np.ndarray:
    """Resynthesises with WORLD, a vocoder that needs no training: ``[T]``."""
    return world.copied(sound)


def griffin_lim_copy(sound: Sound, log_mel: LogMel) -> np.ndarray:
    """Inverts the log-mel spectrum by Griffin-Lim, without a model: ``[T]``."""
    return griffin_lim(log_mel.whole(sound.waveform), log_mel)[: len(sound)]


def white_noise(sound: Sound, log_mel: LogMel) -> np.ndarray:
    """Makes white noise of the same level: ``[T]``."""
    level = np.sqrt(np.square(sound.waveform).mean())
    return np.random.default_rng(0).normal(scale=level, size=len(sound))


YARDSTICKS: dict[str, Yardstick] = {
    "mu_law": mu_law,
    "world": world_copy,
    "griffin_lim": griffin_lim_copy,
    "white_noise": white_noise,
}
"""From best to worst."""
