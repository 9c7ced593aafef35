"""Pitch and voicing, frame by frame, by DIO and StoneMask (Morise et al. 2009 and 2016; the extra [f0])."""

import functools
import importlib
import math
import warnings
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.config import FeatureConfig, WaveNetConfig

_BLOCK_SECONDS = 2.0
_MARGIN_PERIODS = 15
_STEP_SECONDS = 0.005
_STONEMASK_LOWEST_HZ = 40


@dataclass(frozen=True)
class Pitch:
    """Measures pitch and voicing of a waveform at ``sample_rate`` Hz, as ``features`` says.

    Frames are those of ``LogMel``, each measured at the middle of its samples. The measure of a frame depends on its
    surroundings without a bound, so a signal is cut into fixed blocks of ``block_frames``, counted from its start, and
    each block sees ``margin`` samples to each side: then no frame depends on how much of the signal was read.

    Raises:
      ValueError: ``f0_high_hz`` is above a quarter of the sample rate.
    """

    sample_rate: int
    features: FeatureConfig

    @classmethod
    def of(cls, config: WaveNetConfig) -> "Pitch":
        """Returns the measure of a model that is conditioned on pitch."""
        return cls(config.sample_rate, config.features)

    def __post_init__(self) -> None:
        if self.features.f0_high_hz > self.sample_rate / 4:
            raise ValueError(
                f"f0_high_hz must be at most a quarter of the sample rate of {self.sample_rate}, "
                f"got {self.features.f0_high_hz:g}"
            )

    def check_installed(self) -> None:
        """Raises ``ValueError`` where pitch cannot be measured: the extra [f0] is missing."""
        _world()

    @property
    def hop_samples(self) -> int:
        """Samples of a frame."""
        return self.features.hop_samples

    @property
    def block_frames(self) -> int:
        """Frames that are measured together."""
        return max(1, round(_BLOCK_SECONDS * self.sample_rate / self.hop_samples))

    @property
    def margin(self) -> int:
        """Samples before a block's own, and as many after them, that are looked at."""
        return math.ceil(_MARGIN_PERIODS * self.sample_rate / self.features.f0_low_hz)

    def whole(self, waveform: np.ndarray) -> np.ndarray:
        """Measures all frames of a signal, see ``block``: float ``[T]`` to ``[ceil(T / hop_samples), 2]`` float32."""
        count = ceil_div(len(waveform), self.hop_samples)
        own = self.block_frames * self.hop_samples
        padded = np.pad(waveform, (self.margin, -len(waveform) % own + self.margin))
        blocks = [self.block(padded[start : start + own + 2 * self.margin]) for start in range(0, len(waveform), own)]
        return np.concatenate([*blocks, np.empty((0, 2), np.float32)])[:count]

    def block(self, padded: np.ndarray) -> np.ndarray:
        """Measures a block: float ``[margin + block_frames * hop_samples + margin]`` to ``[block_frames, 2]`` float32.

        Beyond the ends of the signal there are zeros. Column 0 is the pitch, from 0 at ``f0_low_hz`` to 1 at
        ``f0_high_hz`` on a logarithmic scale, and 0 where unvoiced; column 1 is 1 where voiced, else 0.

        Raises:
          ValueError: the length is another.
        """
        expected = self.block_frames * self.hop_samples + 2 * self.margin
        if len(padded) != expected:
            raise ValueError(f"a block must have {expected} samples, got {len(padded)}")
        low, high = self.features.f0_low_hz, self.features.f0_high_hz
        hertz = self._hertz(padded)
        voiced = hertz > 0
        pitch = np.log(np.clip(hertz, low, high) / low) / np.log(high / low)
        return np.stack([np.where(voiced, pitch, 0), voiced], axis=1).astype(np.float32)

    def hertz(self, frames: np.ndarray) -> np.ndarray:
        """Converts frames ``[F, 2]`` to pitch in Hz: ``[F]``, 0 where unvoiced."""
        low, high = self.features.f0_low_hz, self.features.f0_high_hz
        return np.where(frames[:, 1] > 0.5, low * (high / low) ** frames[:, 0], 0)

    def description(self) -> dict[str, object]:
        """Returns everything that decides the numbers, as JSON, to be stored beside them and compared."""
        return {
            "sample_rate": self.sample_rate,
            "hop_samples": self.hop_samples,
            "f0_low_hz": self.features.f0_low_hz,
            "f0_high_hz": self.features.f0_high_hz,
        }

    def _hertz(self, padded: np.ndarray) -> np.ndarray:
        """Estimates pitch in Hz at the middle of each frame of a block, 0 where unvoiced: ``[block_frames]``."""
        # DIO is tuned to steps of 5 ms: in longer ones it loses speech, in shorter ones it takes noise for a voice.
        world = _world()
        signal = padded.astype(np.float64)
        rough, _ = world.dio(
            signal,
            self.sample_rate,
            f0_floor=self.features.f0_low_hz,
            f0_ceil=self.features.f0_high_hz,
            frame_period=1000 * _STEP_SECONDS,
        )
        # On whole samples: between them StoneMask is off by up to half a percent.
        middles = self.margin + self.hop_samples * np.arange(self.block_frames) + self.hop_samples // 2
        times = middles / self.sample_rate
        nearest = np.round(times / _STEP_SECONDS).astype(np.int64)
        coarse = rough[nearest]
        # StoneMask looks at six harmonics and gives up where they do not fit; there DIO has the last word.
        refinable = (coarse > _STONEMASK_LOWEST_HZ) & (coarse <= self.sample_rate / 12)
        return np.where(refinable, world.stonemask(signal, coarse, times, self.sample_rate), coarse)


def pitch(waveform: np.ndarray, config: WaveNetConfig) -> np.ndarray:
    """Measures pitch and voicing of a whole signal: float ``[T]`` to ``[F, 2]`` float32, as in ``Pitch.block``."""
    return Pitch.of(config).whole(waveform)


@functools.cache
def _world() -> ModuleType:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pyworld asks pkg_resources for its version, which is deprecated
            return importlib.import_module("pyworld")
    except ImportError:
        raise ValueError("f0 needs the extra [f0]: pip install wavenet-jax[f0]") from None
