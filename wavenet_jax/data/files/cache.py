"""Decoded audio on disk: 16-bit samples at the model's rate, decoded once."""

import errno
import os
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import numpy as np

from wavenet_jax.audio.files import show
from wavenet_jax.audio.wav import from_pcm16
from wavenet_jax.storage import cache_folder, replacing

_GIB = 1 << 30
_ENTRIES = "pcm16"
_FULL = (errno.ENOSPC, errno.EDQUOT)


class CacheFolder:
    """The folder for decoded audio and scans of files: the first of several folders that can be written to.

    The last resort is a temporary folder that goes with this object. What any of them holds already is used.
    """

    def __init__(self, *folders: Path):
        """
        Args:
          folders: in the order in which they are tried; none: only the temporary one.
        """
        self._folders = folders
        self._chosen: Path | None = None
        self._refused: list[str] = []
        self._lost: set[Path] = set()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, cache_dir: str | None) -> "CacheFolder":
        """Returns the folder that was asked for, if any, and the user's own."""
        return cls(*([Path(cache_dir)] if cache_dir else []), cache_folder())

    @property
    def readable(self) -> Sequence[Path]:
        """The folders that may hold something."""
        with self._lock:
            temporary = [] if self._chosen is None or self._chosen in self._folders else [self._chosen]
        return [*self._folders, *temporary]

    @property
    def lasts(self) -> bool:
        """True if what is written outlives this object; chooses the folder."""
        return self.writable() in self._folders

    @property
    def note(self) -> str | None:
        """One line on folders that could not be written to."""
        if not self._refused or self._chosen is None:
            return None
        instead = f"{show(str(self._chosen))} is used" if self._chosen in self._folders else "nothing is kept"
        return f"cache: {'; '.join(self._refused)}; {instead} instead"

    def writable(self) -> Path:
        """Chooses, when it is first asked for, the folder to write to.

        Raises:
          ValueError: the disk is full.
        """
        with self._lock:
            if self._chosen is None:
                self._chosen = self._choose()
            return self._chosen

    def refuse(self, folder: Path, error: OSError) -> None:
        """Chooses another folder next time, as this one has become of no use.

        Raises:
          ValueError: the disk is full, or there is no other.
        """
        if error.errno in _FULL or folder not in self._folders:
            raise ValueError(_unwritable(folder, error)) from None
        with self._lock:
            self._lost.add(folder)
            if self._chosen == folder:
                self._chosen = None

    def _choose(self) -> Path:
        for folder in self._folders:
            if folder in self._lost:
                continue
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryFile(dir=folder):
                    return folder
            except OSError as error:
                if error.errno in _FULL:
                    raise ValueError(_unwritable(folder, error)) from None
                self._refused.append(f"{show(str(folder))} cannot be written to ({error.strerror})")
        with cache_errors(Path(tempfile.gettempdir())):
            temporary = Path(tempfile.mkdtemp(prefix="wavenet_jax-"))
        weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)
        return temporary


@contextmanager
def cache_errors(folder: Path) -> Iterator[None]:
    """Turns what the file system refuses into a ``ValueError`` of one line that names the cache and the remedy."""
    try:
        yield
    except OSError as error:
        raise ValueError(_unwritable(folder, error)) from None


def _unwritable(folder: Path, error: OSError) -> str:
    return f"{show(str(folder))} cannot be written to ({error.strerror}); free space, or choose another cache_dir"


class PcmCache:
    """Decoded files, each under a key that changes when the file does; the ones unused for longest make room.

    Safe for any number of threads and processes: an entry appears whole or not at all, and whoever misses one that
    another process has removed makes it again.
    """

    def __init__(self, folder: CacheFolder, limit_gib: float):
        """
        Args:
          folder: below which the entries lie.
          limit_gib: space that all entries may take, in GiB.
        """
        self._folder = folder
        self._limit_bytes = int(limit_gib * _GIB)
        self._used: set[str] = set()
        self._bytes: int | None = None
        self._lock = threading.Lock()

    def has(self, key: str, samples: int) -> bool:
        """Returns True if the entry is there, whole; it then counts as just used."""
        for path in self._places(key):
            try:
                if os.stat(path).st_size != 2 * samples:
                    continue
            except OSError:
                continue
            with suppress(OSError):  # somebody else's
                os.utime(path)
            self._used.add(path.name)
            return True
        return False

    def read(self, key: str, start: int, stop: int) -> np.ndarray:
        """Reads samples ``start`` to ``stop`` of an entry: float32 ``[stop - start]``.

        Raises:
          FileNotFoundError: the entry is not there.
        """
        for path in self._places(key):
            with suppress(OSError):
                return from_pcm16(np.fromfile(path, "<i2", stop - start, offset=2 * start))
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), key)

    @contextmanager
    def writing(self, key: str) -> Iterator[IO[bytes]]:
        """Opens a file for an entry's samples (little-endian int16); the entry appears when the block ends well.

        Raises:
          ValueError: the folder cannot be written to, or what this process uses is more than the limit.
        """
        folder = self._made(key)
        path = _place(folder, key)
        with cache_errors(path.parent), replacing(path) as file:
            yield file
            size = file.tell()
        with self._lock:
            self._used.add(path.name)
            self._make_room(folder, size)

    def _made(self, key: str) -> Path:
        """The folder of entries where this one can be written."""
        while True:
            place = self._folder.writable()
            try:
                _place(place / _ENTRIES, key).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                self._folder.refuse(place, error)
            else:
                return place / _ENTRIES

    def _places(self, key: str) -> list[Path]:
        return [_place(folder / _ENTRIES, key) for folder in self._folder.readable]

    def _make_room(self, folder: Path, grown: int) -> None:
        """Removes what was unused for longest until all entries fit, after this process has added ``grown`` bytes."""
        if self._bytes is not None and self._bytes + grown <= self._limit_bytes:
            self._bytes += grown
            return
        # What a killed process has left unfinished is an entry like any other here.
        entries = sorted((status.st_mtime_ns, status.st_size, path) for path, status in _files(folder))
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


def _place(folder: Path, key: str) -> Path:
    return folder / key[:2] / f"{key}.pcm"


def _files(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    for path in folder.glob("*/*"):
        try:
            yield path, path.stat()
        except FileNotFoundError:  # another process was faster
            continue
