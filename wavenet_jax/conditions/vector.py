"""A vector that describes a clip as a whole, such as a speaker embedding."""

from functools import lru_cache
from typing import Any

import numpy as np

from wavenet_jax.conditions.arrays import array_beside, read_array
from wavenet_jax.conditions.base import Clip, Parameters, StreamCondition
from wavenet_jax.config import ConditioningConfig, WaveNetConfig
from wavenet_jax.config.tables import STREAM_CONDITIONS
from wavenet_jax.typing import Array


@STREAM_CONDITIONS.register("vector")
class VectorCondition(StreamCondition):
    """``vector_channels`` (V) numbers from a file beside the recording: float32 ``[V]``."""

    option = "vector"

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__(config)
        self._vector = lru_cache(maxsize=256)(self._read)

    @classmethod
    def is_on(cls, conditioning: ConditioningConfig) -> bool:
        return conditioning.vector_channels > 0

    def of_clip(self, clip: Clip) -> np.ndarray:
        return self._vector(clip)

    def of_option(self, given: str | np.ndarray | None) -> np.ndarray:
        if isinstance(given, np.ndarray):
            return self._checked(given, "the stream")
        if given is None:
            raise ValueError(f"the network needs a vector of {self._channels} numbers; give vector=FILE.npy")
        return self._checked(read_array(given), given)

    @property
    def example(self) -> np.ndarray:
        return np.zeros(self._channels, np.float32)

    def weights(self, parameters: Parameters, channels: int) -> Array:
        return parameters.kernel("vector_kernel", (self._channels, channels), (0,))

    def embed(self, weights: Any, values: Array) -> Array:
        return values.astype(weights.dtype) @ weights

    @property
    def _channels(self) -> int:
        return self.config.conditioning.vector_channels

    def _read(self, clip: Clip) -> np.ndarray:
        return self._checked(array_beside(clip, self.config.conditioning.vector_suffix), clip.name)

    def _checked(self, array: np.ndarray, name: str) -> np.ndarray:
        if array.shape != (self._channels,):
            raise ValueError(f"the vector of {name} must be of shape [{self._channels}], got {list(array.shape)}")
        vector = np.asarray(array, np.float32)
        if not np.isfinite(vector).all():
            raise ValueError(f"the vector of {name} must hold finite numbers")
        return vector
