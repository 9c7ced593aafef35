"""Arrays of numbers in .npy files: those beside recordings, and those that are given when sampling."""

import os

import numpy as np

from wavenet_jax.audio.files import show
from wavenet_jax.conditions.base import Clip

_MAGIC = b"\x93NUMPY"


def read_array(path: str) -> np.ndarray:
    """Maps the array of numbers in a .npy file; nothing is in memory yet.

    Raises:
      ValueError: there is no such file, or it holds no array of numbers.
    """
    try:
        with open(path, "rb") as file:
            begins_as_one = file.read(len(_MAGIC)) == _MAGIC
        if not begins_as_one:
            raise ValueError(f"{show(path)} is not a .npy file; write it with numpy.save")
        array = _mapped(path)
    except OSError as error:
        raise ValueError(f"array {show(path)} cannot be read: {error.strerror or error}") from None
    if array is None or array.dtype.kind not in "fiu":
        raise ValueError(f"{show(path)} must hold one whole array of numbers; write it again with numpy.save")
    return array


def array_beside(clip: Clip, suffix: str) -> np.ndarray:
    """Maps the array in the file beside a clip; see ``read_array``.

    Raises:
      ValueError: there is none.
    """
    path = clip.beside(suffix)
    if path is None:
        raise ValueError(f"{clip.name} is not a file, so no array {suffix} lies beside it; choose a data_dir")
    return read_array(path)


def _mapped(path: str) -> np.ndarray | None:
    """Maps an array; None where it is cut off, or of objects."""
    try:
        return np.load(os.fsencode(path), mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError):  # whose messages advise to allow_pickle
        return None
