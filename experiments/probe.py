"""A free-running probe: what the network makes on its own, listened to during training.

The loss judges one sample at a time on real audio, and can look fine while generation has collapsed to silence or to
noise. The probe generates from a fixed seed and compares level and spectral flatness with held-out audio.
"""

from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from scipy.signal import welch

from experiments import plots
from experiments.outputs import WavFiles
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.config import RunConfig
from wavenet_jax.data import Describer, Source, stacked
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import Ancestral, stream, whole_frames
from wavenet_jax.typing import Params

QUIET_DB = 40
"""So much below the level of real audio counts as silence."""

FLAT = 0.3
"""Spectral flatness above which, and above twice that of real audio, sound counts as noise. White noise has about 1."""

_REFERENCE_SECONDS = 30
_SEED = 0


@dataclass(frozen=True)
class Impression:
    """Two numbers that tell silence, noise and other sound apart."""

    level_db: float  # of the whole, relative to full scale; constant offsets do not count
    flatness: float  # geometric over arithmetic mean of the average power spectrum: 1 white, towards 0 tonal

    @classmethod
    def of(cls, waveform: np.ndarray) -> "Impression":
        """The impression of a waveform ``[T]``."""
        power = float(np.square(waveform - waveform.mean()).mean())
        spectrum = welch(waveform, nperseg=min(512, len(waveform)))[1][1:] + 1e-20
        return cls(10 * np.log10(power + 1e-12), float(np.exp(np.log(spectrum).mean()) / spectrum.mean()))

    def verdict(self, real: "Impression") -> str:
        """``silence``, ``noise`` or ``sound``, beside the impression of real audio."""
        if self.level_db < real.level_db - QUIET_DB:
            return "silence"
        if self.flatness > max(FLAT, 2 * real.flatness):
            return "noise"
        return "sound"


class Probe:
    """Generates from a fixed seed and keeps what it made as WAV and PNG in ``samples/`` of the run directory.

    A network that is told something is told what describes the first clip of real audio.
    """

    def __init__(self, workdir: Path, config: RunConfig, seconds: float, real: Source) -> None:
        self._config = config
        self._length = round(seconds * config.model.sample_rate)
        self._folder = workdir / "samples"
        self._folder.mkdir(exist_ok=True)
        chunk = whole_frames(config.model, self._length)
        self._conditions = stacked([Describer(config.model, real)(0, 0, chunk)])
        self.real = Impression.of(self._audible(_beginning(real, _REFERENCE_SECONDS * config.model.sample_rate)))

    def listen(self, params: Params, step: int) -> tuple[np.ndarray, Impression]:
        """The waveform ``[T]`` that the network makes, and its impression."""
        pieces = stream(
            WaveNet(self._config.model),
            jax.device_get(params),
            jax.random.key(_SEED),
            Ancestral(),
            batch_size=1,
            length=self._length,
            chunk=self._length,
            conditions=self._conditions,
        )
        codes = np.concatenate([piece.codes for piece in pieces], axis=1)
        waveform = self._audible(Grid.of(self._config.model).decode(codes)[0])
        path = self._folder / f"step_{step:07d}.wav"
        rate = self._config.model.sample_rate
        with WavFiles([path], rate) as files:
            files.write([waveform])
        plots.save_sounds(path.with_suffix(".png"), {f"step {step}": waveform}, rate)
        return waveform, Impression.of(waveform)

    def _audible(self, waveform: np.ndarray) -> np.ndarray:
        coefficient = self._config.data.pre_emphasis
        return waveform if coefficient is None else deemphasize(waveform, coefficient)


def _beginning(source: Source, samples: int) -> np.ndarray:
    """The first clips, up to ``samples`` samples in total."""
    pieces, left = [], samples
    for clip in range(len(source)):
        stop = min(int(source.lengths[clip]), left)
        pieces.append(source.read(clip, 0, stop))
        left -= stop
        if not left:
            break
    return np.concatenate(pieces)
