"""Audio files: their headers, and their samples block by block.

Nothing here trusts a header: samples are counted as they come, all streams of a file are read (see ``streams``), and no
buffer is larger than a block, whatever number of frames or channels a file claims to have.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from wavenet_jax.audio.streams import Span, Stream, streams

SAMPLE_RATES = (100, 768_000)
"""Sample rates in Hz between which a file is believed."""

HIGHEST_PEAK = 2.0
"""Files beyond it are not scaled to [-1, 1]; codecs and resampling alone overshoot by less."""

FOREIGN_EXTENSIONS = frozenset(
    (".m4a", ".m4b", ".mp4", ".aac", ".wma", ".ape", ".wv", ".amr", ".3gp", ".webm", ".mka", ".ac3", ".dsf")
)
"""Lower-case ends of the names of sound that libsndfile does not decode, and ffmpeg does."""

_SFE_BAD_FILE = 7
_BLOCK_FRAMES = 65_536
_BLOCK_SAMPLES = 1 << 20
_READ_IN_PLACE = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC"})
_EXACT = frozenset({"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"})


class AudioFileError(ValueError):
    """A file that cannot be used; the message is the reason, without the file's name."""


class Header(NamedTuple):
    """Facts that a file states about itself."""

    sample_rate: int
    """Hz."""
    channels: int
    frames: int
    """Samples of one channel; headers may lie."""
    format: str
    """libsndfile's name of the container: WAV, FLAC, OGG, MP3, ..."""
    encoding: str
    """libsndfile's name of how samples are stored: PCM_16, FLOAT, VORBIS, ..."""
    software: str = ""
    """The program that wrote it, by its own account."""

    @property
    def seeks(self) -> bool:
        """True if any piece can be read exactly without the ones before it (not so in lossy codecs)."""
        return self.format in _READ_IN_PLACE and self.encoding in _EXACT


class _Forward(soundfile.SoundFile):
    """A file that is read from its start to its end.

    soundfile seeks after every read of a seekable file, which lossy decoders do not survive: the blocks of an MP3 would
    differ from the whole.
    """

    def seekable(self) -> bool:
        return False


def header(path: str) -> Header:
    """Reads the facts that the file at ``path`` states about itself.

    Raises:
      AudioFileError: not an audio file that can be read, or one that claims the impossible.
    """
    try:
        with _opened(path, soundfile.SoundFile) as file:
            return _header(file)
    except AudioFileError:
        first = _streams(path)[0] if os.path.isfile(path) else None
        if first is None:
            raise
    with _opened(path, soundfile.SoundFile, first) as file:  # libsndfile opens no WAV file that others follow
        return _header(file)


def stated_seconds(path: str, claimed: Header) -> float:
    """Returns the length that a file's header states; 0 where it states none, or is that of one stream of several.

    Raises:
      AudioFileError: the file cannot be read.
    """
    return claimed.frames / claimed.sample_rate if _streams(path) == [None] else 0.0


