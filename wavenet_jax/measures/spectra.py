"""Distances between the spectra of a copy and its recording (``wavenet_jax.audio.distances``)."""

import math
from collections.abc import Callable

import numpy as np

from wavenet_jax.audio.distances import log_mel_distance, spectral_convergence
from wavenet_jax.audio.features import LogMel
from wavenet_jax.measures.base import MEASURES, Clip, Material, Measure, NoValueError, Reading


class _Distance(Measure):
    better = "lower"
    needs = ("reference",)
    distance: Callable[[np.ndarray, np.ndarray, LogMel], float]

    def __init__(self, material: Material) -> None:
        self._log_mel = material.log_mel

    def __call__(self, clip: Clip) -> Reading:
        assert clip.reference is not None
        try:
            value = type(self).distance(clip.reference.waveform, clip.sound.waveform, self._log_mel)
        except ValueError as error:
            raise NoValueError(str(error)) from None
        return Reading(value)


@MEASURES.register("log_mel_db")
class LogMelDistance(_Distance):
    """Mean absolute difference of log-mel spectra."""

    unit = "dB"
    range = (0, math.inf)
    purpose = "how far a copy is from the frames that it was made from; blind to phase"
    distance = staticmethod(log_mel_distance)


@MEASURES.register("spectral_convergence")
class SpectralConvergence(_Distance):
    """Norm of the difference of two magnitude spectrograms, over that of the recording's (Arik et al. 2018)."""

    unit = ""
    range = (0, math.inf)
    purpose = "harmonics and loud parts of a copy; silence gets 1"
    distance = staticmethod(spectral_convergence)
