"""Arrays by name, and their digests, and files that are whole or not there: how what is read is what was saved."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

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


def text_digest(value: Any) -> str:
    """SHA-256 of a JSON value, the same for every order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Replaces a file by a whole new one, or leaves it as it was."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def _form(array: Any) -> dict[str, Any]:
    return {"shape": list(array.shape), "dtype": str(array.dtype)}
