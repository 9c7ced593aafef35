"""Arrays by name, and their digests: what is read is what was saved, or refused."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

Listing = dict[str, dict[str, Any]]


def flatten(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by their paths: ``{"stack/skip_kernel": ...}``."""
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in flat}


def unflatten(leaves: dict[str, Any], like: Any) -> Any:
    """The tree of which ``leaves`` are ``flatten``, with the structure of ``like``."""
    return jax.tree.unflatten(jax.tree.structure(like), [leaves[path] for path in flatten(like)])


def listing(arrays: dict[str, np.ndarray]) -> Listing:
    """Shape, dtype and SHA-256 of every array."""
    return {
        path: {**_form(array), "sha256": hashlib.sha256(array.tobytes()).hexdigest()} for path, array in arrays.items()
    }


def different_form(kept: Listing, expected: dict[str, Any]) -> str | None:
    """The first array whose name, shape or dtype is not as expected, in words; None when all are."""
    for path in sorted(expected.keys() | kept.keys()):
        if path not in kept:
            return f"it has no {path}"
        if path not in expected:
            return f"it has {path}, which this program does not know"
        for name, value in _form(expected[path]).items():
            if kept[path][name] != value:
                return f"{path} has {name} {kept[path][name]}, expected {value}"
    return None


def tree_digest(tree: Any) -> str:
    """SHA-256 of a tree of numpy arrays: of their paths, shapes, dtypes and numbers."""
    return text_digest(listing(flatten(tree)))


def text_digest(value: Any) -> str:
    """SHA-256 of a JSON value, the same for every order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def sealed(kind: str, arrays: dict[str, np.ndarray], about: Mapping[str, str]) -> bytes:
    """Writes arrays by name, and texts about them, as a safetensors file with a digest of each array and of the texts.

    Args:
      kind: says what the file is, for ``unsealed``.
      arrays: contiguous.
      about: texts by name.
    """
    metadata = {"kind": kind, **about, "arrays": json.dumps(listing(arrays))}
    return save(arrays, metadata={**metadata, "sha256": text_digest(metadata)})


def unsealed(path: Path, kind: str) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads the arrays and the texts of a file that ``sealed`` wrote.

    Raises:
      OSError: it cannot be read.
      ValueError: it is not a file of this kind, or is not what was written.
    """
    with open(path, "rb"):
        pass  # safetensors has an error of its own for a file that is not there
    what = kind.removeprefix("wavenet_jax ")
    try:
        with safe_open(path, framework="np") as file:
            about = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except Exception as error:  # safetensors has one type for all damage, derived from Exception
        raise ValueError(f"{path} is no {what} file, or is damaged ({type(error).__name__})") from error
    if about.get("kind") != kind:
        raise ValueError(f"{path} is no {what} file; give a file that was saved as one")
    digest = about.pop("sha256", None)
    if digest != text_digest(about) or json.loads(about["arrays"]) != listing(arrays):
        raise ValueError(f"{path} is damaged: it differs from what was saved")
    return arrays, about


def _form(array: Any) -> dict[str, Any]:
    return {"shape": list(array.shape), "dtype": str(array.dtype)}
