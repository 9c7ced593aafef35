"""Streams over several devices: each runs its own loop over its share of the batch, and sends nothing to the others."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from wavenet_jax.engine import Engine
from wavenet_jax.model import WaveNet, WaveNetWeights, batch_axes
from wavenet_jax.sampling.native import advance_native
from wavenet_jax.sampling.scan import Session, advance, streams_of
from wavenet_jax.sampling.strategies import Strategy
from wavenet_jax.typing import Array, Conditions

_STREAMS = "streams"


def sharing(devices: Sequence[jax.Device], batch_size: int, count: int | None = None) -> list[jax.Device]:
    """Returns the first of the devices: ``count`` of them, or as many as can share the streams evenly.

    Raises:
      ValueError: there are fewer than ``count``.
    """
    if count is None:
        count = max(share for share in range(1, len(devices) + 1) if batch_size % share == 0)
    if count > len(devices):
        raise ValueError(f"devices must be at most the {len(devices)} of this machine, got {count}")
    return list(devices[:count])


def spread(model: WaveNet, session: Session, devices: Sequence[jax.Device]) -> Session:
    """Returns the session with its streams on the devices, in order, as many on each.

    ``stream`` then makes each device's streams there: as it would in a session of their own.

    Raises:
      ValueError: the devices cannot share the streams evenly.
    """
    if len(devices) == 1:
        return session if devices[0] == jax.devices()[0] else jax.device_put(session, devices[0])
    streams = streams_of(session)
    if streams % len(devices):
        raise ValueError(f"the streams must be a multiple of the {len(devices)} devices, got {streams}")
    mesh = jax.make_mesh((len(devices),), (_STREAMS,), axis_types=(AxisType.Auto,), devices=tuple(devices))
    return jax.tree.map(lambda leaf, spec: jax.device_put(leaf, NamedSharding(mesh, spec)), session, _specs(model))


def mesh_of(session: Session) -> Mesh | None:
    """Returns the devices that a session is ``spread`` over; None where it is on one."""
    sharding = session.latest.sharding
    return sharding.mesh if isinstance(sharding, NamedSharding) and _STREAMS in sharding.mesh.axis_names else None  # type: ignore[return-value]


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
    engine: Engine | None = None,
    scored: bool = False,
) -> tuple[Array, Array | None, Session]:
    """Advances a session that is ``spread``: bit-equal to ``advance`` of each device's streams by themselves.

    With an engine, to ``advance_native``.
    """

    def share(
        weights: WaveNetWeights,
        strategy: Strategy,
        session: Session,
        conditions: Conditions,
        guidance: Array | None,
        engine: Engine | None,
    ) -> tuple[Array, Array | None, Session]:
        # Without a compilation of its own.
        one_device = inspect.unwrap(advance)
        if engine is not None:
            one_device = functools.partial(inspect.unwrap(advance_native), engine=engine)
        return one_device(model, weights, strategy, session, length, conditions, guidance, scored=scored)

    if engine is not None and mesh.size > 1:
        engine = dataclasses.replace(engine, threads=1)  # the others have the cores
    whole, rows, sessions = PartitionSpec(), PartitionSpec(_STREAMS), _specs(model)
    shared = on_each(mesh, share, (whole, whole, sessions, rows, whole, whole), (rows, rows, sessions))
    arrays = jax.tree.map(jnp.asarray, conditions)
    weight = None if guidance is None else jnp.asarray(guidance, np.float32)
    return shared(weights, strategy, session, arrays, weight, engine)


def on_each(mesh: Mesh, function: Callable[..., Any], in_specs: tuple[Any, ...], out_specs: Any) -> Callable[..., Any]:
    """Returns the function, which each device of the mesh runs by itself on its shares of the arrays that it is given.

    Specs are those of ``jax.shard_map``. Arrays without elements, as the memory of an input layer that reads a single
    sample is, are not handed over but made by each device: XLA puts constants in their place, and the partitioner of
    jax 0.11 crashes at the inputs that are unused then.
    """

    def run(*inputs: Any) -> Any:
        def own(spec: PartitionSpec, arrays: Any) -> Any:
            shape_of = NamedSharding(mesh, spec).shard_shape
            return jax.tree.map(lambda array: jax.ShapeDtypeStruct(shape_of(array.shape), array.dtype), arrays)

        shapes = jax.tree.map(own, in_specs, inputs)

        def share(*filled: Any) -> Any:
            def made(shape: jax.ShapeDtypeStruct, array: Array | None) -> Array:
                return jnp.zeros(shape.shape, shape.dtype) if array is None else array

            return function(*jax.tree.map(made, shapes, filled))

        shared = jax.shard_map(
            share,
            mesh=mesh,
            in_specs=in_specs,
            out_specs=out_specs,
            check_vma=False,  # where rings stand is the same on all devices, which the types do not show
        )
        return shared(*jax.tree.map(lambda array: array if array.size else None, inputs))

    return run


def _specs(model: WaveNet) -> Any:
    """Returns the session with, in place of each array, the PartitionSpec of its streams."""
    rows, state = PartitionSpec(_STREAMS), jax.eval_shape(lambda: model.init_state(1))

    def spec(leaf: jax.ShapeDtypeStruct, axes: tuple[int, ...]) -> PartitionSpec:
        return PartitionSpec(*([None] * axes[0]), _STREAMS) if axes else PartitionSpec()

    on_devices: Any = Session
    return on_devices(rows, rows, rows, jax.tree.map(spec, state, batch_axes(model)))
