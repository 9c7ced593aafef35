"""The log-mel spectrum of each frame."""

import numpy as np

from wavenet_jax.audio.features import LogMel
from wavenet_jax.conditions.base import Clip, FrameCondition, padded
from wavenet_jax.config import FeatureConfig, WaveNetConfig
from wavenet_jax.config.tables import FRAME_CONDITIONS


@FRAME_CONDITIONS.register("mel")
class MelCondition(FrameCondition):
    """``mel_channels`` log-mel values, as ``wavenet_jax.audio.features.LogMel`` measures them."""

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__(config)
        self._measure = LogMel.of(config)

    @classmethod
    def width(cls, features: FeatureConfig) -> int:
        return features.mel_channels

    def frames(self, clip: Clip, first: int, last: int, factor: float | np.floating) -> np.ndarray:
        hop, margin = self._measure.hop_samples, self._measure.margin
        return self._measure.frames(np.float32(factor) * padded(clip, first * hop - margin, last * hop + margin))

    @property
    def silence(self) -> np.ndarray:
        return self._measure.silence

    @property
    def limits(self) -> tuple[float, float]:
        # No bin of a waveform in [-1, 1] is above the sum of the window, and no band above that in all of its bins.
        loudest = self._measure.window.sum() ** self.config.features.mel_power * self._measure.filterbank.sum(axis=1)
        return float(self.silence.min()), float(self._measure.compress(loudest[None]).max())

    def description(self) -> dict[str, object]:
        return self._measure.description()
