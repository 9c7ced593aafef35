"""The files of one checkpoint: an item of arrays is a safetensors file, and ``meta.json`` says what they must hold.

Here they are read; ``writing`` hands them to orbax, whose import takes longer than reading a checkpoint does.
"""

import json
from pathlib import Path
from typing import Any

from safetensors.numpy import load_file

from wavenet_jax.integrity import Listing, different_form, flatten, listing, text_digest, unflatten

FOLDER = "state"
"""Name of the folder, in that of a step, that holds them."""


class DamagedError(Exception):
    """A checkpoint is not what was saved."""


def describe(items: dict[str, Any]) -> dict[str, Listing]:
    """Describes trees of numpy arrays for ``meta.json``."""
    return {name: listing(flatten(tree)) for name, tree in items.items()}


def read_meta(step: Path) -> dict[str, Any]:
    """Reads ``meta.json`` of a checkpoint.

    Raises:
      DamagedError: it is not what was saved.
    """
    try:
        meta = json.loads((step / FOLDER / "meta.json").read_text(encoding="utf-8"))
        digest = meta.pop("sha256")
    except (OSError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise DamagedError(f"meta.json cannot be read ({type(error).__name__})") from error
    if digest != text_digest(meta):
        raise DamagedError("meta.json is not what was saved")
    return meta


def read_items(step: Path, meta: dict[str, Any], shapes: dict[str, Any]) -> dict[str, Any]:
    """Reads the items named in ``shapes``: trees of numpy arrays.

    Raises:
      DamagedError: an array is not what was saved.
      ValueError: the arrays are not those of ``shapes``.
    """
    items = {}
    for name, tree in shapes.items():
        kept = meta["arrays"].get(name, {})
        difference = different_form(kept, flatten(tree))
        if difference is not None:
            raise ValueError(f"checkpoint {step.name} does not fit this program: {name}: {difference}")
        file = f"{name}.safetensors"
        try:
            arrays = load_file(step / FOLDER / file)
        except Exception as error:  # safetensors has one type for all damage, derived from Exception
            raise DamagedError(f"{file} cannot be read ({type(error).__name__})") from error
        if listing(arrays) != kept:
            raise DamagedError(f"{file} is not what was saved")
        items[name] = unflatten(arrays, tree)
    return items
