"""Prepares files before they are cut: trimming, offset, gain, pre-emphasis. All of it is off by default."""

from typing import NamedTuple

import numpy as np

from wavenet_jax.audio.emphasis import emphasize
from wavenet_jax.config import DataConfig
from wavenet_jax.data.files.scan import Scan

_CEILING = 0.999
_GREATEST_GAIN = 100.0
"""40 dB: what lies further below is noise, not quiet sound."""


class Preparation(NamedTuple):
    """The steps by which one file becomes a clip."""

    start: int
    """First sample of the file that the clip holds."""
    stop: int
    """One past the last."""
    offset: float
    """Is subtracted."""
    gain: float
    """Multiplies what is left."""
    pre_emphasis: float | None

    @property
    def context(self) -> int:
        """Samples in front of a piece that its first sample depends on."""
        return 0 if self.pre_emphasis is None else 1

    def apply(self, waveform: np.ndarray) -> np.ndarray:
        """Prepares a piece of the file: float32 ``[T]`` in [-1, 1] of the same shape."""
        prepared = (waveform - np.float32(self.offset)) * np.float32(self.gain)
        if self.pre_emphasis is not None:
            prepared = emphasize(prepared, self.pre_emphasis)
        return np.clip(prepared, -1.0, 1.0)


def preparation(scan: Scan, data: DataConfig, sample_rate: int) -> Preparation:
    """Works out how a usable file is prepared, from its scan."""
    start, stop = sound(scan, data, sample_rate) if data.trim_silence else (0, scan.samples)
    offset = scan.mean if data.remove_dc else 0.0
    return Preparation(start, stop, offset, _gain(scan, data, offset), data.pre_emphasis)


def sound(scan: Scan, data: DataConfig, sample_rate: int) -> tuple[int, int]:
    """Finds where a file's sound starts and stops, margins included; a file that is below the threshold stays whole."""
    if not scan.sound_stop:
        return 0, scan.samples
    margin = round(data.trim_margin_seconds * sample_rate)
    return max(0, scan.sound_start - margin), min(scan.samples, scan.sound_stop + margin)


def _gain(scan: Scan, data: DataConfig, offset: float) -> float:
    peak = scan.peak + abs(offset)
    if data.normalize == "peak":
        return min(_amplitude(data.peak_db) / peak, _GREATEST_GAIN)
    if data.normalize == "loudness":
        power = scan.power - 2 * offset * scan.mean + offset**2
        return min(_amplitude(data.loudness_db) / max(power, 1e-12) ** 0.5, _CEILING / peak, _GREATEST_GAIN)
    return 1.0


def _amplitude(level_db: float) -> float:
    return 10.0 ** (level_db / 20)
