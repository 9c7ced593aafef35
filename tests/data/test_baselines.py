"""Baselines agree with what can be worked out by hand."""

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from wavenet_jax.audio.codec import Grid
from wavenet_jax.data import SyntheticSource, baselines

GRID = Grid(256, "mu_law")


class Waveforms:
    """A source of arrays."""

    def __init__(self, *waveforms: np.ndarray):
        self.lengths = np.array([len(waveform) for waveform in waveforms])
        self.names = [str(clip) for clip in range(len(waveforms))]
        self.skipped = ()
        self.read: Callable = lambda clip, start, stop: waveforms[clip][start:stop].astype(np.float32)

    def __len__(self) -> int:
        return len(self.names)


def test_silence_costs_nothing_but_uniform() -> None:
    assert baselines(Waveforms(np.zeros(5_000)), GRID) == {"uniform": 8.0, "unigram": 0.0, "linear_prediction": 0.0}


def test_two_equally_frequent_codes_cost_one_bit() -> None:
    coin = np.random.default_rng(0).integers(0, 2, 100_000) * 0.5
    assert baselines(Waveforms(coin), GRID)["unigram"] == pytest.approx(1.0, abs=1e-3)


def test_noise_over_all_codes_costs_all_bits() -> None:
    noise = GRID.decode(np.random.default_rng(0).integers(0, 256, 500_000))
    measured = baselines(Waveforms(noise), GRID)
    assert measured["unigram"] == pytest.approx(8, abs=1e-3)
    assert measured["linear_prediction"] == pytest.approx(8, abs=1e-2)


def test_linear_prediction_finds_a_linear_recurrence() -> None:
    """Codes of an autoregression of order 2 with uniform innovations of 9 values: log2 9 bits each, and no less."""
    innovations = np.random.default_rng(0).integers(-4, 5, 200_000)
    grid = Grid(65_536, "linear")
    codes = np.zeros(200_000)
    for now, innovation in enumerate(innovations):
        codes[now] = np.rint(1.6 * codes[now - 1] - 0.9 * codes[now - 2]) + innovation if now > 1 else 0
    measured = baselines(Waveforms(grid.decode(codes.astype(int) + grid.silence)), grid)
    assert measured["linear_prediction"] == pytest.approx(np.log2(9), abs=0.05)


def test_clips_count_by_their_samples() -> None:
    tone, noise = np.zeros(3_000), GRID.decode(np.random.default_rng(0).integers(0, 256, 1_000))
    whole = baselines(Waveforms(np.concatenate([tone, noise])), GRID)
    assert baselines(Waveforms(tone, noise), GRID)["unigram"] == pytest.approx(whole["unigram"], abs=1e-12)


def test_memory_does_not_grow_with_length() -> None:
    def peak(samples: int) -> int:
        tracemalloc.start()
        baselines(SyntheticSource(clips=1, clip_samples=samples, seed=0), GRID)
        _, greatest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return greatest

    assert peak(600_000) < 1.1 * peak(200_000)


def test_a_source_without_clips_is_refused() -> None:
    with pytest.raises(ValueError, match="a data set without clips has no baselines"):
        baselines(Waveforms(), GRID)
