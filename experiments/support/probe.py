"""A free-running probe: the sound that a network generates on its own during training.

The loss scores one sample at a time on real audio, and can look fine while generation collapses to silence or noise.
The probe generates from a fixed seed and compares level and spectral flatness with held-out audio.
"""

from pathlib import Path

import jax
import numpy as np

import wavenet_jax
from experiments.support import plots
from wavenet_jax.audio.impression import Impression
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import RunConfig
from wavenet_jax.data import Source, describer_of_judged
from wavenet_jax.generation import Conditioned, GenerationOptions, Given, audible
from wavenet_jax.runs import RunDirectory, Trained
from wavenet_jax.typing import Params

_REFERENCE_SECONDS = 30
_SEED = 0


class Probe:
    """Generates from a fixed seed, and keeps the sound as WAV and PNG in ``samples/`` of the run directory.

    A network with conditions gets those of the first clip of real audio.
    """

    def __init__(self, workdir: Path, config: RunConfig, seconds: float, real: Source) -> None:
        self._config, self._run, self._seconds = config, RunDirectory(workdir), seconds
        samples = config.model.whole_frames(round(seconds * config.model.sample_rate))
        conditions = describer_of_judged(config, real)(0, 0, samples)
        self._conditioned = Conditioned(conditions, samples if config.model.is_local else None)
        beginning = _beginning(real, _REFERENCE_SECONDS * config.model.sample_rate)
        self.real = Impression.of(audible(beginning, config))

    def listen(self, params: Params, step: int) -> tuple[np.ndarray, Impression]:
        """Generates the waveform ``[T]`` of a network, and returns it with its impression."""
        run = wavenet_jax.Run(self._config, self._run.path, Trained(self._config, jax.device_get(params), step))
        options = GenerationOptions(seconds=self._seconds, seed=_SEED, devices=1, engine="scan")
        (waveform,) = run.generation(options, given=Given(conditions=[self._conditioned])).whole()
        return waveform, Impression.of(waveform)

    def keep(self, waveform: np.ndarray, step: int) -> None:
        """Writes the WAV file of a step."""
        self._run.samples.mkdir(exist_ok=True)
        write_wav(self._path(step), waveform, self._config.model.sample_rate, generated=True)

    def draw(self, waveform: np.ndarray, step: int) -> None:
        """Writes the picture of a step."""
        self._run.samples.mkdir(exist_ok=True)
        picture = self._path(step).with_suffix(".png")
        plots.save_sounds(picture, {f"step {step}": waveform}, self._config.model.sample_rate)

    def _path(self, step: int) -> Path:
        return self._run.samples / f"step_{step:07d}.wav"


def _beginning(source: Source, samples: int) -> np.ndarray:
    """Reads the first clips, up to ``samples`` samples in total."""
    pieces, left = [], samples
    for clip in range(len(source)):
        stop = min(int(source.lengths[clip]), left)
        pieces.append(source.read(clip, 0, stop))
        left -= stop
        if not left:
            break
    return np.concatenate(pieces)