def mono_blocks(path: str, channel: int | None = None) -> Iterator[np.ndarray]:
    """Reads the whole file in order, at its own sample rate: float32 ``[T]`` blocks.

    Of several streams that follow each other in the file, all are read.

    Args:
      path: of the file.
      channel: counted from 0; None is the mean of all channels.

    Raises:
      AudioFileError: the file cannot be read, has no such channel, or is damaged; the blocks before come first.
    """
    rate = header(path).sample_rate
    done = 0
    for stream in _streams(path):
        with _opened(path, _Forward, stream, f" after {done / rate:.1f} s" if done else "") as file:
            claimed = _header(file)
            if claimed.sample_rate != rate:
                raise AudioFileError(
                    f"changes from {rate} Hz to {claimed.sample_rate} Hz after {done / rate:.1f} s; split it there"
                )
            if channel is not None and channel >= claimed.channels:
                raise AudioFileError(
                    f"has {claimed.channels} channels, but channel {channel} (counted from 0) was asked for"
                )
            size = max(1, min(_BLOCK_FRAMES, _BLOCK_SAMPLES // claimed.channels))
            while len(block := _read(file, size, done / rate)):
                done += len(block)
                yield _mono(block, channel)


def _streams(path: str) -> list[Stream | None]:
    """Returns the streams of a file; None stands for the whole file."""
    try:
        return [*streams(path)] or [None]
    except OSError as error:
        raise AudioFileError(f"cannot be read: {error.strerror or error}") from None


def _read(file: soundfile.SoundFile, frames: int, seconds: float) -> np.ndarray:
    try:
        return file.read(frames, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise AudioFileError(f"is damaged after {seconds:.1f} s: {_message(error)}") from None


def mono_piece(path: str, start: int, stop: int, channel: int | None = None) -> np.ndarray:
    """Reads samples ``start`` to ``stop`` of a file whose header ``seeks``: float32 ``[<= stop - start]``.

    Raises:
      AudioFileError: the file cannot be read.
    """
    with _opened(path, soundfile.SoundFile) as file:
        file.seek(start)
        return _mono(file.read(stop - start, dtype="float32", always_2d=True), channel)


def resampled(blocks: Iterator[np.ndarray], sample_rate: int, target_rate: int) -> Iterator[np.ndarray]:
    """Converts blocks of audio to another sample rate (soxr, high quality): float32 ``[T]`` blocks, some empty."""
    if sample_rate == target_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(sample_rate, target_rate, 1, dtype="float32")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def read_audio(path: str, sample_rate: int, channel: int | None = None) -> np.ndarray:
    """Reads a whole file at ``sample_rate``, mono: float32 ``[T]``.

    Raises:
      ValueError: the file cannot be read, or holds what cannot be sound; the message names it.
    """
    try:
        claimed = header(path)
        pieces = list(resampled(believed(mono_blocks(path, channel)), claimed.sample_rate, sample_rate))
    except AudioFileError as error:
        raise ValueError(f"{show(path)}: {error}") from None
    return np.concatenate([*pieces, np.empty(0, np.float32)])


def believed(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Passes blocks of samples on; raises ``AudioFileError`` at the first one that cannot be sound."""
    for block in blocks:
        if not np.isfinite(block).all():
            raise AudioFileError("holds samples that are not numbers (NaN or infinity)")
        if np.abs(block).max(initial=0.0) > HIGHEST_PEAK:
            raise AudioFileError(
                f"reaches {np.abs(block).max():g}, far beyond full scale (1.0); scale its samples to [-1, 1]"
            )
        yield block


def show(path: str) -> str:
    """Returns a path as one line of text that can be printed; whatever cannot be appears as an escape."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


@contextmanager
def _opened(
    path: str, kind: type[soundfile.SoundFile], stream: Stream | None = None, where: str = ""
) -> Iterator[soundfile.SoundFile]:
    """Opens a regular file, or a stream of one; whatever goes wrong while it is read becomes ``AudioFileError``.

    Args:
      path: of the file.
      kind: how it is read.
      stream: the part that is opened; None: the whole.
      where: the place of that part, for messages.
    """
    with ExitStack() as stack:
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                raise AudioFileError("is not a regular file")
            if not status.st_size:
                raise AudioFileError("is empty")
            content = os.fsencode(path) if stream is None else stack.enter_context(Span(path, stream))
            file = stack.enter_context(kind(content))
        except OSError as error:
            raise AudioFileError(f"cannot be opened: {error.strerror or error}") from None
        except soundfile.LibsndfileError as error:
            raise AudioFileError(f"is not readable audio{where}: {_message(error)}{_remedy(path)}") from None
        try:
            yield file
        except soundfile.LibsndfileError as error:
            raise AudioFileError(f"is damaged: {_message(error)}") from None


def _remedy(path: str) -> str:
    return "; convert it: ffmpeg -i IN OUT.flac" if os.path.splitext(path)[1].lower() in FOREIGN_EXTENSIONS else ""


def _message(error: soundfile.LibsndfileError) -> str:
    if error.code == _SFE_BAD_FILE:  # of a file that is there, and regular: its own words would mislead
        return "Format not recognised"
    return error.error_string.removeprefix("Error : ").rstrip(".")


def _header(file: soundfile.SoundFile) -> Header:
    lowest, highest = SAMPLE_RATES
    if not lowest <= file.samplerate <= highest:
        raise AudioFileError(f"claims a sample rate of {file.samplerate} Hz; {lowest} to {highest} Hz are believed")
    return Header(file.samplerate, file.channels, file.frames, file.format, file.subtype, _software(file))


def _software(file: soundfile.SoundFile) -> str:
    """Reads the name of the program that wrote a file; the text need not be UTF-8."""
    try:
        return str(file.software)
    except UnicodeDecodeError:
        return ""


def _mono(block: np.ndarray, channel: int | None) -> np.ndarray:
    if channel is not None:
        return np.ascontiguousarray(block[:, channel])
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is for the caller to see
        return block.mean(axis=1)
