"""Data parallelism: every device holds the whole state and works on its share of the batch.

One device and many, one host and many, run the same lines; only the mesh differs.
"""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

AXIS = "data"


def make_mesh(devices: Sequence[jax.Device] | None = None) -> Mesh:
    """A mesh of ``devices`` (default: all of them, on all hosts) along the batch."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), (AXIS,), devices=devices, axis_types=(AxisType.Auto,))


def replicated(mesh: Mesh) -> NamedSharding:
    """The same values on every device."""
    return NamedSharding(mesh, PartitionSpec())


def split(mesh: Mesh, axis: int = 0) -> NamedSharding:
    """Rows of ``axis`` shared out over the devices."""
    return NamedSharding(mesh, PartitionSpec(*[None] * axis, AXIS))


def put(mesh: Mesh, tree: Any) -> Any:
    """The global batch, on its devices, of which each host gives its own rows: arrays ``[rows of this host, ...]``."""
    return jax.tree.map(lambda rows: jax.make_array_from_process_local_data(split(mesh), np.asarray(rows)), tree)


def check_divisible(batch_size: int, microbatches: int, mesh: Mesh) -> None:
    """Raises ``ValueError`` where a batch does not divide evenly over microbatches and devices."""
    pieces = microbatches * mesh.size
    if batch_size % pieces:
        over = f"{mesh.size} device{'s' if mesh.size > 1 else ''}"
        over += f" x {microbatches} microbatches" if microbatches > 1 else ""
        raise ValueError(f"batch_size must be a multiple of {pieces} ({over}), got {batch_size}")
