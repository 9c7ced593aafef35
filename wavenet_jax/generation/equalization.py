"""Mel equalisation of copies: streams while they are generated, and whole ones, to the features of a run's network."""

import numpy as np

from wavenet_jax.audio.emphasis import deemphasize, emphasize
from wavenet_jax.audio.equalization import MelEqualizer, equalize
from wavenet_jax.audio.features import LogMel
from wavenet_jax.config import RunConfig


class Equalization:
    """Mel equalisation of a stream from its first sample to its last."""

    def __init__(self, run: RunConfig, frames: np.ndarray, passes: int, prompt: int, length: int) -> None:
        """
        Args:
          run: the run whose network makes the stream.
          frames: features of its samples, and of those around them: ``[before + F + after, C]``.
          passes: of equalisation.
          prompt: samples at the beginning that are left as they are, of whole frames.
          length: samples of the stream, its prompt included.

        Raises:
          ValueError: log-mel is not among the features.
        """
        measure = LogMel.of(run.model)
        begin = prompt // measure.hop_samples
        self._equalizer = MelEqualizer(measure, mel_of(frames, run), passes, begin)
        self._left = length

    @property
    def lookahead(self) -> int:
        """Samples by which what is given out lies behind what came in, at most."""
        return self._equalizer.lookahead

    def __call__(self, piece: np.ndarray) -> np.ndarray:
        """Takes the next samples and returns those that are ready, with the last one all: float32 in [-1, 1]."""
        ready = self._equalizer(piece)
        if len(piece) and len(piece) == self._left:
            ready = np.concatenate([ready, self._equalizer.finish()])
        self._left -= len(piece)
        return np.clip(ready, -1, 1)


def mel_of(frames: np.ndarray | None, run: RunConfig) -> np.ndarray:
    """Takes log-mel out of features ``[before + F + after, C]`` of a run's network: ``[F, mel_channels]``.

    Raises:
      ValueError: log-mel is not among them.
    """
    features, around = run.model.features, run.model.conditioning
    if frames is None or "mel" not in features.local_features:
        raise ValueError(
            "mel_equalization needs a network that is conditioned on log-mel (local_features=mel), and this is none; "
            "leave it out"
        )
    return frames[around.frames_before : len(frames) - around.frames_after, features.columns("mel")]


def equalized(waveform: np.ndarray, frames: np.ndarray | None, run: RunConfig, passes: int) -> np.ndarray:
    """Equalises a waveform as it sounds: float32 ``[T]`` of float ``[T]``.

    Args:
      waveform: a copy.
      frames: features that it was made from, and those around them: ``[before + F + after, C]``.
      run: the run whose network is conditioned on them.
      passes: how often; each comes closer.

    Raises:
      ValueError: log-mel is not among the features, they are too few, or there is no pass.
    """
    mel, coefficient = mel_of(frames, run), run.data.pre_emphasis
    emphasized = waveform if coefficient is None else emphasize(waveform, coefficient)
    made = np.clip(equalize(emphasized, mel, LogMel.of(run.model), passes), -1, 1)
    return made if coefficient is None else deemphasize(made, coefficient)
