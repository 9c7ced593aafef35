"""Which file belongs to which split: by its name alone, so that adding files moves none."""

import hashlib
import os
from collections.abc import Callable, Sequence

from wavenet_jax.audio.files import show
from wavenet_jax.config import DataConfig
from wavenet_jax.data.listing import matcher

SPLITS = ("train", "validation", "test")


def splitter(folder: str, data: DataConfig) -> Callable[[str], str]:
    """A function from a file's relative name to its split.

    Files that are listed or fit a glob come first; where none are asked for, a hash of the name decides.

    Raises:
      ValueError: a list cannot be read.
    """
    in_validation = _chosen(folder, data.validation_files)
    in_test = _chosen(folder, data.test_files)
    validation_share = 0.0 if data.validation_files else data.validation_fraction
    test_share = 0.0 if data.test_files else data.test_fraction

    def split_of(name: str) -> str:
        if in_test(name):
            return "test"
        if in_validation(name):
            return "validation"
        place = _place(name)
        if place < validation_share:
            return "validation"
        return "test" if place < validation_share + test_share else "train"

    return split_of


def _place(name: str) -> float:
    """A number in [0, 1) that depends on the name alone."""
    return int.from_bytes(hashlib.blake2b(os.fsencode(name), digest_size=8).digest(), "big") / 2**64


def _chosen(folder: str, choices: Sequence[str]) -> Callable[[str], bool]:
    fits = matcher([choice for choice in choices if not choice.startswith("@")])
    listed = {name for choice in choices if choice.startswith("@") for name in _lines(os.path.join(folder, choice[1:]))}
    return lambda name: fits(name) or name in listed


def _lines(path: str) -> list[str]:
    try:
        with open(path, "rb") as file:
            return [os.fsdecode(line.strip()) for line in file]
    except OSError as error:
        raise ValueError(f"list of files {show(path)} cannot be read: {error.strerror}; check its name") from None
