"""Pre-emphasis, and its inverse."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_banded


def emphasize(waveform: np.ndarray, coefficient: float, previous: float = 0.0) -> np.ndarray:
    """Computes ``y[t] = x[t] - a x[t - 1]``: float32 ``[T]`` of float ``[T]``.

    Args:
      waveform: x.
      coefficient: a, in (0, 1).
      previous: the sample of x in front of the first.
    """
    return (waveform - coefficient * np.concatenate([[previous], waveform[:-1]])).astype(np.float32)


def deemphasize(waveform: np.ndarray, coefficient: float) -> np.ndarray:
    """Inverts ``emphasize``, ``x[t] = y[t] + a x[t - 1]``: float32 ``[T]`` of float ``[T]``.

    Args:
      waveform: y.
      coefficient: a, in (0, 1).
    """
    return Deemphasis(coefficient)(waveform)


@dataclass
class Deemphasis:
    """``deemphasize`` of a signal that comes piece by piece; where it is cut changes no bit."""

    coefficient: float
    latest: float = 0.0
    """The newest sample of x, which is all that the next one depends on; not rounded to float32."""

    def __call__(self, piece: np.ndarray) -> np.ndarray:
        """Returns the next samples of x: float32 ``[T]`` of float ``[T]``."""
        # The sample before the piece is a row of the same system, so that every step of it rounds alike.
        target = np.concatenate([[self.latest], piece])
        diagonals = np.stack([np.ones(len(target)), np.full(len(target), -self.coefficient)])
        solved = solve_banded((1, 0), diagonals, target, check_finite=False)
        self.latest = float(solved[-1])
        return solved[1:].astype(np.float32)
