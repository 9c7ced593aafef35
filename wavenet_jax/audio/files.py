"""Audio files: what they claim to be, their samples block by block, and WAV files written.

Nothing here trusts a header: samples are counted as they come, and no buffer is larger than a block, whatever number of
frames or channels a file claims to have.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

SAMPLE_RATES = (100, 768_000)
"""Sample rates in Hz between which a file is believed."""

_SFE_BAD_FILE = 7
_BLOCK_FRAMES = 65_536
_BLOCK_SAMPLES = 1 << 20
_READ_IN_PLACE = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC"})
_EXACT = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"})


class AudioFileError(ValueError):
    """A file that cannot be used; the message is the reason, without the file's name."""


class Header(NamedTuple):
    """What a file claims to be."""

    sample_rate: int
    """Hz."""
    channels: int
    frames: int
    """Samples of one channel; headers may lie."""
    format: str
    """libsndfile's name of the container: WAV, FLAC, OGG, MP3, ..."""
    encoding: str
    """libsndfile's name of how samples are stored: PCM_16, FLOAT, VORBIS, ..."""

    @property
    def seeks(self) -> bool:
        """Whether any piece can be read exactly without the ones before it (lossy codecs cannot)."""
        return self.format in _READ_IN_PLACE and self.encoding in _EXACT


class _Forward(soundfile.SoundFile):
    """A file that is read from its start to its end.

    soundfile seeks after every read of a seekable file, which lossy decoders do not survive: the blocks of an MP3 would
    differ from the whole.
    """

    def seekable(self) -> bool:
        return False


def header(path: str) -> Header:
    """What the file at ``path`` claims to be.

    Raises:
      AudioFileError: not an audio file that can be read, or one that claims the impossible.
    """
    with _opened(path, soundfile.SoundFile) as file:
        return _header(file)


def mono_blocks(path: str, channel: int | None = None) -> Iterator[np.ndarray]:
    """The whole file in order, at its own sample rate: float32 ``[T]`` blocks.

    Args:
      path: of the file.
      channel: counted from 0; None is the mean of all channels.

    Raises:
      AudioFileError: the file cannot be read, has no such channel, or is damaged; the blocks before come first.
    """
    with _opened(path, _Forward) as file:
        claimed = _header(file)
        if channel is not None and channel >= claimed.channels:
            raise AudioFileError(
                f"has {claimed.channels} channels, but channel {channel} (counted from 0) was asked for"
            )
        size = max(1, min(_BLOCK_FRAMES, _BLOCK_SAMPLES // claimed.channels))
        while len(block := file.read(size, dtype="float32", always_2d=True)):
            yield _mono(block, channel)


def mono_piece(path: str, start: int, stop: int, channel: int | None = None) -> np.ndarray:
    """Samples ``start`` to ``stop`` of a file whose header ``seeks``, at its own rate: float32 ``[<= stop - start]``.

    Raises:
      AudioFileError: the file cannot be read.
    """
    with _opened(path, soundfile.SoundFile) as file:
        file.seek(start)
        return _mono(file.read(stop - start, dtype="float32", always_2d=True), channel)


def resampled(blocks: Iterator[np.ndarray], sample_rate: int, target_rate: int) -> Iterator[np.ndarray]:
    """Blocks of audio at another sample rate (soxr, high quality): float32 ``[T]`` blocks, some of them empty."""
    if sample_rate == target_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(sample_rate, target_rate, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def read_audio(path: str, sample_rate: int, channel: int | None = None) -> np.ndarray:
    """A whole file at ``sample_rate``, mono: float32 ``[T]``.

    Raises:
      ValueError: the file cannot be read; the message names it.
    """
    try:
        claimed = header(path)
        pieces = list(resampled(mono_blocks(path, channel), claimed.sample_rate, sample_rate))
    except AudioFileError as error:
        raise ValueError(f"{show(path)}: {error}") from None
    return np.nan_to_num(np.concatenate([*pieces, np.empty(0, np.float32)]), posinf=0.0, neginf=0.0)


def write_wav(path: str, waveform: np.ndarray, sample_rate: int) -> None:
    """Writes float ``[T]`` in [-1, 1] (clipped) as a 16-bit WAV file."""
    soundfile.write(os.fsencode(path), np.clip(waveform, -1.0, 1.0), sample_rate, format="WAV", subtype="PCM_16")


def show(path: str) -> str:
    """A path as one line of text that can be printed; whatever cannot appears as an escape."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def _opened(path: str, kind: type[soundfile.SoundFile]) -> Iterator[soundfile.SoundFile]:
    """Opens a regular file; whatever goes wrong while it is read becomes ``AudioFileError``."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise AudioFileError("is not a regular file")
        if not status.st_size:
            raise AudioFileError("is empty")
        file = kind(os.fsencode(path))
    except OSError as error:
        raise AudioFileError(f"cannot be opened: {error.strerror or error}") from None
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"is not readable audio: {_message(error)}") from None
    with file:
        try:
            yield file
        except soundfile.LibsndfileError as error:
            raise AudioFileError(f"is damaged: {_message(error)}") from None


def _message(error: soundfile.LibsndfileError) -> str:
    if error.code == _SFE_BAD_FILE:  # of a file that is there, and regular: its own words would mislead
        return "Format not recognised"
    return error.error_string.removeprefix("Error : ").rstrip(".")


def _header(file: soundfile.SoundFile) -> Header:
    lowest, highest = SAMPLE_RATES
    if not lowest <= file.samplerate <= highest:
        raise AudioFileError(f"claims a sample rate of {file.samplerate} Hz; {lowest} to {highest} Hz are believed")
    return Header(file.samplerate, file.channels, file.frames, file.format, file.subtype)


def _mono(block: np.ndarray, channel: int | None) -> np.ndarray:
    if channel is not None:
        return np.ascontiguousarray(block[:, channel])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is for the caller to see
        return block.mean(axis=1)
