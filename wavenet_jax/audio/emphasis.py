"""Pre-emphasis, and its inverse."""

import numpy as np
from scipy.signal import lfilter


def emphasize(waveform: np.ndarray, coefficient: float, previous: float = 0.0) -> np.ndarray:
    """``y[t] = x[t] - a x[t - 1]``: float32 ``[T]`` of float ``[T]``.

    Args:
      waveform: x.
      coefficient: a, in (0, 1).
      previous: the sample of x in front of the first.
    """
    return (waveform - coefficient * np.concatenate([[previous], waveform[:-1]])).astype(np.float32)


def deemphasize(waveform: np.ndarray, coefficient: float, previous: float = 0.0) -> np.ndarray:
    """The inverse, ``x[t] = y[t] + a x[t - 1]``: float32 ``[T]`` of float ``[T]``.

    Args:
      waveform: y.
      coefficient: a, in (0, 1).
      previous: the sample of x in front of the first: the last one of the chunk before.
    """
    return lfilter([1.0], [1.0, -coefficient], waveform, zi=[coefficient * previous])[0].astype(np.float32)
