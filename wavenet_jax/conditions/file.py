"""Features of each frame from an array beside the recording."""

from functools import lru_cache

import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.conditions.arrays import array_beside
from wavenet_jax.conditions.base import Clip, FrameCondition
from wavenet_jax.config import FeatureConfig, WaveNetConfig
from wavenet_jax.config.tables import FRAME_CONDITIONS


@FRAME_CONDITIONS.register("file")
class FileCondition(FrameCondition):
    """``file_channels`` numbers of an array ``[frames, file_channels]``, one frame more or less than the clip has."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__(config)
        self._array = lru_cache(maxsize=256)(self._open)

    @classmethod
    def width(cls, features: FeatureConfig) -> int:
        return features.file_channels

    def frames(self, clip: Clip, first: int, last: int, factor: float | np.floating) -> np.ndarray:
        array = self._array(clip)
        rows = np.asarray(array[first:last], np.float32)
        if last - first > len(rows):  # the array is one frame too short
            rows = np.concatenate([rows, np.asarray(array[-1:], np.float32)])
        if not np.isfinite(rows).all():
            raise ValueError(f"the features of {clip.name} must be finite numbers; frames {first} to {last} are not")
        return rows

    def check(self, clip: Clip) -> None:
        self._array(clip)

    def _open(self, clip: Clip) -> np.ndarray:
        features = self.config.features
        array = array_beside(clip, features.file_suffix)
        if array.ndim != 2 or array.shape[1] != features.file_channels:
            raise ValueError(
                f"the features of {clip.name} must be of shape [frames, {features.file_channels}], "
                f"got {list(array.shape)}"
            )
        frames = ceil_div(clip.extent, features.hop_samples)
        if abs(len(array) - frames) > 1:
            raise ValueError(
                f"the features of {clip.name} must be {frames} frames of {features.hop_samples} samples, give or take "
                f"one, got {len(array)}"
            )
        return array
