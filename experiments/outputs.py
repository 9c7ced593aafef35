"""Files that a program is asked to write, and sound on standard output."""

import contextlib
import os
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

MOST_SAMPLES = 2**31 - 1024
"""Of a WAV file, whose header counts bytes in 32 bits."""

_UNKNOWN = 2**32 - 1
"""What a header says of a length that nobody knows yet, as ffmpeg writes and reads it."""


def check_output(path: Path, suffix: str, flag: str = "output") -> Path:
    """The path itself, given by this flag.

    Raises:
      ValueError: the name does not end in ``suffix``, or its folder does not exist.
    """
    if path.suffix != suffix:
        raise ValueError(f"{flag} must be a file name that ends in {suffix}, got {path}")
    if not path.parent.is_dir():
        raise ValueError(f"{flag} must be in a folder that exists, got {path}; make {path.parent} first")
    return path


def refuse_existing(paths: Sequence[Path], overwrite: bool, flag: str = "output") -> None:
    """Raises ``ValueError`` for the first path that exists, unless it is a file that may be overwritten."""
    for path in paths:
        if path.exists() and not (overwrite and path.is_file()):
            raise ValueError(f"{path} exists; choose another --{flag}, or replace the file with --overwrite")


class WavFiles:
    """16-bit WAV files that are written piece by piece. A context manager.

    A file appears under its name with its first piece, all of them at once, and replaces what was there only then. From
    that moment on it is a valid WAV file of what there is so far, whatever becomes of this program: the header is
    written after the data that it counts.

    Of several takes of each file, none appears before ``keep`` is told which one.
    """

    def __init__(self, paths: Sequence[Path], sample_rate: int, takes: int = 1) -> None:
        self._paths, self._takes = paths, takes
        suffixes = [f".{take}" for take in range(takes)] if takes > 1 else [""]
        self._parts = [path.with_name(f".{path.name}{suffix}.part") for path in paths for suffix in suffixes]
        self._header = wav_header(sample_rate, 0)
        self._files: list[BinaryIO] = []
        self._sample_rate = sample_rate
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> "WavFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def write(self, rows: Sequence[np.ndarray]) -> None:
        """Adds to each take of each file (the takes of a file are neighbours) a float ``[T]`` in [-1, 1] (clipped)."""
        first = not self._files
        if first:
            self._open()
        for file, row in zip(self._files, rows, strict=True):
            file.write(pcm(row))
            file.flush()
            size = file.tell()
            os.pwrite(file.fileno(), wav_header(self._sample_rate, size - len(self._header)), 0)
        if first and self._takes == 1:
            self._show([0] * len(self._paths))

    def keep(self, takes: Sequence[int]) -> None:
        """Gives each file's name to its take of this number, where there are several, and anything was written."""
        if self._files and self._takes > 1:
            self._show(takes)

    def _show(self, takes: Sequence[int]) -> None:
        for number, (path, take) in enumerate(zip(self._paths, takes, strict=True)):
            os.replace(self._parts[number * self._takes + take], path)

    def _open(self) -> None:
        for part in self._parts:
            self._closing.callback(part.unlink, missing_ok=True)
            self._files.append(self._closing.enter_context(part.open("wb")))
            self._files[-1].write(self._header)


class StandardOutput:
    """Sound on standard output while it is made: a WAV file of unknown length, or nothing but 16-bit samples."""

    def __init__(self, sample_rate: int, form: str) -> None:
        """``form`` is ``wav`` or ``pcm``."""
        self._start = wav_header(sample_rate, None) if form == "wav" else b""

    def write(self, rows: Sequence[np.ndarray]) -> None:
        """Sends the one row, a float ``[T]`` in [-1, 1] (clipped), on its way at once."""
        (row,) = rows
        sys.stdout.buffer.write(self._start + pcm(row))
        sys.stdout.buffer.flush()
        self._start = b""


def refuse_terminal() -> None:
    """Raises ``ValueError`` where standard output is a terminal, which sound would make a mess of."""
    if sys.stdout.isatty():
        raise ValueError("--output=- writes sound, and standard output is a terminal; send it on with | or >")


def pcm(waveform: np.ndarray) -> bytes:
    """16-bit little-endian samples of a float waveform ``[T]`` in [-1, 1] (clipped)."""
    return np.round(np.clip(waveform, -1, 1) * 32_767).astype("<i2").tobytes()


def wav_header(sample_rate: int, size: int | None) -> bytes:
    """The first 44 bytes of a mono 16-bit WAV file with ``size`` bytes of samples, or one whose size is unknown."""
    riff = _UNKNOWN if size is None else 36 + size
    samples = _UNKNOWN if size is None else size
    form = (16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", riff, b"WAVE", b"fmt ", *form, b"data", samples)
