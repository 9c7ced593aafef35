"""A run of an acoustic model that begins with the parameters of another one."""

from pathlib import Path
from typing import cast

import jax

from wavenet_jax.acoustic.config import AcousticRunConfig
from wavenet_jax.acoustic.model import parameter_shapes
from wavenet_jax.acoustic.model_folder import read_acoustic
from wavenet_jax.acoustic.runs import AcousticDirectory, TrainedAcoustic, load_acoustic
from wavenet_jax.acoustic.training import AcousticTrainer
from wavenet_jax.config import RunConfig
from wavenet_jax.integrity import different_form, flatten, listing
from wavenet_jax.runs import is_model_folder
from wavenet_jax.training import make_mesh
from wavenet_jax.training.checkpoints import Checkpoints, Progress


def begin_from(config: AcousticRunConfig, workdir: Path, source: TrainedAcoustic) -> bool:
    """Makes the first checkpoint of a run, at step 0, of the parameters of a trained model; ``train_events`` goes on.

    Args:
      config: the whole run, as ``train_events`` gets it.
      workdir: the run directory; made where there is none.
      source: the trained model, of the same layers.

    Returns:
      False where the run has begun already, and nothing is done.

    Raises:
      ValueError: the models have other layers, or the directory is in use or belongs to another config.
    """
    config.check_complete()
    shapes = parameter_shapes(config)
    difference = different_form(listing(flatten(source.params)), flatten(shapes))
    if difference is not None:
        raise ValueError(f"init_from has a model of other layers: {difference}; give its sizes, or train from scratch")
    run, as_run = AcousticDirectory(workdir), cast(RunConfig, config)
    run.check(as_run)
    with run.locked():
        if run.checkpoint_steps():
            return False
        run.settle_config(as_run)
        state = AcousticTrainer(config, make_mesh(jax.devices()[:1])).init(source.params)
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
