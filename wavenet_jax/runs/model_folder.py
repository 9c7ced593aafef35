"""The model folder: a trained network without its run, small enough to copy, to publish and to ship.

It holds ``config.json``, the run's config; ``model.safetensors``, the parameters by name, with a digest of each;
``model.flags``, the network as flags, for runs that begin from it; and ``README.md``, a card for people. Loading one
needs no orbax and executes nothing.
"""

import dataclasses
from pathlib import Path
from typing import Any

from wavenet_jax.config import RunConfig
from wavenet_jax.model import parameter_shapes
from wavenet_jax.runs.directory import WEIGHTS
from wavenet_jax.runs.flagfile import to_flagfile
from wavenet_jax.runs.load import Trained, load
from wavenet_jax.runs.sealed_folder import read_folder, write_folder

FLAGS, CARD = "model.flags", "README.md"

_KIND = "wavenet_jax model"


def is_model_folder(folder: Path) -> bool:
    """Tells whether a folder holds a model without its run."""
    return (folder / WEIGHTS).is_file()


def read_trained(folder: Path, checkpoint: str = "latest") -> Trained:
    """Reads the network of a run directory, of which ``checkpoint`` chooses one, or of a model folder.

    Raises:
      ValueError: there is none, or it is damaged; the message says what to do.
    """
    return read_model(folder) if is_model_folder(folder) else load(folder, checkpoint)


def write_model(folder: Path, trained: Trained, dtype: str = "float32", origin: str | None = None) -> None:
    """Writes a model folder; files of the same names are replaced, each whole or not at all.

    Args:
      folder: made where there is none.
      trained: what is written. Its config names folders of data and of a network to begin from; they are left out.
      dtype: one of ``DTYPES``.
      origin: a paragraph for README.md, such as where the network comes from.

    Raises:
      ValueError: another dtype, parameters that it cannot hold, or a folder that a run lives in.
    """
    config, params, step = trained
    start = config.start
    if start.init_from is not None:
        start = dataclasses.replace(start, init_from=Path(start.init_from).name)
    texts = {FLAGS: _flags(config), CARD: _card(trained, origin)}
    write_folder(folder, _KIND, dataclasses.replace(config, start=start), params, step, dtype, texts)


def read_model(folder: Path) -> Trained:
    """Reads a model folder.

    Raises:
      ValueError: it is not one, is damaged, or is of another version of the network.
    """
    return Trained(*read_folder(folder, _KIND, RunConfig, lambda config: parameter_shapes(config.model)))


def _flags(config: RunConfig) -> str:
    """Returns flags for runs that begin from the model; their classes are those of their own data."""
    conditioning = dataclasses.replace(config.model.conditioning, classes=())
    model = dataclasses.replace(config.model, conditioning=conditioning)
    return f"{to_flagfile(model)}--crop_samples={config.data.crop_samples}\n"


def _card(trained: Trained, origin: str | None) -> str:
    note = f"{origin}\n\n" if origin else ""
    model: Any = trained.config.model
    return (
        f"# A WaveNet of {model.layers} layers\n\n"
        f"{model.sample_rate} Hz, {model.levels} {model.companding} levels, head {model.head}; trained for "
        f"{trained.step} steps with wavenet_jax.\n\n"
        f"{note}"
        "```python\nimport wavenet_jax\n\nrun = wavenet_jax.load('.')\naudio = run.generate(seconds=2)\n```\n"
    )
