"""How loud a recording is, and what one would do better the next time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

CLIPPED = 0.99
"""Samples beyond this are taken for cut off by the microphone, several of them in a row."""

_FRAME_SECONDS = 0.02
_MOST_CLIPPED = 3
_QUIET_DB = -36.0
_CLEAR_DB = 20.0
_SHORTEST_PHONE_SECONDS = 0.04
_LEAST_AMPLITUDE = 1e-5


@dataclass(frozen=True)
class Level:
    """Levels of a recording in dB, where a full sine's peak is 0."""

    peak: float
    rms: float
    speech: float
    """Of its louder frames of 20 ms."""
    room: float
    """Of its quietest ones: what sounds while nobody speaks."""
    clipped: int
    """Longest run of samples that are cut off."""
    seconds: float


def level(waveform: np.ndarray, sample_rate: int) -> Level:
    """Measures a waveform ``[T]``, of at least one sample."""
    length = max(1, round(_FRAME_SECONDS * sample_rate))
    whole = waveform[: max(len(waveform) // length, 1) * length]
    frames = whole.reshape(-1, min(length, len(whole)))
    each = np.sqrt((frames.astype(np.float64) ** 2).mean(axis=1))
    beyond = np.concatenate([[0], np.abs(waveform) >= CLIPPED, [0]]).astype(int)
    edges = np.flatnonzero(np.diff(beyond))
    return Level(
        peak=_decibels(float(np.abs(waveform).max())),
        rms=_decibels(float(np.sqrt((waveform.astype(np.float64) ** 2).mean()))),
        speech=_decibels(float(np.percentile(each, 90))),
        room=_decibels(float(np.percentile(each, 5))),
        clipped=int(max(edges[1::2] - edges[::2], default=0)),
        seconds=len(waveform) / sample_rate,
    )


def notes(found: Level, phones: int) -> Iterator[str]:
    """What is wrong with a recording of so many phones, and what to do about it; nothing where it is good."""
    if found.clipped >= _MOST_CLIPPED:
        yield "It is clipped: peaks are cut off. Move away from the microphone, or lower its level."
    if found.speech < _QUIET_DB:
        yield "It is too quiet. Come closer to the microphone, or raise its level."
    elif found.speech - found.room < _CLEAR_DB:
        yield "The room is loud beside the voice, or there is no pause around it. Find a quieter place."
    if found.seconds < phones * _SHORTEST_PHONE_SECONDS:
        yield "It is very short: is the whole sentence there?"


def _decibels(amplitude: float) -> float:
    return 20 * float(np.log10(max(amplitude, _LEAST_AMPLITUDE)))
