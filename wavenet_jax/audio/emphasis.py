"""Pre-emphasis, and its inverse."""

import numpy as np
from scipy.linalg import solve_banded


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
    target = np.asarray(waveform, np.float64).copy()
    target[:1] += coefficient * previous
    diagonals = np.stack([np.ones(len(target)), np.full(len(target), -coefficient)])
    return solve_banded((1, 0), diagonals, target, check_finite=False).astype(np.float32)
