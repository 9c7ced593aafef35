"""A first impression of sound: enough to distinguish silence and noise from anything else."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

QUIET_DB = 40
"""Sound this many dB below the level of real audio counts as silence."""

FLAT = 0.3
"""Spectral flatness above which, and above twice that of real audio, sound counts as noise. White noise has about 1."""

_WINDOW_SAMPLES = 512


@dataclass(frozen=True)
class Impression:
    """Two numbers that distinguish silence, noise and other sound."""

    level_db: float  # of the whole, relative to full scale; constant offsets do not count
    flatness: float  # geometric over arithmetic mean of the average power spectrum: 1 white, towards 0 tonal

    @classmethod
    def of(cls, waveform: np.ndarray) -> "Impression":
        """Returns the impression of a waveform ``[T]``."""
        power = float(np.square(waveform - waveform.mean()).mean())
        spectrum = _power_spectrum(waveform)[1:] + 1e-20
        return cls(10 * np.log10(power + 1e-12), float(np.exp(np.log(spectrum).mean()) / spectrum.mean()))

    def verdict(self, real: "Impression") -> str:
        """Returns ``silence``, ``noise`` or ``sound``, judged beside the impression of real audio."""
        if self.level_db < real.level_db - QUIET_DB:
            return "silence"
        return "noise" if self.flatness > real.flat else "sound"

    @property
    def flat(self) -> float:
        """Flatness above which other sound, beside this real one, counts as noise."""
        return max(FLAT, 2 * self.flatness)


def _power_spectrum(waveform: np.ndarray) -> np.ndarray:
    """Averages power spectra of half overlapping Hann windows (Welch 1967), of any scale: ``[T] -> [bins]``."""
    # Not scipy's: importing its signal processing takes a second.
    size = min(_WINDOW_SAMPLES, len(waveform))
    segments = sliding_window_view(waveform, size)[:: size - size // 2]
    window = 0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, size, endpoint=False))
    power = np.square(np.abs(np.fft.rfft((segments - segments.mean(axis=1, keepdims=True)) * window))).mean(axis=0)
    power[1 : (size + 1) // 2] *= 2
    return power
