"""A run of an acoustic model that begins with the parameters of another one."""

from pathlib import Path
from typing import cast

import jax
import numpy as np

from wavenet_jax.acoustic.classes import PHONE_TABLE, is_named, renamed, said_of_phones
from wavenet_jax.acoustic.config import LANGUAGE, AcousticRunConfig
from wavenet_jax.acoustic.model import parameter_shapes
from wavenet_jax.acoustic.model_folder import read_acoustic
from wavenet_jax.acoustic.runs import AcousticDirectory, TrainedAcoustic, load_acoustic
from wavenet_jax.acoustic.training import AcousticTrainer
from wavenet_jax.config import RunConfig
from wavenet_jax.integrity import different_form, flatten, listing, unflatten
from wavenet_jax.runs import is_model_folder
from wavenet_jax.training import make_mesh
from wavenet_jax.training.checkpoints import Checkpoints, Progress


def begun_anew(config: AcousticRunConfig, source: TrainedAcoustic) -> tuple[str, ...]:
    """Names what a trained model cannot give to a run: phones that it does not speak, and classes that it has not."""
    ours, theirs = config.acoustic.inventory, source.config.acoustic.inventory
    phones = [phone for phone in ours.phones if phone not in theirs.phones]
    classes = [
        f"{family}={name}"
        for family, names in ours.families.items()
        for name in names
        if name not in theirs.families.get(family, ())
    ]
    return (*([f"phones {', '.join(phones)}"] if phones else []), *classes)


def begin_from(config: AcousticRunConfig, workdir: Path, source: TrainedAcoustic) -> bool:
    """Makes the first checkpoint of a run, at step 0, of the parameters of a trained model; ``train_events`` goes on.

    Phones and classes are taken by their names. Where the run has no classes, or fewer families of them, what the class
    of its language, or those of another family on the average, said of every phone is added to the phones.

    Args:
      config: the whole run, as ``train_events`` gets it.
      workdir: the run directory; made where there is none.
      source: the trained model, of the same layers; what it cannot give (``begun_anew``) begins at random.

    Returns:
      False where the run has begun already, and nothing is done.

    Raises:
      ValueError: the models have other layers, or the directory is in use or belongs to another config.
    """
    config.check_complete()
    given, wanted = flatten(source.params), flatten(parameter_shapes(config))
    layers = {path: array for path, array in given.items() if not is_named(path)}
    difference = different_form(listing(layers), {path: shape for path, shape in wanted.items() if not is_named(path)})
    if difference is not None:
        raise ValueError(f"init_from has a model of other layers: {difference}; give its sizes, or train from scratch")
    run, as_run = AcousticDirectory(workdir), cast(RunConfig, config)
    run.check(as_run)
    with run.locked():
        if run.checkpoint_steps():
            return False
        run.settle_config(as_run)
        trainer = AcousticTrainer(config, make_mesh(jax.devices()[:1]))
        fresh = trainer.init().params
        ours, theirs = config.acoustic.inventory, source.config.acoustic.inventory
        tables = renamed(given, theirs, {path: np.asarray(table) for path, table in flatten(fresh).items()}, ours)
        for family, names in theirs.families.items():
            if family not in ours.families:
                said = family == LANGUAGE and config.acoustic.language in names
                name = config.acoustic.language if said else None
                tables[PHONE_TABLE] = tables[PHONE_TABLE] + said_of_phones(given, theirs, family, name)
        state = trainer.init(unflatten({**layers, **tables}, fresh))
        with Checkpoints(run, config.train.keep_checkpoints) as checkpoints:
            checkpoints.save(state, as_run, Progress(), None)
    return True


def read_source(folder: Path, choice: str = "best") -> TrainedAcoustic:
    """Reads the model of a voice folder or of a run directory.

    Args:
      folder: either one.
      choice: of a run's checkpoints: see ``load_acoustic``.

    Raises:
      ValueError: it is neither, or is damaged.
    """
    for place in (folder / "acoustic", folder):
        if is_model_folder(place):
            return read_acoustic(place)
    return load_acoustic(folder, choice)
