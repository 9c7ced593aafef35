"""Decoded audio on disk: 16-bit samples at the model's rate, decoded once."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

_FULL_SCALE = 32_768
_GIB = 1 << 30


def to_pcm16(waveform: np.ndarray) -> np.ndarray:
    """Float in [-1, 1] (clipped) as int16 of the same shape."""
    return np.clip(np.rint(waveform * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")


def user_cache_dir() -> Path:
    """Where this user's programs keep what they can make again (XDG Base Directory Specification)."""
    root = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(root) if os.path.isabs(root) else Path.home() / ".cache") / "wavenet_jax"


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file that takes the place of ``path``, at once and whole, when the block ends well.

    Raises:
      ValueError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            os.replace(unfinished, path)
        except BaseException:
            os.unlink(unfinished)
            raise
    except OSError as error:
        raise ValueError(
            f"{path.parent} cannot be written to ({error.strerror}); free space, or choose another cache_dir"
        ) from None


class PcmCache:
    """Decoded files, each under a key that changes when the file does; the ones unused for longest make room.

    Safe for any number of threads and processes: an entry appears whole or not at all, and whoever misses one that
    another process has removed makes it again.
    """

    def __init__(self, folder: Path, limit_gib: float):
        """
        Args:
          folder: below which the entries lie; made when the first is written.
          limit_gib: space that all entries may take, in GiB.
        """
        self._folder = folder / "pcm16"
        self._limit_bytes = int(limit_gib * _GIB)
        self._used: set[str] = set()
        self._bytes: int | None = None
        self._lock = threading.Lock()

    def has(self, key: str, samples: int) -> bool:
        """Whether the entry is there, whole; it then counts as just used."""
        path = self._path(key)
        try:
            if os.stat(path).st_size != 2 * samples:
                return False
            os.utime(path)
        except FileNotFoundError:
            return False
        self._used.add(path.name)
        return True

    def read(self, key: str, start: int, stop: int) -> np.ndarray:
        """Samples ``start`` to ``stop`` of an entry: float32 ``[stop - start]``.

        Raises:
          FileNotFoundError: the entry is not there.
        """
        pcm = np.fromfile(self._path(key), "<i2", stop - start, offset=2 * start)
        return pcm.astype(np.float32) / _FULL_SCALE

    @contextmanager
    def writing(self, key: str) -> Iterator[IO[bytes]]:
        """A file for an entry's samples (little-endian int16); the entry appears when the block ends well.

        Raises:
          ValueError: the folder cannot be written to, or what this process uses is more than the limit.
        """
        path = self._path(key)
        with replacing(path) as file:
            yield file
            size = file.tell()
        with self._lock:
            self._used.add(path.name)
            self._make_room(size)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.pcm"

    def _make_room(self, grown: int) -> None:
        """Removes what was unused for longest until all entries fit, after this process has added ``grown`` bytes."""
        if self._bytes is not None and self._bytes + grown <= self._limit_bytes:
            self._bytes += grown
            return
        # What a killed process has left unfinished is an entry like any other here.
        entries = sorted((status.st_mtime_ns, status.st_size, path) for path, status in _files(self._folder))
        self._bytes = sum(size for _, size, _ in entries)
        for _, size, path in entries:
            if self._bytes <= self._limit_bytes:
                return
            if path.name not in self._used:
                path.unlink(missing_ok=True)
                self._bytes -= size
        if self._bytes > self._limit_bytes:
            raise ValueError(
                f"cache_gib={self._limit_bytes / _GIB:g} is too small for the decoded audio of this data set; "
                "raise it, or resample the files beforehand"
            )


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.glob("*/*"):
        try:
            yield path, path.stat()
        except FileNotFoundError:  # another process was faster
            continue
