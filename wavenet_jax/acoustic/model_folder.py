"""An acoustic model without its run: ``config.json`` and ``model.safetensors`` in a folder."""

from pathlib import Path

from wavenet_jax.acoustic.config import AcousticRunConfig
from wavenet_jax.acoustic.model import parameter_shapes
from wavenet_jax.acoustic.runs import TrainedAcoustic
from wavenet_jax.runs import read_folder, write_folder

_KIND = "wavenet_jax acoustic model"


def write_acoustic(folder: Path, trained: TrainedAcoustic, dtype: str = "float16") -> None:
    """Writes the two files; the folder is made where there is none.

    Args:
      folder: where they go.
      trained: what is written. Its config names data folders; they are left out.
      dtype: number format of the parameters, float32 or float16; they are float32 again when they are read.

    Raises:
      ValueError: another dtype, parameters that it cannot hold, or a folder that a run lives in.
    """
    write_folder(folder, _KIND, *trained, dtype)


def read_acoustic(folder: Path) -> TrainedAcoustic:
    """Reads what ``write_acoustic`` wrote.

    Raises:
      ValueError: it is not there, is damaged, or is of another version of the model.
    """
    return TrainedAcoustic(*read_folder(folder, _KIND, AcousticRunConfig, parameter_shapes))
