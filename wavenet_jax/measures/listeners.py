"""Models of a listener who compares a copy with its recording: PESQ, STOI and ESTOI."""

import warnings

import numpy as np

from wavenet_jax.measures.base import MEASURES, SPEECH_RATE, Clip, Material, Measure, NoValueError, Reading


@MEASURES.register("pesq")
class Pesq(Measure):
    """Wide-band PESQ (ITU-T P.862.2), as a mean opinion score."""

    unit = "MOS"
    range = (1, 4.644)
    better = "higher"
    purpose = "quality of a copy; sensitive to noise and phase, useless for sounds shifted in time"
    needs = ("reference",)
    extra = "metrics"

    def __init__(self, material: Material) -> None:
        self._package = self.load("pesq")

    def __call__(self, clip: Clip) -> Reading:
        assert clip.reference is not None
        reference, sound = clip.reference.at(SPEECH_RATE), clip.sound.at(SPEECH_RATE)
        try:
            value = self._package.pesq(SPEECH_RATE, reference, sound, "wb")
        except (self._package.PesqError, ValueError) as error:
            reason = error.args[0] if error.args else type(error).__name__
            raise NoValueError(reason.decode() if isinstance(reason, bytes) else str(reason)) from None
        return _finite(value)


class _Stoi(Measure):
    unit = ""
    better = "higher"
    needs = ("reference",)
    extra = "metrics"
    extended: bool

    def __init__(self, material: Material) -> None:
        self._package = self.load("pystoi")

    def __call__(self, clip: Clip) -> Reading:
        assert clip.reference is not None
        reference, sound = (s.waveform.astype(np.float64) for s in (clip.reference, clip.sound))
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            try:
                value = self._package.stoi(reference, sound, clip.sound.sample_rate, extended=self.extended)
            except RuntimeWarning:
                raise NoValueError("it has less than 0.4 s of speech") from None
        return _finite(value)


@MEASURES.register("stoi")
class Stoi(_Stoi):
    """Short-time objective intelligibility (Taal et al. 2011)."""

    range = (-1, 1)
    purpose = "whether the words of a copy can be understood"
    extended = False


@MEASURES.register("estoi")
class ExtendedStoi(_Stoi):
    """Extended short-time objective intelligibility (Jensen and Taal 2016)."""

    range = (-1, 1)
    purpose = "as STOI, with more resolution where that is near 1"
    extended = True


def _finite(value: float) -> Reading:
    if not np.isfinite(value):
        raise NoValueError("it is silent")
    return Reading(float(value))
