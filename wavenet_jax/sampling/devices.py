"""Many streams over many devices: each runs its own loop over its share of the batch, and tells the others nothing."""

import functools
import inspect
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from wavenet_jax.model import WaveNet, WaveNetWeights, batch_axes
from wavenet_jax.sampling.scan import Session, advance
from wavenet_jax.sampling.strategies import Strategy
from wavenet_jax.typing import Array, Conditions

_STREAMS = "streams"


def mesh_of(devices: Sequence[jax.Device], batch_size: int) -> Mesh:
    """The devices in a row.

    Raises:
      ValueError: they cannot share the streams evenly.
    """
    if batch_size % len(devices):
        raise ValueError(f"batch_size must be a multiple of the {len(devices)} devices, got {batch_size}")
    return jax.make_mesh((len(devices),), (_STREAMS,), axis_types=(AxisType.Auto,), devices=tuple(devices))


def sharing(devices: Sequence[jax.Device], batch_size: int, count: int | None = None) -> list[jax.Device]:
    """The first of the devices: ``count`` of them, or as many as can share the streams evenly.

    Raises:
      ValueError: there are not so many.
    """
    if count is None:
        count = max(share for share in range(1, len(devices) + 1) if batch_size % share == 0)
    if count > len(devices):
        raise ValueError(f"devices must be at most the {len(devices)} of this machine, got {count}")
    return list(devices[:count])


def spread(mesh: Mesh, model: WaveNet, session: Session) -> Session:
    """The session with its streams on the devices, in order."""
    specs = _specs(model)
    return jax.tree.map(lambda leaf, spec: jax.device_put(leaf, NamedSharding(mesh, spec)), session, specs)


@functools.partial(jax.jit, static_argnames=("mesh", "model", "length", "scored"), donate_argnames=("session",))
def advance_on(
    mesh: Mesh,
    model: WaveNet,
    weights: WaveNetWeights,
    strategy: Strategy,
    session: Session,
    length: int,
    conditions: Conditions = Conditions(),
    guidance: float | Array | None = None,
    *,
    scored: bool = False,
) -> tuple[Array, Array | None, Session]:
    """``advance`` of a session that is ``spread``; bit-equal to that of each device's streams by themselves."""

    def share(
        weights: WaveNetWeights, strategy: Strategy, session: Session, conditions: Conditions, guidance: Array | None
    ) -> tuple[Array, Array | None, Session]:
        one_device = inspect.unwrap(advance)  # without a compilation of its own
        return one_device(model, weights, strategy, session, length, conditions, guidance, scored=scored)

    whole, rows, sessions = PartitionSpec(), PartitionSpec(_STREAMS), _specs(model)
    shared = jax.shard_map(
        share,
        mesh=mesh,
        in_specs=(whole, whole, sessions, rows, whole),
        out_specs=(rows, rows, sessions),
        check_vma=False,  # where rings stand is the same on all devices, which the types cannot tell
    )
    told = jax.tree.map(jnp.asarray, conditions)
    return shared(weights, strategy, session, told, None if guidance is None else jnp.asarray(guidance, np.float32))


def _specs(model: WaveNet) -> Any:
    """How a session lies on the devices: the session with a PartitionSpec in place of each array."""
    rows, state = PartitionSpec(_STREAMS), jax.eval_shape(lambda: model.init_state(1))

    def spec(leaf: jax.ShapeDtypeStruct, axes: tuple[int, ...]) -> PartitionSpec:
        return PartitionSpec(*([None] * axes[0]), _STREAMS) if axes else PartitionSpec()

    on_devices: Any = Session
    return on_devices(rows, rows, rows, jax.tree.map(spec, state, batch_axes(model)))
