"""A guard against runaway output: streams that fall silent, or into noise, and would stay there.

A network takes its own output as input; once that is unlike anything it learned from, it seldom recovers.
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
    """Bounds on sound that is not worth keeping, and how often it is drawn again.

    The defaults suit recordings at a usual level, far from both bounds. Whispered or noisy material needs others;
    ``alarms`` shows which ones fit.
    """

    silence_db: float = option(-60.0, "Sound below this level is silence, in dBFS.")
    silence_seconds: float = option(1.0, "Silence that lasts this long, in seconds, is drawn again.", above=0)
    noise_db: float = option(-30.0, "Noise is louder than this, in dBFS.")
    noise_flatness: float = option(
        FLAT, "Noise has a higher spectral flatness than this; 1 is white.", at_least=0, at_most=1
    )
    noise_bits: float | None = option(
        None, "Noise costs more bits per sample than this; none: 0.7 of the bits of a code.", at_least=0
    )
    noise_seconds: float = option(0.3, "Noise that lasts this long, in seconds, is drawn again.", above=0)
    attempts: int = option(3, "How often sound is drawn again before it is kept as it is.", at_least=1)

    def verdict(self, config: WaveNetConfig, codes: np.ndarray, nats: np.ndarray) -> str:
        """Returns ``silence``, ``noise`` or ``sound`` for codes ``[T]`` and their log-likelihoods ``[T]``."""
        verdict = self._impression_of(Grid.of(config).decode(codes))
        bits = -float(np.mean(nats, dtype=np.float64)) / math.log(2)
        most = _BITS_OF_NOISE * math.log2(config.levels) if self.noise_bits is None else self.noise_bits
        return "sound" if verdict == "noise" and bits <= most else verdict

    def alarms(self, waveform: np.ndarray, sample_rate: int, chunk: int) -> dict[str, int]:
        """Counts how often it would go back in real audio ``[T]``, ``chunk`` samples at a time: for silence, for noise.

        At most, since no network says how surprising the audio is: whatever is loud and flat enough counts as noise.
        """
        verdicts = [
            self._impression_of(waveform[start : start + chunk]) for start in range(0, len(waveform) - chunk + 1, chunk)
        ]
        found = dict.fromkeys(("silence", "noise"), 0)
        for verdict, alike in itertools.groupby(verdicts):
            if chunk * len(list(alike)) >= self.patience(verdict, sample_rate):
                found[verdict] += 1
        return found

    def _impression_of(self, waveform: np.ndarray) -> str:
        """Judges a waveform by level and flatness alone."""
        impression = Impression.of(waveform)
        if impression.level_db < self.silence_db:
            return "silence"
        loud, flat = impression.level_db > self.noise_db, impression.flatness > self.noise_flatness
        return "noise" if loud and flat else "sound"

    def patience(self, verdict: str, sample_rate: int) -> float:
        """Returns the samples after which a verdict is acted on."""
        return {"silence": self.silence_seconds, "noise": self.noise_seconds}.get(verdict, math.inf) * sample_rate

    def chunks_held_back(self, sample_rate: int, chunk: int) -> int:
        """Counts the chunks of ``chunk`` samples that pieces come late, since nothing is redrawn once it is out."""
        return math.ceil(max(self.silence_seconds, self.noise_seconds) * sample_rate / chunk)


def ranked(bits_per_sample: np.ndarray, collapsed: np.ndarray | None = None) -> list[int]:
    """Ranks takes ``[N]`` from the best to the worst, by number: the most likely one first, collapsed ones last.

    Likelihood prefers what is easy to predict: quiet over loud, vowels over consonants, a held note over a run, and
    digital silence over everything. It finds the takes without accidents, not the most interesting ones, and compares
    only takes of the same kind; so those that collapsed (by ``Guard.verdict``, or ``accepted`` in ``Piece.redrawn``)
    come after all others however likely they are.
    """
    bits = np.asarray(bits_per_sample, np.float64)
    last = np.zeros(len(bits), bool) if collapsed is None else np.asarray(collapsed, bool)
    return [int(take) for take in np.lexsort((np.nan_to_num(bits, nan=np.inf), last))]
