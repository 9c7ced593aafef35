"""A free-running probe: what the network makes on its own, listened to during training.

The loss judges one sample at a time on real audio, and can look fine while generation has collapsed to silence or to
noise. The probe generates from a fixed seed and compares level and spectral flatness with held-out audio.
"""

from pathlib import Path

import jax
import numpy as np

from experiments import plots
from experiments.outputs import WavFiles
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.audio.impression import Impression
from wavenet_jax.config import RunConfig
from wavenet_jax.data import Describer, Source, stacked
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import Ancestral, stream, whole_frames
from wavenet_jax.typing import Params

_REFERENCE_SECONDS = 30
_SEED = 0


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
