"""Pitch and voicing of each frame (the extra [f0])."""

from functools import lru_cache

import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.audio.pitch import Pitch
from wavenet_jax.conditions.base import Clip, FrameCondition, padded
from wavenet_jax.config import FeatureConfig, WaveNetConfig
from wavenet_jax.config.tables import FRAME_CONDITIONS


@FRAME_CONDITIONS.register("f0")
class PitchCondition(FrameCondition):
    """Pitch from 0 to 1, and 1 where voiced, as ``wavenet_jax.audio.pitch.Pitch`` measures them."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__(config)
        self._measure = Pitch.of(config)
        self._block = lru_cache(maxsize=4096)(self._read_block)

    @classmethod
    def width(cls, features: FeatureConfig) -> int:
        return 2

    def frames(self, clip: Clip, first: int, last: int, factor: float | np.floating) -> np.ndarray:
        size = self._measure.block_frames
        begin, end = first // size, ceil_div(last, size)
        blocks = np.concatenate([self._block(clip, block) for block in range(begin, end)])
        return blocks[first - begin * size : last - begin * size]

    def check(self, clip: Clip) -> None:
        self._measure.check_installed()

    @property
    def limits(self) -> tuple[float, float]:
        return 0.0, 1.0

    def description(self) -> dict[str, object]:
        return self._measure.description()

    def _read_block(self, clip: Clip, block: int) -> np.ndarray:
        size, margin = self._measure.block_frames * self._measure.hop_samples, self._measure.margin
        return self._measure.block(padded(clip, block * size - margin, (block + 1) * size + margin))
