"""The run directory and the model folder: their files, read and written."""

from wavenet_jax.runs.directory import RunDirectory
from wavenet_jax.runs.flagfile import to_flagfile
from wavenet_jax.runs.load import CHOICES, Trained, load
from wavenet_jax.runs.model_folder import is_model_folder, read_model, read_trained, write_model
from wavenet_jax.runs.records import Record, Records, read_records
from wavenet_jax.runs.sealed_folder import DTYPES, read_folder, write_folder

__all__ = [
    "CHOICES",
    "DTYPES",
    "Record",
    "Records",
    "RunDirectory",
    "Trained",
    "is_model_folder",
    "load",
    "read_folder",
    "read_model",
    "read_records",
    "read_trained",
    "to_flagfile",
    "write_folder",
    "write_model",
]
