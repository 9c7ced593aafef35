"""What audio costs in bits per sample without any network: the figures to read a loss against."""

from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wavenet_jax.audio.codec import Grid
from wavenet_jax.data.source import Source, blocks

ORDER = 32
"""Past samples that the linear predictor sees."""

_BLOCK = 16_384


def baselines(source: Source, grid: Grid) -> dict[str, float]:
    """Bits per sample of all clips of a source, by three models that have no hidden layer.

    - ``uniform``: every code equally likely, ``log2 Q``.
    - ``unigram``: the entropy of how often each code occurs.
    - ``linear_prediction``: each code is predicted from the 32 before it by the least-squares predictor of this very
      audio, rounded to a whole code; the entropy of how often each difference occurs. (Lossless codecs work like this:
      Makhoul, Linear Prediction: A Tutorial Review, 1975; Robinson, SHORTEN, 1994.)

    The audio is read twice, in blocks: memory does not grow with its length.

    Raises:
      ValueError: the source has no clip.
    """
    if not len(source):
        raise ValueError("a data set without clips has no baselines; choose another data_dir or another split")
    counts = np.zeros(grid.levels, np.int64)
    moments = np.zeros((ORDER + 2, ORDER + 2))
    for history in _histories(source, grid):
        counts += np.bincount(history[:, -1].astype(np.int64) + grid.silence, minlength=grid.levels)
        rows = np.pad(history, ((0, 0), (1, 0)), constant_values=1)
        moments += rows.T @ rows
    # The smallest of all solutions: silence leaves the normal equations without full rank.
    weights = np.linalg.lstsq(moments[:-1, :-1], moments[:-1, -1], rcond=None)[0]

    differences = np.zeros(8 * grid.levels + 1, np.int64)
    for history in _histories(source, grid):
        difference = np.rint(history[:, -1] - history[:, :-1] @ weights[1:] - weights[0]).astype(np.int64)
        bins = np.clip(difference, -4 * grid.levels, 4 * grid.levels) + 4 * grid.levels
        differences += np.bincount(bins, minlength=len(differences))
    return {
        "uniform": float(np.log2(grid.levels)),
        "unigram": _entropy(counts),
        "linear_prediction": _entropy(differences),
    }


def _histories(source: Source, grid: Grid) -> Iterator[np.ndarray]:
    """``[T, 33]`` float64 per block: the 32 codes before each sample and its own, counted from silence."""
    for clip in range(len(source)):
        past = np.zeros(ORDER)
        for waveform in blocks(source, clip, _BLOCK):
            codes = np.concatenate([past, grid.encode(waveform) - grid.silence])
            past = codes[-ORDER:]
            yield sliding_window_view(codes, ORDER + 1)


def _entropy(counts: np.ndarray) -> float:
    """Bits of a draw from a histogram."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum() + 0.0)
