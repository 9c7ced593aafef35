"""One whole reading of a file: how long it really is, how loud, and whether it can be used."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import numpy as np

from wavenet_jax.audio.files import AudioFileError, believed, header, mono_blocks, resampled, stated_seconds
from wavenet_jax.audio.wav import SOFTWARE, pcm16
from wavenet_jax.data.files.cache import PcmCache
from wavenet_jax.data.files.places import Found, local

_CLIPPED = 0.999
_LEAST_PEAK = 2.0**-15


class Listening(NamedTuple):
    """Options of reading files; part of what a scan's result depends on."""

    sample_rate: int
    """Hz, the model's."""
    channel: int | None
    """Counted from 0; None: the mean of all."""
    threshold: float
    """Amplitude above which a sample counts as sound and not as silence."""


class Scan(NamedTuple):
    """The content of one file, at the model's sample rate, mono."""

    problem: str | None = None
    """The reason why it cannot be used."""
    sample_rate: int = 0
    """Hz, the file's own; 0 where it could not be opened, like everything below."""
    channels: int = 0
    format: str = ""
    encoding: str = ""
    cached: bool = False
    """It is read from the cache of decoded audio, and not in place."""
    generated: bool = False
    """A program of this library made the sound."""
    stated_seconds: float = 0.0
    """Length by its header; 0 where it states none."""
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
    """Hash of the samples at 16 bit: equal for equal sounds, whatever the format."""


def scan(file: Found, listening: Listening, cache: PcmCache) -> Scan:
    """Reads a whole file, block by block, and leaves it in the cache if pieces cannot be read in place.

    Raises:
      ValueError: the cache cannot take it. (What is wrong with the file itself is in ``Scan.problem``.)
    """
    if file.problem:
        return Scan(file.problem)
    try:
        with local(file) as path:
            return _scanned(file, path, listening, cache)
    except AudioFileError as error:
        return Scan(str(error))


def _scanned(file: Found, path: str, listening: Listening, cache: PcmCache) -> Scan:
    """Scans a file, whose content is at ``path``."""
    claimed = header(path)
    stated = stated_seconds(path, claimed)
    opened = Scan(
        sample_rate=claimed.sample_rate,
        channels=claimed.channels,
        format=claimed.format,
        encoding=claimed.encoding,
        generated=claimed.software == SOFTWARE,
        stated_seconds=round(stated, 3),
    )
    cached = not (file.is_local and claimed.seeks and claimed.sample_rate == listening.sample_rate)
    measured = _measured(file, path, listening, cache, opened._replace(cached=cached))
    if measured.problem is None and not cached and measured.samples != claimed.frames:
        # Its header lies about its length, so it may about places too: from its start on, it can be read.
        measured = _measured(file, path, listening, cache, opened._replace(cached=True))
    return measured


def decoded(path: str, own_rate: int, listening: Listening) -> Iterator[np.ndarray]:
    """Reads a whole file at the model's rate, mono: float32 ``[T]`` blocks.

    Raises:
      AudioFileError: damaged, or it holds what is not sound.
    """
    yield from resampled(believed(mono_blocks(path, listening.channel)), own_rate, listening.sample_rate)


def _measured(file: Found, path: str, listening: Listening, cache: PcmCache, opened: Scan) -> Scan:
    meter = _Meter(listening.threshold)
    try:
        with ExitStack() as stack:
            sink = stack.enter_context(cache.writing(cache_key(file, listening))) if opened.cached else None
            for block in decoded(path, opened.sample_rate, listening):
                pcm = pcm16(block)
                meter.add(block, pcm)
                if sink is not None:
                    sink.write(pcm.data)
            return meter.result(opened)
    except AudioFileError as error:
        return opened._replace(problem=str(error))


def cache_key(file: Found, listening: Listening) -> str:
    """Returns the key under which the cache keeps a file as it is now."""
    identity = (file.path, file.size, file.mtime_ns, file.ctime_ns, listening.sample_rate, listening.channel)
    return hashlib.blake2b(os.fsencode(repr(identity)), digest_size=20).hexdigest()


class _Meter:
    """Figures of a signal that arrives in blocks."""

    def __init__(self, threshold: float):
        self._threshold = threshold
        self._samples = self._clipped = self._sound_start = self._sound_stop = 0
        self._peak = self._sum = self._energy = 0.0
        self._digest = hashlib.sha256()

    def add(self, block: np.ndarray, pcm: np.ndarray) -> None:
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

    def result(self, opened: Scan) -> Scan:
        """Completes what opening the file has shown.

        Raises:
          AudioFileError: it is empty or silent.
        """
        if not self._samples:
            raise AudioFileError("holds no samples")
        if self._peak < _LEAST_PEAK:
            cancel = ", or its channels cancel each other; choose one with channel" if opened.channels > 1 else ""
            raise AudioFileError(f"is silent throughout{cancel}")
        return opened._replace(
            samples=self._samples,
            peak=self._peak,
            mean=self._sum / self._samples,
            power=self._energy / self._samples,
            clipped=self._clipped,
            sound_start=self._sound_start,
            sound_stop=self._sound_stop,
            digest=self._digest.hexdigest(),
        )
