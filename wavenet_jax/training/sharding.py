"""Data parallelism: every device holds the whole state and works on its share of the batch.

One device and many, one host and many, run the same lines; only the mesh differs.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

AXIS = "data"

_CHOOSES_DEVICES = {"cpu": "JAX_NUM_CPU_DEVICES", "gpu": "CUDA_VISIBLE_DEVICES"}
"""For each platform the environment variable that limits its devices."""


def make_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Makes a mesh of ``devices`` (default: all of them, on all hosts) along the batch."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), (AXIS,), devices=devices, axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """Returns the sharding of arrays that every device holds whole."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Returns the sharding of arrays whose ``axis`` the devices share."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, AXIS))


def put(mesh: Mesh, tree: Any) -> Any:
    """Puts the global batch on its devices; each host gives its own rows: arrays ``[rows of this host, ...]``."""
    return jax.tree.map(lambda rows: jax.make_array_from_process_local_data(split(mesh), np.asarray(rows)), tree)


def compiler_options(mesh: Mesh) -> dict[str, Any]:
    """Returns the options by which XLA compiles for the devices of a mesh.

    On GPUs, products come from the vendor's library. XLA would otherwise compile and time Triton's kernels for each of
    them: a minute or more before the first step (H200, jax 0.11.2: 8 s without them), for the same speed afterwards.
    """
    return {"xla_gpu_enable_triton_gemm": False} if mesh.devices.flat[0].platform == "gpu" else {}


def check_divisible(batch_size: int, microbatches: int, mesh: Mesh) -> None:
    """Raises ``ValueError`` where a batch does not divide evenly over microbatches and devices.

    A run keeps its batch when it is resumed on another machine, so the message says how to use fewer devices.
    """
    pieces = microbatches * mesh.size
    if batch_size % pieces:
        over = f"{mesh.size} device{'s' if mesh.size > 1 else ''}"
        over += f" x {microbatches} microbatches" if microbatches > 1 else ""
        fewer = "; or use fewer devices" if mesh.size > 1 else ""
        variable = _CHOOSES_DEVICES.get(mesh.devices.flat[0].platform)
        if fewer and variable:
            fewer += f", as {variable} in the environment says"
        raise ValueError(f"batch_size must be a multiple of {pieces} ({over}), got {batch_size}{fewer}")
