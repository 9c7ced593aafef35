"""Makes a model folder of a checkpoint of another implementation.

    wavenet import-model --source=r9y9 --weights=FILE --output=FOLDER [--hparams=FILE.json]

FILE is a state_dict, or a checkpoint with one, as .safetensors, .npz or .pth; code in it is not executed. The hyper-
parameters are a JSON file: --hparams, or FILE with the ending .json, or hparams.json beside it. ``wavenet sample``,
``wavenet_jax.load`` and ``wavenet train --init_from`` read the folder. What cannot be imported is named in one line.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from experiments.support import console, flags
from experiments.support.outputs import refuse_model
from wavenet_jax.config import Checked, option
from wavenet_jax.model import parameter_count, receptive_field
from wavenet_jax.moving import import_r9y9, read_tensors
from wavenet_jax.runs import DTYPES, write_model

_SOURCES = {"r9y9": ("r9y9/wavenet_vocoder", import_r9y9)}


@dataclass(frozen=True)
class Options(Checked):
    """The checkpoint, and the folder to write."""

    source: str = option(
        None, "Where it comes from: r9y9 (https://github.com/r9y9/wavenet_vocoder, version 0.2).", choices=_SOURCES
    )
    weights: str = option(None, "Checkpoint: .safetensors, .npz or .pth.", path=True)
    hparams: str | None = option(
        None, "Hyper-parameters as JSON; none: the file beside the weights, or hparams in an .npz file.", path=True
    )
    sample_rate: int | None = option(None, "Sample rate in Hz; none: that of the hyper-parameters.", at_least=100)
    output: str = option(None, "Model folder to write; made where there is none.", path=True)
    dtype: str = option("float32", "Number format of the file.", choices=DTYPES)
    overwrite: bool = option(False, "Replace the model in an existing folder.")


def main(options: Options) -> None:
    weights, output = Path(options.weights), Path(options.output)
    refuse_model(output, options.overwrite)
    tensors = read_tensors(weights)
    name, build = _SOURCES[options.source]
    hparams = _hparams(options.hparams, weights, tensors)
    try:
        trained, notes = build(tensors, hparams, options.sample_rate)
    except ValueError as error:
        raise ValueError(f"{weights}: {error}") from None
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    write_model(output, trained, options.dtype, f"Imported from {weights.name} (SHA-256 {digest}) of {name}.")
    for note in notes:
        console.say(note)
    model = trained.config.model
    console.result(
        {
            "folder": str(output),
            "step": trained.step,
            "parameters": parameter_count(model),
            "layers": model.layers,
            "receptive_field": receptive_field(model),
            "sample_rate": model.sample_rate,
            "head": model.head,
        }
    )


def _hparams(given: str | None, weights: Path, tensors: dict[str, Any]) -> dict[str, Any]:
    """Reads the hyper-parameters from the file that is given, from one beside the weights, or from the weights."""
    beside = [weights.with_suffix(".json"), weights.with_name("hparams.json")]
    path = Path(given) if given is not None else next((path for path in beside if path.is_file()), None)
    inside = tensors.get("hparams")
    if path is None and isinstance(inside, np.ndarray) and inside.dtype.kind == "U":
        return _parsed(str(inside), f"hparams in {weights}")
    if path is None:
        raise ValueError(f"there are no hyper-parameters beside {weights}, as {beside[0].name}; give hparams=FILE.json")
    return _parsed(path.read_text(encoding="utf-8", errors="replace"), str(path))


def _parsed(text: str, where: str) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where} is not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise ValueError(f"{where} must be a JSON object, got {type(values).__name__}")
    return values


if __name__ == "__main__":
    flags.run(main)
