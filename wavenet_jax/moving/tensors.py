"""Reads tensors by name from safetensors files, numpy archives and files of ``torch.save``."""

import math
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load

from wavenet_jax.moving.torch_file import read_torch_file

_MOST_BYTES = 2**33
"""Limit on the unpacked size of an archive."""


def read_tensors(path: Path) -> dict[str, Any]:
    """Reads everything by name: numpy arrays, and other entries of a checkpoint such as its step number.

    The content of the file, not its name, decides its format. No code in it is executed.

    Raises:
      OSError: it cannot be read.
      ValueError: it has another format, is damaged, or asks for code.
    """
    if not path.is_file():
        raise ValueError(f"weights must be a file, and there is none at {path}")
    content = path.read_bytes()
    try:
        tree = _read(content)
    except ValueError as error:
        raise ValueError(f"{path}: {_one_line(error)}") from None
    except Exception as error:  # of as many types as there are ways to damage a file
        raise ValueError(f"{path} is damaged, or is no .safetensors, .npz or .pth file: {_one_line(error)}") from None
    if not isinstance(tree, dict):
        raise ValueError(f"{path} holds a {type(tree).__name__}, not tensors by name; save a state_dict")
    return {str(name): value for name, value in tree.items()}


def _read(content: bytes) -> Any:
    if content.startswith(b"\x80"):
        return read_torch_file(content)
    if not content.startswith(b"PK"):
        return load(content)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        if any(name.endswith("data.pkl") for name in archive.namelist()):
            return read_torch_file(content)
        return _read_npz(archive)


def _read_npz(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    if sum(info.file_size for info in archive.infolist()) > _MOST_BYTES:
        raise ValueError(f"it unfolds to more than {_MOST_BYTES >> 30} GiB")
    return {
        info.filename.removesuffix(".npy"): _read_npy(archive.read(info), info.filename) for info in archive.infolist()
    }


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _read_npy(content: bytes, name: str) -> np.ndarray:
    """Reads an array after checking its header against the file size; ``numpy.load`` would allocate first."""
    file = BytesIO(content)
    version = np.lib.format.read_magic(file)
    header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = header(file)
    if dtype.hasobject:
        raise ValueError(f"{name} holds Python objects, a pickle, which are not read")
    if math.prod(shape) * dtype.itemsize > len(content):
        raise ValueError(f"{name} is cut short")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)
