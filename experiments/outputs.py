"""Files that a program is asked to write."""

import contextlib
import os
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np


def check_output(path: Path, suffix: str) -> Path:
    """The path itself.

    Raises:
      ValueError: the name does not end in ``suffix``, or its folder does not exist.
    """
    if path.suffix != suffix:
        raise ValueError(f"output must be a file name that ends in {suffix}, got {path}")
    if not path.parent.is_dir():
        raise ValueError(f"output must be in a folder that exists, got {path}; make {path.parent} first")
    return path


def refuse_existing(paths: Sequence[Path], overwrite: bool) -> None:
    """Raises ``ValueError`` for the first path that exists, unless it is a file that may be overwritten."""
    for path in paths:
        if path.exists() and not (overwrite and path.is_file()):
            raise ValueError(f"{path} exists; choose another --output, or replace the file with --overwrite")


@contextlib.contextmanager
def wav_files(paths: Sequence[Path], sample_rate: int) -> Iterator[Callable[[np.ndarray], None]]:
    """16-bit WAV files that are written piece by piece, and appear under their names when all of them are whole.

    Gives a function that takes the next piece of every file: float ``[B, T]`` in [-1, 1] (clipped).
    """
    parts = [path.with_name(f".{path.name}.part") for path in paths]
    with contextlib.ExitStack() as stack:
        files = []
        for part in parts:
            stack.callback(part.unlink, missing_ok=True)
            file = stack.enter_context(wave.open(str(part), "wb"))
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(sample_rate)
            files.append(file)

        def write(waveforms: np.ndarray) -> None:
            samples = np.round(np.clip(waveforms, -1, 1) * 32_767).astype("<i2")
            for file, row in zip(files, samples, strict=True):
                file.writeframes(row.tobytes())

        yield write
        for file, part, path in zip(files, parts, paths, strict=True):
            file.close()
            os.replace(part, path)
