"""Digests of arrays: how a checkpoint shows that it is what was saved."""

import hashlib
import json
from typing import Any

import jax
import numpy as np

Listing = dict[str, dict[str, Any]]


def listing(tree: Any) -> Listing:
    """Shape, dtype and SHA-256 of every leaf, by its path in the tree: ``{"params/stack/skip_kernel": {...}}``."""
    return {
        path: {**_form(leaf), "sha256": hashlib.sha256(np.ascontiguousarray(leaf).tobytes()).hexdigest()}
        for path, leaf in _leaves(tree)
    }


def different_form(kept: Listing, expected: Any) -> str | None:
    """The first leaf whose name, shape or dtype is not as in the tree ``expected``, in words; None when all are."""
    wanted = {path: _form(leaf) for path, leaf in _leaves(expected)}
    for path in sorted(wanted.keys() | kept.keys()):
        if path not in kept:
            return f"it has no {path}"
        if path not in wanted:
            return f"it has a {path} that this program does not know"
        for name, value in wanted[path].items():
            if kept[path][name] != value:
                return f"{path} has {name} {kept[path][name]}, expected {value}"
    return None


def text_digest(value: Any) -> str:
    """SHA-256 of a JSON value, the same for every order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _leaves(tree: Any) -> list[tuple[str, Any]]:
    flat = jax.tree_util.tree_flatten_with_path(tree)[0]
    return [(jax.tree_util.keystr(path, simple=True, separator="/"), leaf) for path, leaf in flat]


def _form(leaf: Any) -> dict[str, Any]:
    return {"shape": list(leaf.shape), "dtype": str(leaf.dtype)}
