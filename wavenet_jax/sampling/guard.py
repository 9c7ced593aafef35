"""A guard against runaway output: streams that fall silent, or into noise, and would stay there.

A network hears nothing but itself; once what it hears is unlike anything it learned from, it seldom finds back.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np

from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.impression import FLAT, Impression
from wavenet_jax.config import Checked, WaveNetConfig, option

_BITS_OF_NOISE = 0.7
"""Share of a code's bits. White noise at -25 dBFS has 0.9 of them on 8 µ-law bits, 0.8 on 16 linear ones; held-out
speech costs trained networks 0.4 to 0.55."""


@dataclass(frozen=True)
class Guard(Checked):
    """What sound is not worth keeping, and how often it is drawn again.

    The defaults are for recordings at a usual level, far from both bounds. Music of whispers, or of noise, wants
    others; ``alarms`` tells which of them fit.
    """

    silence_db: float = option(-60.0, "Level in dB of full scale below which sound counts as silence.")
    silence_seconds: float = option(1.0, "Silence of this length, in seconds, is drawn again.", above=0)
    noise_db: float = option(-30.0, "Level in dB of full scale that noise is above.")
    noise_flatness: float = option(FLAT, "Spectral flatness that noise is above; 1 is white.", at_least=0, at_most=1)
    noise_bits: float | None = option(
        None, "Bits per sample that noise is above; none: seven tenths of those of a code.", at_least=0
    )
    noise_seconds: float = option(0.3, "Noise of this length, in seconds, is drawn again.", above=0)
    attempts: int = option(3, "How often sound is drawn again before it is kept as it is.", at_least=1)

    def verdict(self, config: WaveNetConfig, codes: np.ndarray, nats: np.ndarray) -> str:
        """``silence``, ``noise`` or ``sound``: of codes ``[T]`` and their log-likelihoods ``[T]``."""
        heard = self._heard(Grid.of(config).decode(codes))
        bits = -float(np.mean(nats, dtype=np.float64)) / math.log(2)
        most = _BITS_OF_NOISE * math.log2(config.levels) if self.noise_bits is None else self.noise_bits
        return "sound" if heard == "noise" and bits <= most else heard

    def alarms(self, waveform: np.ndarray, sample_rate: int, chunk: int) -> dict[str, int]:
        """How often it would go back in real audio ``[T]``, heard ``chunk`` samples at a time: for silence, for noise.

        At most, since no network says how surprising the audio is: whatever is loud and flat enough counts as noise.
        """
        verdicts = [
            self._heard(waveform[start : start + chunk]) for start in range(0, len(waveform) - chunk + 1, chunk)
        ]
        found = dict.fromkeys(("silence", "noise"), 0)
        for heard, alike in itertools.groupby(verdicts):
            if chunk * len(list(alike)) >= self.patience(heard, sample_rate):
                found[heard] += 1
        return found

    def _heard(self, waveform: np.ndarray) -> str:
        """What a waveform is by level and flatness alone."""
        impression = Impression.of(waveform)
        if impression.level_db < self.silence_db:
            return "silence"
        loud, flat = impression.level_db > self.noise_db, impression.flatness > self.noise_flatness
        return "noise" if loud and flat else "sound"

    def patience(self, verdict: str, sample_rate: int) -> float:
        """Samples after which a verdict is acted on."""
        return {"silence": self.silence_seconds, "noise": self.noise_seconds}.get(verdict, math.inf) * sample_rate

    def chunks_held_back(self, sample_rate: int, chunk: int) -> int:
        """How many chunks of so many samples a stream with this guard lags behind: what is out cannot be redrawn."""
        return math.ceil(max(self.silence_seconds, self.noise_seconds) * sample_rate / chunk)


def ranked(bits_per_sample: np.ndarray, collapsed: np.ndarray | None = None) -> list[int]:
    """The numbers of takes ``[N]`` from the best to the worst: the most likely one first, collapsed ones last.

    Likelihood prefers what is easy to predict: quiet over loud, vowels over consonants, a held note over a run, and
    digital silence over everything. It finds the takes without accidents, not the most interesting ones, and compares
    only takes of the same kind; so those that collapsed (by ``Guard.verdict``, or ``accepted`` in ``Piece.redrawn``)
    come behind all others however likely they are.
    """
    bits = np.asarray(bits_per_sample, np.float64)
    last = np.zeros(len(bits), bool) if collapsed is None else np.asarray(collapsed, bool)
    return [int(take) for take in np.lexsort((np.nan_to_num(bits, nan=np.inf), last))]
