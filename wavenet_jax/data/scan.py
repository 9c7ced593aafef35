"""Listening to one file once: how long it really is, how loud, and whether it can be used."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from wavenet_jax.audio.files import AudioFileError, header, mono_blocks, resampled
from wavenet_jax.data.cache import PcmCache, to_pcm16
from wavenet_jax.data.listing import Found

HIGHEST_PEAK = 2.0
"""Files beyond it are not scaled to [-1, 1]; codecs and resampling alone overshoot by less."""

_CLIPPED = 0.999
_LEAST_PEAK = 2.0**-15


class Listening(NamedTuple):
    """How files are listened to; part of what a scan's result depends on."""

    sample_rate: int
    """Hz, the model's."""
    channel: int | None
    """Counted from 0; None: the mean of all."""
    threshold: float
    """Amplitude above which a sample counts as sound and not as silence."""


class Scan(NamedTuple):
    """What one file holds, at the model's sample rate, mono."""

    problem: str | None = None
    """Why it cannot be used."""
    sample_rate: int = 0
    """Hz, the file's own; 0 where it could not be opened, like everything below."""
    channels: int = 0
    format: str = ""
    encoding: str = ""
    cached: bool = False
    """Whether it is read from the cache of decoded audio, and not in place."""
    samples: int = 0
    """Length at the model's rate."""
    peak: float = 0.0
    """Greatest absolute value."""
    mean: float = 0.0
    power: float = 0.0
    """Mean square."""
    clipped: int = 0
    """Samples at full scale."""
    sound_start: int = 0
    """First sample above the threshold of silence."""
    sound_stop: int = 0
    """One past the last such sample; 0 where there is none."""
    digest: str = ""
    """Of the samples at 16 bit: equal for equal sounds, whatever the format."""


def scan(file: Found, listening: Listening, cache: PcmCache) -> Scan:
    """Listens to a whole file, block by block, and leaves it in the cache if it cannot be read in place.

    Raises:
      ValueError: the cache cannot take it. (What is wrong with the file itself is in ``Scan.problem``.)
    """
    if file.problem:
        return Scan(file.problem)
    try:
        claimed = header(file.path)
    except AudioFileError as error:
        return Scan(str(error))
    known = Scan(None, claimed.sample_rate, claimed.channels, claimed.format, claimed.encoding)
    cached = not claimed.seeks or claimed.sample_rate != listening.sample_rate
    heard = _heard(file, listening, cache, known._replace(cached=cached))
    if heard.problem is None and not cached and heard.samples != claimed.frames:
        # Its header lies about its length, so it may about places too: from its start on, it can be read.
        heard = _heard(file, listening, cache, known._replace(cached=True))
    return heard


def decoded(path: str, own_rate: int, listening: Listening) -> Iterator[np.ndarray]:
    """A whole file at the model's rate, mono: float32 ``[T]`` blocks.

    Raises:
      AudioFileError: damaged, or it holds what is no sound.
    """
    yield from resampled(_finite(mono_blocks(path, listening.channel)), own_rate, listening.sample_rate)


def _heard(file: Found, listening: Listening, cache: PcmCache, known: Scan) -> Scan:
    meter = _Meter(listening.threshold)
    try:
        with ExitStack() as stack:
            sink = stack.enter_context(cache.writing(cache_key(file, listening))) if known.cached else None
            for block in decoded(file.path, known.sample_rate, listening):
                pcm = to_pcm16(block)
                meter.hear(block, pcm)
                if sink is not None:
                    sink.write(pcm.data)
            heard = meter.result(known)
    except AudioFileError as error:
        return known._replace(problem=str(error))
    return heard


def cache_key(file: Found, listening: Listening) -> str:
    """Under which key the cache keeps a file as it is now."""
    identity = (file.path, file.size, file.mtime_ns, listening.sample_rate, listening.channel)
    return hashlib.blake2b(os.fsencode(repr(identity)), digest_size=20).hexdigest()


class _Meter:
    """Figures of a signal that arrives in blocks."""

    def __init__(self, threshold: float):
        self._threshold = threshold
        self._samples = self._clipped = self._sound_start = self._sound_stop = 0
        self._peak = self._sum = self._energy = 0.0
        self._digest = hashlib.sha256()

    def hear(self, block: np.ndarray, pcm: np.ndarray) -> None:
        """Takes in float32 ``[T]`` and the same at 16 bit."""
        magnitude = np.abs(block)
        loud = magnitude > self._threshold
        if loud.any():
            if not self._sound_stop:
                self._sound_start = self._samples + int(loud.argmax())
            self._sound_stop = self._samples + len(loud) - int(loud[::-1].argmax())
        self._samples += len(block)
        self._clipped += int(np.count_nonzero(magnitude >= _CLIPPED))
        self._peak = max(self._peak, float(magnitude.max(initial=0.0)))
        self._sum += float(block.sum(dtype=np.float64))
        self._energy += float(block @ block)
        self._digest.update(pcm.data)

    def result(self, known: Scan) -> Scan:
        """What is known of the file, completed.

        Raises:
          AudioFileError: it is empty or silent.
        """
        if not self._samples:
            raise AudioFileError("holds no samples")
        if self._peak < _LEAST_PEAK:
            cancel = ", or its channels cancel each other; choose one with --channel" if known.channels > 1 else ""
            raise AudioFileError(f"is silent throughout{cancel}")
        return known._replace(
            samples=self._samples,
            peak=self._peak,
            mean=self._sum / self._samples,
            power=self._energy / self._samples,
            clipped=self._clipped,
            sound_start=self._sound_start,
            sound_stop=self._sound_stop,
            digest=self._digest.hexdigest(),
        )


def _finite(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    for block in blocks:
        if not np.isfinite(block).all():
            raise AudioFileError("holds samples that are not numbers (NaN or infinity)")
        if np.abs(block).max(initial=0.0) > HIGHEST_PEAK:
            raise AudioFileError(
                f"reaches {np.abs(block).max():g}, far beyond full scale (1.0); scale its samples to [-1, 1]"
            )
        yield block
