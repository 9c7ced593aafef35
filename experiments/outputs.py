"""Files that a program is asked to write."""

from collections.abc import Sequence
from pathlib import Path


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
