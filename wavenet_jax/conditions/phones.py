"""What is said in each frame, by phones: told to the network, not measured from sound (WaveNet, §3.2)."""

from typing import ClassVar

import numpy as np

from wavenet_jax.conditions.base import Clip, FrameCondition
from wavenet_jax.config import FeatureConfig
from wavenet_jax.config.tables import FRAME_CONDITIONS

PHONE_COLUMNS = 187
"""Numbers that describe a frame: see ``wavenet_jax.acoustic.linguistic``, where they come from."""


@FRAME_CONDITIONS.register("phones")
class PhonesCondition(FrameCondition):
    """The phone that sounds, its neighbours, its place in word and phrase, and the frame's place in it."""

    measured: ClassVar[bool] = False

    @classmethod
    def width(cls, features: FeatureConfig) -> int:
        return PHONE_COLUMNS

    def frames(self, clip: Clip, first: int, last: int, factor: float | np.floating) -> np.ndarray:
        raise ValueError(self._refusal(clip))

    def check(self, clip: Clip) -> None:
        raise ValueError(self._refusal(clip))

    @property
    def limits(self) -> tuple[float, float]:
        return 0.0, 2.0

    def description(self) -> dict[str, object]:
        return {"phone_columns": PHONE_COLUMNS}

    def _refusal(self, clip: Clip) -> str:
        return (
            f"the phones of {clip.name} cannot be measured from its sound: training takes them from feature_dir, which "
            "wavenet features --phones writes, and wavenet say from a text"
        )
