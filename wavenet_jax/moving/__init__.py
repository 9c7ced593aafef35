"""Import from other implementations, and export as functions for other programs."""

from wavenet_jax.moving.functions import PLATFORMS, write_functions
from wavenet_jax.moving.onnx import write_step
from wavenet_jax.moving.r9y9 import Imported, import_r9y9
from wavenet_jax.moving.tensors import read_tensors

__all__ = ["PLATFORMS", "Imported", "import_r9y9", "read_tensors", "write_functions", "write_step"]
