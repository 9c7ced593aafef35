"""Sounds made by arithmetic: a data set that is always there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.data.source import Source

KINDS = ("sine", "chord", "sweep", "noise", "beats")

_NOISE_BLOCK = 4_096


class Sound(NamedTuple):
    """The parameters of one clip.

    A sine, a chord and beats hold their frequencies (1, 3 and 2 of them); a sweep glides from the first to the second.
    """

    kind: str
    frequencies: np.ndarray
    """Cycles per sample, float64."""
    phases: np.ndarray
    """Cycles, float64, as many as frequencies."""
    amplitude: float
    """Peak of the waveform."""


@dataclass(frozen=True)
class SyntheticSource(Source):
    """Sines, chords, sweeps, white noise and beats in turn, with drawn frequencies, phases and amplitudes.

    Clip ``i`` is a function of ``(seed, i)`` alone, and so is every piece of it.
    """

    clips: int
    clip_samples: int
    seed: int

    def __len__(self) -> int:
        return self.clips

    @cached_property
    def names(self) -> Sequence[str]:
        return [f"{KINDS[clip % len(KINDS)]}-{self.seed}-{clip}" for clip in range(self.clips)]

    @property
    def classes(self) -> Sequence[str]:
        return [f"kind={kind}" for kind in sorted(KINDS)]

    @cached_property
    def labels(self) -> Sequence[tuple[str, ...]]:
        return [(f"kind={KINDS[clip % len(KINDS)]}",) for clip in range(self.clips)]

    @cached_property
    def lengths(self) -> np.ndarray:
        return np.full(self.clips, self.clip_samples, np.int64)

    def sound(self, clip: int) -> Sound:
        """Draws the parameters of a clip."""
        kind = KINDS[clip % len(KINDS)]
        draw = np.random.default_rng((self.seed, clip))
        # Between 1/200 and 1/6 of the sample rate: 80 to 2,667 Hz at 16 kHz.
        root, end = np.exp(draw.uniform(np.log(1 / 200), np.log(1 / 6), 2))
        frequencies = {
            "sine": np.array([root]),
            "chord": root * np.array([1, 5 / 4, 3 / 2]),
            "sweep": np.array([root, end]),
            "noise": np.array([]),
            "beats": root * np.array([1, 1 + draw.uniform(0.002, 0.02)]),
        }[kind]
        return Sound(kind, frequencies, draw.uniform(0, 1, len(frequencies)), draw.uniform(0.2, 0.8))

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        sound = self.sound(clip)
        if sound.kind == "noise":
            return (sound.amplitude * self._noise(clip, start, stop)).astype(np.float32)
        time = np.arange(start, stop)[:, None]
        cycles = sound.frequencies * time + sound.phases
        if sound.kind == "sweep":
            first, last = sound.frequencies
            cycles = first * time + (last - first) / (2 * self.clip_samples) * time**2 + sound.phases[:1]
        return (sound.amplitude * np.sin(2 * np.pi * cycles).mean(axis=1)).astype(np.float32)

    def _noise(self, clip: int, start: int, stop: int) -> np.ndarray:
        """Uniform in [-1, 1]; drawn block by block, so that a piece costs what it holds."""
        first, last = start // _NOISE_BLOCK, ceil_div(stop, _NOISE_BLOCK)
        drawn = [
            np.random.default_rng((self.seed, clip, block)).uniform(-1, 1, _NOISE_BLOCK) for block in range(first, last)
        ]
        offset = first * _NOISE_BLOCK
        return np.concatenate([*drawn, np.empty(0)])[start - offset : stop - offset]
