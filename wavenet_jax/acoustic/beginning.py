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
from wavenet_jax.integrity import different_form, flatten, listing, unflatten
from wavenet_jax.runs import is_model_folder
from wavenet_jax.training import make_mesh
from wavenet_jax.training.checkpoints import Checkpoints, Progress

_PHONE_TABLE = "tables_0/embedding"


def begun_anew(config: AcousticRunConfig, source: TrainedAcoustic) -> tuple[str, ...]:
    """Names the parameters that a trained model cannot give to a run: those of the phones, of another language."""
    return (_PHONE_TABLE,) if config.language != source.config.language else ()


def begin_from(config: AcousticRunConfig, workdir: Path, source: TrainedAcoustic) -> bool:
    """Makes the first checkpoint of a run, at step 0, of the parameters of a trained model; ``train_events`` goes on.

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
    anew = begun_anew(config, source)
    given = {path: array for path, array in flatten(source.params).items() if path not in anew}
    wanted = {path: shape for path, shape in flatten(parameter_shapes(config)).items() if path not in anew}
    difference = different_form(listing(given), wanted)
    if difference is not None:
        raise ValueError(f"init_from has a model of other layers: {difference}; give its sizes, or train from scratch")
    run, as_run = AcousticDirectory(workdir), cast(RunConfig, config)
    run.check(as_run)
    with run.locked():
        if run.checkpoint_steps():
            return False
        run.settle_config(as_run)
        trainer = AcousticTrainer(config, make_mesh(jax.devices()[:1]))
        fresh = trainer.init().params if anew else source.params
        state = trainer.init(unflatten({**flatten(fresh), **given}, fresh))
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
