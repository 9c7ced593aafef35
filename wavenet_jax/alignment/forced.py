"""Forced alignment of English speech with pocketsphinx and the acoustic model in its wheel (the extra [align])."""

import functools
import importlib
import warnings
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from wavenet_jax.alignment.segments import Alignment, Segment
from wavenet_jax.text import ENGLISH, Language, Word
from wavenet_jax.text.phones import without_stress

SAMPLE_RATE = 16_000
"""Hz, of the acoustic model."""

_STEP_SECONDS = 0.01
_MARGIN_SECONDS = 0.25
_LATE_SECONDS = 0.01  # by how much its boundaries come early, measured against true ones
_NOISE_STEPS = 2.0  # of 16 bits: digital silence has no logarithm
_SCORE_BASE = 1.0001
_SCORE_SHIFT = 1024
_OPTIONS = {
    "cmn": "batch",
    "lm": None,
    "bestpath": False,
    "beam": 1e-80,
    "pbeam": 1e-80,
    "wbeam": 1e-60,
    "loglevel": "FATAL",
}


def check_language(language: Language) -> None:
    """Raises ``ValueError`` where words are not of the language whose sounds pocketsphinx knows."""
    if language != ENGLISH:
        raise ValueError(
            f"pocketsphinx knows the sounds of English alone, got language={language.code}; give aligner=learned"
        )


class Aligner:
    """Aligns phones to the sound of clips.

    Raises:
      ValueError: the extra [align] is missing.
    """

    def __init__(self) -> None:
        self._decoder: Any = _pocketsphinx().Decoder(**_OPTIONS)
        self._names: dict[tuple[str, ...], str] = {}

    def __call__(self, waveform: np.ndarray, words: Sequence[Word]) -> Alignment | None:
        """Aligns a clip; returns None where its sound does not fit the words at all.

        Args:
          waveform: float ``[T]`` in [-1, 1] at ``SAMPLE_RATE``.
          words: the words of the clip in order, at least one; pauses may lie between any two.
        """
        sound = self._sound(waveform)
        if not self._decoded(sound, " ".join(self._name(word.phones) for word in words)):
            return None
        scores, steps, place = 0, 0, 0
        segments: list[Segment] = []
        # An entry is valid only until the next one is asked for.
        for entry in self._decoder.get_alignment():
            if entry.name.startswith("<") or entry.name == "SIL":
                segments.append(Segment("", None, self._seconds(entry.start), 0.0))
                continue
            if place == len(words):
                return None
            for phone, found in zip(words[place].phones, entry, strict=True):
                assert without_stress(phone) == found.name
                segments.append(Segment(phone, place, self._seconds(found.start), 0.0))
                scores, steps = scores + found.score, steps + found.duration
            place += 1
        if place < len(words):
            return None
        log_likelihood = scores * _SCORE_SHIFT * np.log(_SCORE_BASE) / max(steps, 1)
        return Alignment(tuple(words), _closed(segments, len(waveform) / SAMPLE_RATE), float(log_likelihood))

    def _decoded(self, sound: bytes, text: str) -> bool:
        """Decodes a sound twice, for words and then for their phones; returns False where they do not fit."""
        decoder = self._decoder
        try:
            decoder.set_align_text(text)
            self._hear(sound)
            if decoder.hyp() is None:
                return False
            decoder.set_alignment()
            self._hear(sound)
        except RuntimeError:  # how the decoder reports that there is no path
            return False
        return True

    def _hear(self, sound: bytes) -> None:
        with warnings.catch_warnings():
            # Deprecated as unnecessary, but without it earlier clips change the scores.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._decoder.start_stream()
        self._decoder.start_utt()
        self._decoder.process_raw(sound, full_utt=True)
        self._decoder.end_utt()

    def _name(self, phones: tuple[str, ...]) -> str:
        """Returns a word of the decoder's dictionary with these phones."""
        plain = tuple(map(without_stress, phones))
        if plain not in self._names:
            self._names[plain] = name = f"word{len(self._names)}"
            self._decoder.add_word(name, " ".join(plain), True)
        return self._names[plain]

    @staticmethod
    def _sound(waveform: np.ndarray) -> bytes:
        margin = round(_MARGIN_SECONDS * SAMPLE_RATE)
        noise = np.random.default_rng(0).normal(scale=_NOISE_STEPS, size=len(waveform) + 2 * margin)
        return np.clip(np.pad(32767.0 * waveform, margin) + noise, -32768, 32767).astype("<i2").tobytes()

    @staticmethod
    def _seconds(step: int) -> float:
        return round(step * _STEP_SECONDS + _LATE_SECONDS - _MARGIN_SECONDS, 3)


def _closed(segments: Sequence[Segment], length: float) -> tuple[Segment, ...]:
    """Closes gaps, so that segments cover the clip from 0 to its end in seconds, and joins adjacent pauses."""
    if segments[0].phone and segments[0].start > 0:
        segments = [Segment("", None, 0.0, 0.0), *segments]
    starts = [min(max(segment.start, 0.0), length) for segment in segments]
    starts[0] = 0.0
    result: list[Segment] = []
    for segment, start, stop in zip(segments, starts, [*starts[1:], length], strict=True):
        if not segment.phone and result and not result[-1].phone:
            result[-1] = result[-1]._replace(stop=stop)
        elif segment.phone or stop > start:
            result.append(segment._replace(start=start, stop=stop))
    return tuple(result)


@functools.cache
def _pocketsphinx() -> ModuleType:
    try:
        return importlib.import_module("pocketsphinx")
    except ImportError:
        raise ValueError("alignment needs the extra [align]: pip install wavenet-jax[align]") from None
