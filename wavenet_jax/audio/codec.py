"""Quantisation grids: between a waveform in [-1, 1] and integer codes.

µ-law companding with µ = Q - 1 (ITU-T G.711; WaveNet §2.2) or evenly spaced levels.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from wavenet_jax.audio.companding import compress, expand
from wavenet_jax.config import WaveNetConfig


@dataclass(frozen=True)
class Grid:
    """The values that a sample may take: ``levels`` of them, spaced by ``companding`` over [-1, 1]."""

    levels: int
    companding: str

    @classmethod
    def of(cls, config: WaveNetConfig) -> "Grid":
        """The grid that a model's codes live on."""
        return cls(config.levels, config.companding)

    @property
    def silence(self) -> int:
        """The code of a waveform at rest."""
        return int(self.encode(np.zeros(1))[0])

    @cached_property
    def values(self) -> np.ndarray:
        """The waveform value of each code: ``[Q]`` float32, increasing."""
        companded = np.linspace(-1.0, 1.0, self.levels)
        return self._expand(companded).astype(np.float32)

    def encode(self, waveform: np.ndarray) -> np.ndarray:
        """Codes of a waveform of any shape: int32 in [0, Q); values beyond [-1, 1] are clipped."""
        companded = self._compress(np.clip(waveform, -1.0, 1.0).astype(np.float64))
        return np.floor((companded + 1) / 2 * (self.levels - 1) + 0.5).astype(np.int32)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """The float32 waveform of codes of any shape."""
        return self.values[codes]

    def stands_for(self, coarser: "Grid") -> bool:
        """Tells whether every code of a coarser grid has a code of this one that falls on it."""
        return len(np.unique(coarser.encode(self.values))) == coarser.levels

    def cells(self, coarser: "Grid") -> tuple[np.ndarray, np.ndarray]:
        """For each code, the first and the last code that fall on the same one of a coarser grid: two ``[Q]`` int32.

        Raises:
          ValueError: no code at all falls on one of the coarser grid's.
        """
        cell = coarser.encode(self.values)
        if not self.stands_for(coarser):
            raise ValueError(
                f"a grid of {self.levels} {self.companding} levels is too coarse to stand for {coarser.levels} "
                f"{coarser.companding} levels"
            )
        first, last = (np.searchsorted(cell, cell, side=side) for side in ("left", "right"))
        return first.astype(np.int32), (last - 1).astype(np.int32)

    def _compress(self, waveform: np.ndarray) -> np.ndarray:
        return waveform if self.companding == "linear" else compress(waveform, self.levels - 1)

    def _expand(self, companded: np.ndarray) -> np.ndarray:
        return companded if self.companding == "linear" else expand(companded, self.levels - 1)
