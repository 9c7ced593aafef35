"""The features of a vocoder as an acoustic model predicts them, and back; phones are not among them."""

from typing import Any, NamedTuple

import numpy as np

from wavenet_jax.acoustic.config import AcousticRunConfig
from wavenet_jax.audio.features import LogMel
from wavenet_jax.conditions import frame_conditions


class FeatureRange(NamedTuple):
    """Where the columns of frames ``[..., C]`` lie, and the range of their log-mel values."""

    mel: slice
    """Columns of log-mel; none for a vocoder without."""
    pitch: int | None
    """Column of the pitch, before that of voicing; None for a vocoder without pitch."""
    low: float
    high: float
    log_power: float = 1.0
    """Natural logarithm of the power that 1 of log-mel in [-1, 1] stands for."""

    @property
    def has_pitch(self) -> bool:
        """True if frames hold pitch and voicing."""
        return self.pitch is not None

    def split(self, frames: Any) -> tuple[Any, Any, Any]:
        """Divides frames into log-mel in [-1, 1] ``[..., M]``, pitch and voicing ``[...]``; zeros without pitch."""
        mel = (frames[..., self.mel] - self.low) * (2 / (self.high - self.low)) - 1
        if self.pitch is None:
            return mel, 0 * mel[..., 0], 0 * mel[..., 0]
        return mel, frames[..., self.pitch], frames[..., self.pitch + 1]

    def joined(self, mel: np.ndarray, pitch: np.ndarray, voiced: np.ndarray) -> np.ndarray:
        """Inverts ``split``: ``[F, M], [F], [F]`` to float32 ``[F, C]``."""
        count = mel.shape[-1] + 2 * self.has_pitch
        frames = np.empty((len(mel), count), np.float32)
        frames[:, self.mel] = np.clip((mel + 1) * ((self.high - self.low) / 2) + self.low, self.low, self.high)
        if self.pitch is not None:
            frames[:, self.pitch] = np.where(voiced, np.clip(pitch, 0, 1), 0)
            frames[:, self.pitch + 1] = voiced
        return frames


def feature_range(config: AcousticRunConfig) -> FeatureRange:
    """Returns the layout of the measured features of a config."""
    features = config.measured.features
    conditions = dict(zip(features.local_features, frame_conditions(config.measured), strict=True))
    mel, (low, high), log_power = slice(0, 0), (0.0, 1.0), 1.0
    if "mel" in conditions:
        mel, limits = features.columns("mel"), conditions["mel"].limits
        assert limits is not None
        low, high = limits
        unit, _ = LogMel.of(config.measured).log_scale
        log_power = unit * (high - low) / features.mel_power
    return FeatureRange(mel, features.columns("f0").start if "f0" in conditions else None, low, high, log_power)
