"""The vocoder WORLD (Morise et al. 2016; pyworld): its spectral envelope and pitch, as measures and as a yardstick."""

import functools
import math
from types import ModuleType
from typing import NamedTuple

import numpy as np

from wavenet_jax.measures.base import MEASURES, Clip, Material, Measure, NoValueError, Reading, Sound, load

_FRAME_MS = 5.0
_COEFFICIENTS = 24


class Analysis(NamedTuple):
    """WORLD's analysis of a sound, every 5 ms."""

    f0: np.ndarray
    """Pitch in Hz, 0 where unvoiced: float64 ``[F]``."""
    times: np.ndarray
    """In seconds: float64 ``[F]``."""


def analysis(sound: Sound) -> Analysis:
    """Finds pitch and voicing by Harvest (Morise 2017)."""
    return Analysis(*_world().harvest(_signal(sound), sound.sample_rate, frame_period=_FRAME_MS))


def envelope(sound: Sound) -> np.ndarray:
    """Estimates the power spectrum without its harmonics by CheapTrick (Morise 2015): float64 ``[F, bins]``."""
    found = sound.derived(analysis)
    return _world().cheaptrick(_signal(sound), found.f0, found.times, sound.sample_rate)


def cepstrum(sound: Sound) -> np.ndarray:
    """Codes the envelope as a mel-cepstrum, like that of SPTK: ``[F, 1 + 24]``.

    ``ln |H(w)| = sum_k c_k cos(k w)`` on the mel scale.
    """
    coded = _world().code_spectral_envelope(sound.derived(envelope), sound.sample_rate, 1 + _COEFFICIENTS)
    return coded / math.sqrt(2)  # WORLD's are of the power spectrum, by an orthonormal transform


def copied(sound: Sound) -> np.ndarray:
    """Analyses a sound and synthesises it again: pitch, envelope and aperiodicity (D4C; Morise 2016), ``[T]``."""
    world, found = _world(), sound.derived(analysis)
    aperiodicity = world.d4c(_signal(sound), found.f0, found.times, sound.sample_rate)
    made = world.synthesize(found.f0, sound.derived(envelope), aperiodicity, sound.sample_rate, _FRAME_MS)
    return np.pad(made, (0, max(0, len(sound) - len(made))))[: len(sound)]


class _World(Measure):
    better = "lower"
    needs = ("reference",)
    extra = "metrics"

    def __init__(self, material: Material) -> None:
        self.load("pyworld")


@MEASURES.register("mel_cepstral_db")
class MelCepstralDistance(_World):
    """Mel-cepstral distortion (Kubichek 1993) of WORLD's envelopes: coefficients 1 to 24, without warping time."""

    unit = "dB"
    range = (0, math.inf)
    purpose = "timbre, formants above all; blind to pitch, noise and loudness"

    def __call__(self, clip: Clip) -> Reading:
        assert clip.reference is not None
        difference = clip.reference.derived(cepstrum) - clip.sound.derived(cepstrum)
        return Reading(float(np.sqrt(2 * np.square(difference[:, 1:]).sum(axis=1)).mean() * 10 / math.log(10)))


@MEASURES.register("f0_error_cents")
class PitchError(_World):
    """Root mean square difference of the pitch, where both sounds are voiced."""

    unit = "cents"
    range = (0, math.inf)
    purpose = "pitch accuracy; 1,200 cents are an octave; hardly defined for noise"

    def __call__(self, clip: Clip) -> Reading:
        assert clip.reference is not None
        real, found = (sound.derived(analysis).f0 for sound in (clip.reference, clip.sound))
        both = (real > 0) & (found > 0)
        if not both.any():
            raise NoValueError("no frame is voiced in both")
        return Reading(float(np.sqrt(np.square(1_200 * np.log2(found[both] / real[both])).mean())))


@MEASURES.register("voicing_error")
class VoicingError(_World):
    """Share of frames that are voiced in one sound and not in the other."""

    unit = "%"
    range = (0, 100)
    purpose = "hoarseness, and buzz where there should be none"

    def __call__(self, clip: Clip) -> Reading:
        assert clip.reference is not None
        real, found = (sound.derived(analysis).f0 > 0 for sound in (clip.reference, clip.sound))
        return Reading(100 * float((real != found).mean()))


def _signal(sound: Sound) -> np.ndarray:
    return np.ascontiguousarray(sound.waveform, np.float64)


@functools.cache
def _world() -> ModuleType:
    return load("pyworld", "world", "metrics")
