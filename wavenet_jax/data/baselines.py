"""Bits per sample of audio without any network: the figures to compare a loss with."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from scipy.linalg import toeplitz

from wavenet_jax.audio.codec import Grid
from wavenet_jax.data.source import Source, blocks

ORDER = 32
"""Past samples that the linear predictor sees."""


def baselines(source: Source, grid: Grid) -> dict[str, float]:
    """Bits per sample of all clips of a source, by three models that have no hidden layer.

    - ``uniform``: every code equally likely, ``log2 Q``.
    - ``unigram``: the entropy of how often each code occurs.
    - ``linear_prediction``: each code is predicted from the 32 before it by the least-squares predictor of this very
      audio (autocorrelation method: Makhoul, Linear Prediction: A Tutorial Review, 1975) and rounded to a whole code;
      the entropy of how often each difference occurs. Lossless codecs work like this (Robinson, SHORTEN, 1994).

    The audio is read twice, in blocks: memory does not grow with its length.

    Raises:
      ValueError: the source has no clip.
    """
    if not len(source):
        raise ValueError("a data set without clips has no baselines; choose another data_dir or another split")
    counts = np.zeros(grid.levels, np.int64)
    correlations = np.zeros(ORDER + 1)
    for codes in _codes(source, grid):
        now = codes[ORDER:]
        counts += np.bincount((now + grid.silence).astype(np.int64), minlength=grid.levels)
        correlations += np.correlate(codes, now, mode="valid")[::-1]
    # The least of all solutions: for a pure tone many predictors are perfect.
    weights = np.linalg.lstsq(toeplitz(correlations[:-1]), correlations[1:], rcond=None)[0]

    differences: Counter[int] = Counter()
    for codes in _codes(source, grid):
        predicted = np.convolve(codes[:-1], weights, mode="valid")
        values, times = np.unique(np.rint(codes[ORDER:] - predicted), return_counts=True)
        differences.update(dict(zip(values.tolist(), times.tolist(), strict=True)))
    return {
        "uniform": float(np.log2(grid.levels)),
        "unigram": _entropy(counts),
        "linear_prediction": _entropy(np.array(list(differences.values()))),
    }


def _codes(source: Source, grid: Grid) -> Iterator[np.ndarray]:
    """``[32 + T]`` float64 per block: its codes, counted from silence, behind the 32 before it."""
    for clip in range(len(source)):
        past = np.zeros(ORDER)
        for waveform in blocks(source, clip):
            codes = np.concatenate([past, grid.encode(waveform) - grid.silence])
            past = codes[-ORDER:]
            yield codes


def _entropy(counts: np.ndarray) -> float:
    """Bits of a draw from a histogram."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum() + 0.0)
