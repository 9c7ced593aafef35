"""Dividing files into splits: by their names alone, so that adding files moves none."""

import hashlib
import os
from collections.abc import Callable, Sequence

from wavenet_jax.audio.files import show
from wavenet_jax.config import DataConfig
from wavenet_jax.data.files.listing import matcher
from wavenet_jax.data.files.names import NameIndex, spellings
from wavenet_jax.data.files.places import joined, read_bytes

SPLITS = ("train", "validation", "test")
ALL = "all"
"""The files of all splits together."""

Names = Sequence[tuple[str, Sequence[str]]]
"""Folders, and the relative names of the files in each."""


def splitter(folders: Names, data: DataConfig, note: Callable[[str], None]) -> Callable[[int, str], str]:
    """Makes a function from the number of a folder and a file's relative name to its split.

    Files that are listed or fit a glob come first; where none are asked for, a hash of the name decides.

    Args:
      folders: all files, usable or not.
      data: how they are divided.
      note: is called with lines that a user should read.

    Raises:
      ValueError: a list cannot be read, or a list or glob fits no file.
    """
    in_validation = _chosen("validation_files", data.validation_files, folders, note)
    in_test = _chosen("test_files", data.test_files, folders, note)
    validation_share = 0.0 if data.validation_files else data.validation_fraction
    test_share = 0.0 if data.test_files else data.test_fraction

    def split_of(folder: int, name: str) -> str:
        if (folder, name) in in_test:
            return "test"
        if (folder, name) in in_validation:
            return "validation"
        hashed = place(name)
        if hashed < validation_share:
            return "validation"
        return "test" if hashed < validation_share + test_share else "train"

    return split_of


def place(name: str) -> float:
    """Hashes a name to a number in [0, 1)."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(name), digest_size=8).digest(), "big") / 2**64


def _chosen(field: str, choices: Sequence[str], folders: Names, note: Callable[[str], None]) -> set[tuple[int, str]]:
    """The files that globs and lists choose, each as the number of its folder and its name."""
    chosen: set[tuple[int, str]] = set()
    for choice in choices:
        fits = _listed(field, choice, folders, note) if choice.startswith("@") else _globbed(choice, folders)
        if not fits:
            count = sum(len(names) for _, names in folders)
            raise ValueError(f"{field} {show(choice)} fits none of the {count} files; names are relative to data_dir")
        chosen |= fits
    return chosen


def _globbed(glob: str, folders: Names) -> set[tuple[int, str]]:
    chosen = set()
    for number, (folder, names) in enumerate(folders):
        for spelling in spellings(glob, folder):
            fits = matcher([spelling])
            if found := {(number, name) for name in names if fits(name)}:
                chosen |= found
                break
    return chosen


def _listed(field: str, choice: str, folders: Names, note: Callable[[str], None]) -> set[tuple[int, str]]:
    chosen = set()
    for number, (folder, names) in enumerate(folders):
        lines = _lines(joined(folder, choice[1:]))
        index = NameIndex(folder, names)
        found = {line: index.find(line) for line in lines}
        chosen |= {(number, name) for name in found.values() if name is not None}
        missing = [line for line, name in found.items() if name is None]
        if missing:
            note(
                f"{field} {show(choice)}: {len(missing)} of {len(found)} lines fit no file, or more than one "
                f"({show(missing[0])}{', ...' if len(missing) > 1 else ''})"
            )
    return chosen


def _lines(path: str) -> list[str]:
    try:
        lines = read_bytes(path).split(b"\n")
    except OSError as error:
        reason = error.strerror or error
        raise ValueError(f"list of files {show(path)} cannot be read: {reason}; check its name") from None
    return [text for line in lines if (text := os.fsdecode(line.removeprefix(b"\xef\xbb\xbf").strip()))]
