"""Means over clips with confidence intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from wavenet_jax.measures.base import Reading


class Summary(NamedTuple):
    """The mean of a measure over clips, with a 95 % confidence interval."""

    mean: float
    low: float | None
    """None for a single clip."""
    high: float | None
    clips: int


def summary(readings: Sequence[Reading], bounds: tuple[float, float]) -> Summary:
    """Averages readings by their weights.

    The interval is Student's, of the mean, or of a ratio of sums by its linear approximation (Cochran 1977, §6); it is
    clipped to the bounds of the measure.

    Args:
      readings: at least one.
      bounds: lowest and highest possible value.
    """
    values, weights = np.array(readings, np.float64).T
    mean, count = float(np.average(values, weights=weights)), len(readings)
    if count == 1:
        return Summary(mean, None, None, 1)
    residuals = weights * (values - mean) / weights.mean()
    half = stdtrit(count - 1, 0.975) * np.sqrt(np.square(residuals).sum() / (count - 1) / count)
    low, high = np.clip((mean - half, mean + half), min(bounds[0], mean), max(bounds[1], mean))
    return Summary(mean, float(low), float(high), count)
