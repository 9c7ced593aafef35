"""A trained network as two files of a folder: ``config.json``, and ``model.safetensors`` with a digest of every array.

They belong together, and are what was saved, or are refused. Reading them needs no orbax and executes nothing.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from wavenet_jax.config import from_json, to_json
from wavenet_jax.integrity import different_form, flatten, listing, sealed, text_digest, unflatten, unsealed
from wavenet_jax.runs.directory import WEIGHTS, RunDirectory
from wavenet_jax.storage import write_whole
from wavenet_jax.typing import Params
from wavenet_jax.versions import versions

CONFIG = "config.json"
DTYPES = ("float32", "float16")
"""Number formats that parameters may be stored in; they are float32 again when they are read."""

Config = TypeVar("Config")


def write_folder(
    folder: Path,
    kind: str,
    config: Any,
    params: Params,
    step: int,
    dtype: str = "float32",
    texts: Mapping[str, str] | None = None,
) -> None:
    """Writes a network; files of the same names are replaced, each whole or not at all.

    Args:
      folder: made where there is none.
      kind: says what the network is, for ``read_folder``.
      config: of the run that trained it. It names data folders; they are left out.
      params: the parameters.
      step: steps that they were trained for.
      dtype: one of ``DTYPES``.
      texts: further files, by name.

    Raises:
      ValueError: another dtype, parameters that it cannot hold, or a folder that a run lives in.
    """
    if dtype not in DTYPES:
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}, got {dtype!r}")
    if RunDirectory(folder).is_run():
        raise ValueError(f"{folder} is a run directory, whose config a model would replace; choose another folder")
    with np.errstate(over="ignore"):  # what does not fit is refused below
        arrays = {name: np.ascontiguousarray(leaf, dtype) for name, leaf in flatten(params).items()}
    infinite = [name for name, array in arrays.items() if not np.isfinite(array).all()]
    if infinite:
        raise ValueError(f"{infinite[0]} has numbers that are not finite as {dtype}; train anew, or use float32")
    data = dataclasses.replace(config.data, data_dir=(), cache_dir=None, feature_dir=None)
    text = to_json(dataclasses.replace(config, data=data))
    about = {"config": text_digest(json.loads(text)), "step": str(step), "versions": json.dumps(versions())}
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {CONFIG: text, **(texts or {})}.items():
        write_whole(folder / name, content.encode())
    write_whole(folder / WEIGHTS, sealed(kind, arrays, about))


def read_folder(
    folder: Path, kind: str, config_kind: type[Config], shapes: Callable[[Config], Params]
) -> tuple[Config, Params, int]:
    """Reads what ``write_folder`` wrote: the config, the parameters as numpy arrays, and their steps.

    Args:
      folder: where it is.
      kind: what it must be.
      config_kind: the class of its config.
      shapes: what the arrays of a network with a config must be like.

    Raises:
      ValueError: it is not there, is of another kind, is damaged, or is of another version of the network.
    """
    path = folder / WEIGHTS
    if not path.is_file():
        raise ValueError(f"{folder} is no {kind.removeprefix('wavenet_jax ')} folder: it has no {WEIGHTS}")
    arrays, about = unsealed(path, kind)
    try:
        text = (folder / CONFIG).read_text(encoding="utf-8")
        if text_digest(json.loads(text)) != about["config"]:
            raise ValueError("it is not what was saved with the weights")
        config = from_json(config_kind, text)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{folder / CONFIG} cannot be used: {error}") from None
    arrays = {name: array.astype(np.float32) for name, array in arrays.items()}
    like = shapes(config)
    difference = different_form(listing(arrays), flatten(like))
    if difference is not None:
        raise ValueError(f"{path} does not fit this version of the network: {difference}")
    return config, unflatten(arrays, like), int(about["step"])
