"""Files that a program is asked to write, and sound on standard output."""

import contextlib
import os
import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from experiments.support import console
from wavenet_jax.audio.files import show
from wavenet_jax.audio.wav import pcm16, wav_header
from wavenet_jax.runs import is_model_folder

_HEADER_BYTES = len(wav_header(1, 0, generated=True))


def check_output(path: Path, suffix: str, flag: str = "output") -> Path:
    """Returns the path, which the flag named, if it can be written.

    Raises:
      ValueError: the name does not end in ``suffix``, or its folder does not exist.
    """
    if path.suffix != suffix:
        raise ValueError(f"{flag} must be a file name that ends in {suffix}, got {path}")
    if not path.parent.is_dir():
        raise ValueError(f"{flag} must be in a folder that exists, got {path}; make {path.parent} first")
    return path


def refuse_existing(paths: Sequence[Path], overwrite: bool, flag: str = "output") -> None:
    """Raises ``ValueError`` for the first path that exists, unless it is a file that may be overwritten.

    A link that leads nowhere counts as a file.
    """
    for path in paths:
        if os.path.lexists(path):
            is_file = path.is_file() or not path.exists()
            if not is_file:
                raise ValueError(f"{path} exists and is not a file; choose another --{flag}")
            if not overwrite:
                raise ValueError(f"{path} exists; choose another --{flag}, or replace the file with --overwrite")


@contextlib.contextmanager
def reserved(path: Path | None, replace: bool, flag: str) -> Iterator[None]:
    """Keeps a name for a file that is written later in the block, by creating it empty.

    Of two programs that would write to one name, one is refused before it has done its work. A name under which nothing
    was written goes away at the end of the block. Does nothing for no name, or where files may be replaced.

    Raises:
      ValueError: there is a file of this name by now, of another program.
      OSError: it cannot be created; names it.
    """
    if path is None or replace:
        yield
        return
    _create(path, flag)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if not path.stat().st_size:
                path.unlink()


def _create(path: Path, flag: str) -> None:
    """Creates an empty file; raises ``ValueError`` where there is one."""
    try:
        path.open("xb").close()
    except FileExistsError:
        raise ValueError(
            f"{show(str(path))} exists by now: another program writes to it; choose another {flag}"
        ) from None


class WavFiles:
    """16-bit WAV files that are written piece by piece. A context manager.

    A file appears under its name with its first piece, all of them at once. A new one is created only where there is
    none by then, so that of two programs that write to one name, one is refused and nothing is lost; with ``replace``,
    the first piece takes the place of what was there. From that moment on it is a valid WAV file of what there is so
    far, whatever becomes of this program: headers are written after the data that they count, and after a piece that
    cannot be written to all files, none of them counts it.

    Of several takes of each file, the name holds no sound before ``keep`` chooses one.
    """

    def __init__(self, paths: Sequence[Path], sample_rate: int, takes: int = 1, replace: bool = False) -> None:
        self._paths, self._takes, self._replace = paths, takes, replace
        self._unfinished = [path.with_name(f".{secrets.token_hex(8)}.part") for path in paths for _ in range(takes)]
        self._sample_rate, self._size = sample_rate, [0] * len(self._unfinished)
        self._files: list[BinaryIO] = []
        self._closing = contextlib.ExitStack()

    def __enter__(self) -> "WavFiles":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def write(self, rows: Sequence[np.ndarray]) -> None:
        """Adds to each take of each file (the takes of a file are neighbours) a float ``[T]`` in [-1, 1] (clipped).

        Raises:
          ValueError: there is a file of this name by now, of another program.
          OSError: a file cannot be written; names it.
        """
        first = not self._files
        if first:
            with contextlib.ExitStack() as undo:
                if not self._replace:
                    self._reserve(undo)
                self._open()
                self._append(rows)
                if self._takes == 1:
                    self._show([0] * len(self._paths))
                undo.pop_all()
        else:
            self._append(rows)

    def keep(self, takes: Sequence[int]) -> None:
        """Gives each file's name to its take of this number, where there are several, and anything was written."""
        if self._files and self._takes > 1:
            self._show(takes)

    def _append(self, rows: Sequence[np.ndarray]) -> None:
        sizes = []
        for number, (file, row, size) in enumerate(zip(self._files, rows, self._size, strict=True)):
            with self._naming(number):
                content = pcm16(row).tobytes()
                file.seek(_HEADER_BYTES + size)
                _write_all(file, content)
                sizes.append(size + len(content))
        for number, (file, size) in enumerate(zip(self._files, sizes, strict=True)):
            with self._naming(number):
                file.seek(0)
                _write_all(file, wav_header(self._sample_rate, size, generated=True))
        self._size = sizes

    def _show(self, takes: Sequence[int]) -> None:
        for number, (path, take) in enumerate(zip(self._paths, takes, strict=True)):
            os.replace(self._unfinished[number * self._takes + take], path)

    def _reserve(self, undo: contextlib.ExitStack) -> None:
        """Creates all files, or none."""
        for path in self._paths:
            _create(path, "output")
            undo.callback(path.unlink, missing_ok=True)
            path.write_bytes(wav_header(self._sample_rate, 0, generated=True))

    def _open(self) -> None:
        for number, unfinished in enumerate(self._unfinished):
            self._closing.callback(unfinished.unlink, missing_ok=True)
            with self._naming(number):
                self._files.append(self._closing.enter_context(unfinished.open("xb", buffering=0)))

    @contextlib.contextmanager
    def _naming(self, number: int) -> Iterator[None]:
        """Has errors name the requested file, not the temporary one."""
        try:
            yield
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._paths[number // self._takes])) from None


class StandardOutput:
    """Sound on standard output while it is generated: a WAV file with an open length, or bare 16-bit samples."""

    def __init__(self, sample_rate: int, form: str) -> None:
        """``form`` is ``wav`` or ``pcm``."""
        self._start = wav_header(sample_rate, None, generated=True) if form == "wav" else b""

    def write(self, rows: Sequence[np.ndarray]) -> None:
        """Writes the only row, a float ``[T]`` in [-1, 1] (clipped), and flushes it.

        Raises:
          OSError: it cannot be written; ``BrokenPipeError`` where the reader has ended.
        """
        (row,) = rows
        try:
            sys.stdout.buffer.write(self._start + pcm16(row).tobytes())
            sys.stdout.buffer.flush()
        except OSError as error:
            console.lose_output()
            raise OSError(error.errno, error.strerror, "standard output") from None
        self._start = b""


def check_standard_output() -> None:
    """Raises ``ValueError`` where standard output is a terminal, which sound would garble, or is closed."""
    if not console.has_output():
        raise ValueError("--output=- writes sound, and standard output is closed; send it on with | or >")
    if sys.stdout.isatty():
        raise ValueError("--output=- writes sound, and standard output is a terminal; send it on with | or >")


def _write_all(file: BinaryIO, content: bytes) -> None:
    """Writes to an unbuffered file, which may take less than it is given."""
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]


def refuse_model(
    folder: Path, overwrite: bool, what: str = "model", is_one: Callable[[Path], bool] = is_model_folder
) -> None:
    """Raises ``ValueError`` for a folder with anything in it, unless that is a model that may be overwritten.

    ``what`` names another kind of folder than a model, and ``is_one`` recognises it.
    """
    if folder.is_dir() and any(folder.iterdir()) and not (overwrite and is_one(folder)):
        remedy = f", or replace the {what} with --overwrite" if is_one(folder) else ""
        raise ValueError(f"{folder} is not empty; choose another --output{remedy}")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"output must be a folder, and there is a file at {folder}; choose another")
