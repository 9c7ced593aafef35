"""Mel-cepstra of 10 ms frames with their slopes: what phones are told apart by."""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy.fft

from wavenet_jax.audio.features import LogMel
from wavenet_jax.config.conditioning import FeatureConfig

SAMPLE_RATE = 16_000
"""Hz, of the recordings."""

HOP_SAMPLES = 160
"""Samples of a frame, 10 ms."""

_COEFFICIENTS = 13
_FEATURES = FeatureConfig(
    hop_samples=HOP_SAMPLES,
    fft_size=512,
    window_samples=400,
    mel_channels=26,
    mel_low_hz=60.0,
    mel_scale="htk",
    mel_floor=1e-3,  # about that of the last bits of 16: below it lies digital silence
    mel_normalization="none",
)
_SLOPE_FRAMES = 2
_SHARED_FRAMES = 300.0
_MIN_DEVIATION = 1e-3


class Scale(NamedTuple):
    """What the cepstra of a data set are normalised by."""

    mean: np.ndarray
    """``[coefficients]``: of all clips."""
    deviation: np.ndarray
    """``[C]``: of the coefficients, their slopes and the slopes of those."""

    @classmethod
    def of(cls, clips: Sequence[np.ndarray]) -> "Scale":
        """Measures the scale of the cepstra of some clips, each ``[F, coefficients]``."""
        mean = np.concatenate(clips).mean(axis=0)
        plain = cls(mean, np.ones(3 * len(mean)))
        deviation = np.concatenate([plain.features(clip) for clip in clips]).std(axis=0)
        return cls(mean, np.maximum(deviation, _MIN_DEVIATION))

    def features(self, cepstra: np.ndarray) -> np.ndarray:
        """Normalises the cepstra of a clip, and adds slopes: ``[F, coefficients]`` to ``[F, C]`` float32.

        The mean of a long clip is its own, as rooms and microphones differ. That of a short one, which depends on the
        few phones that it has, is drawn to that of the data set.
        """
        count = len(cepstra)
        mean = (cepstra.sum(axis=0) + _SHARED_FRAMES * self.mean) / (count + _SHARED_FRAMES)
        slopes = _slopes(cepstra - mean)
        every = np.concatenate([cepstra - mean, slopes, _slopes(slopes)], axis=1)
        return (every / self.deviation).astype(np.float32)


def cepstra_of(waveform: np.ndarray) -> np.ndarray:
    """Measures the mel-cepstra of a clip: float ``[T]`` to ``[F, coefficients]``."""
    return scipy.fft.dct(_log_mel().whole(waveform), axis=1, norm="ortho")[:, :_COEFFICIENTS]


def _slopes(values: np.ndarray) -> np.ndarray:
    """The slope of the line that fits each frame and its neighbours best, ``[F, N]``; the ends are repeated."""
    reach = _SLOPE_FRAMES
    padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
    offsets = range(-reach, reach + 1)
    sums = sum(offset * padded[reach + offset : reach + offset + len(values)] for offset in offsets)
    return np.asarray(sums / sum(offset**2 for offset in offsets))


@functools.cache
def _log_mel() -> LogMel:
    return LogMel(SAMPLE_RATE, _FEATURES)
