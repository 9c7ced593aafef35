"""The two protocols of conditions, and the clip that they are measured from."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Protocol

import numpy as np

from wavenet_jax.config import ConditioningConfig, FeatureConfig, WaveNetConfig
from wavenet_jax.config.tables import FRAME_CONDITIONS, STREAM_CONDITIONS
from wavenet_jax.typing import Array


class Clip(Protocol):
    """A recording at the model's sample rate, mono."""

    def __hash__(self) -> int:
        """Hashes it, so that what was measured can be kept."""

    @property
    def name(self) -> str:
        """The clip's name, for error messages."""

    @property
    def extent(self) -> int:
        """Samples that can be read."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The clip's class in each family, as FAMILY=NAME."""

    def beside(self, suffix: str) -> str | None:
        """Returns the path of a file beside the recording, its extension replaced by ``suffix``; None: no file."""

    def read(self, start: int, stop: int) -> np.ndarray:
        """Reads samples ``start`` to ``stop``, ``0 <= start <= stop <= extent``: float32 ``[stop - start]``."""


class Parameters(Protocol):
    """Makes a network's parameters by name: see ``wavenet_jax.model.parameters.Projections``."""

    def kernel(self, name: str, shape: tuple[int, ...], fan_in: tuple[int, ...], gain: float = 1.0) -> Array:
        """Makes a kernel whose outputs are its last axis and whose inputs are the axes ``fan_in``."""

    def table(self, name: str, shape: tuple[int, ...]) -> Array:
        """Makes rows to look up."""

    def bias(self, name: str, shape: tuple[int, ...], start: np.ndarray | None = None) -> Array:
        """Makes a bias that begins at ``start``, or at zero."""


class FrameCondition(ABC):
    """Numbers that describe each frame of ``hop_samples``; an object serves one network and its clips.

    Raises:
      ValueError: when it is made: the config's options do not fit.
    """

    measured: ClassVar[bool] = True
    """False where no recording tells the numbers: they come from arrays of whole frames (``feature_dir``) alone."""

    def __init__(self, config: WaveNetConfig) -> None:
        self.config = config

    @classmethod
    @abstractmethod
    def width(cls, features: FeatureConfig) -> int:
        """Returns W: the numbers that describe a frame."""

    @abstractmethod
    def frames(self, clip: Clip, first: int, last: int, factor: float | np.floating) -> np.ndarray:
        """Measures frames ``first`` to ``last`` of a clip: float32 ``[last - first, W]``.

        A frame has the same bits wherever a piece is cut.

        Args:
          clip: the recording.
          first: the first frame, at least 0.
          last: the frame after the last one, at most ``ceil(extent / hop_samples)``.
          factor: multiplies the waveform.
        """

    @property
    def silence(self) -> np.ndarray:
        """A frame beyond the ends of a clip: ``[W]``."""
        return np.zeros(self.width(self.config.features), np.float32)

    @property
    def limits(self) -> tuple[float, float] | None:
        """The least and the largest number that a frame can hold, measured of a waveform in [-1, 1]; None: any."""
        return None

    def check(self, clip: Clip) -> None:  # noqa: B027 (most conditions can be measured from any clip)
        """Raises ``ValueError`` where the condition cannot be measured from a clip."""

    def description(self) -> dict[str, object]:
        """Returns everything that decides the numbers, to be stored beside them and compared: as JSON has it."""
        return {}


class StreamCondition(ABC):
    """Numbers that describe a clip as a whole, embedded into ``global_channels``; an object serves one network."""

    option: ClassVar[str | None] = None
    """Field of ``ConditionOptions`` that gives it when sampling; None: it is measured from the clip that is given."""

    def __init__(self, config: WaveNetConfig) -> None:
        self.config = config

    @classmethod
    @abstractmethod
    def is_on(cls, conditioning: ConditioningConfig) -> bool:
        """Returns whether the network is conditioned on it."""

    @abstractmethod
    def of_clip(self, clip: Clip) -> np.ndarray:
        """Returns the numbers of a clip, ``[...]``; raises ``ValueError`` where there are none."""

    def of_option(self, given: Any) -> np.ndarray:
        """Returns the numbers, ``[...]``, from what the field ``option`` holds.

        Raises:
          ValueError: something is missing, or does not fit the network.
        """
        raise NotImplementedError(f"{type(self).__name__} names no option")

    @property
    @abstractmethod
    def example(self) -> np.ndarray:
        """Numbers that fit the network, ``[...]``, for measurements of speed."""

    def problem(self, clip: Clip) -> str | None:
        """Returns why a data set goes without a clip, as the end of a sentence that begins with its name, or None."""
        return None

    @abstractmethod
    def weights(self, parameters: Parameters, channels: int) -> Any:
        """Makes the parameters that embed the condition into ``channels`` (C): any pytree."""

    @abstractmethod
    def embed(self, weights: Any, values: Array) -> Array:
        """Embeds the numbers of B streams: ``[B, ...] -> [B, C]``."""


def frame_conditions(config: WaveNetConfig) -> list[FrameCondition]:
    """Returns the conditions of each frame, in the order of their numbers in a frame."""
    return [FRAME_CONDITIONS[name](config) for name in config.features.local_features]


def stream_conditions(config: WaveNetConfig) -> dict[str, StreamCondition]:
    """Returns the conditions of each stream by name, in the order in which their embeddings are added."""
    return {name: kind(config) for name, kind in STREAM_CONDITIONS.items() if kind.is_on(config.conditioning)}


def padded(clip: Clip, start: int, stop: int) -> np.ndarray:
    """Reads samples ``start`` to ``stop`` of a clip, zero beyond its ends: float32 ``[stop - start]``."""
    first, last = min(max(start, 0), clip.extent), min(max(stop, 0), clip.extent)
    return np.pad(clip.read(first, last), (first - start, stop - last))
