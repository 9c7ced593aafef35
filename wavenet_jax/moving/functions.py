"""A network as functions that run without this package: StableHLO for several platforms, by ``jax.export``.

A folder holds ``begin``, ``prefill`` and ``sample``, each a file that ``jax.export.deserialize`` reads; ``arrays.npz``,
the prepared weights and the value of each code; and ``about.json``. Arguments and results are arrays, lists
and dictionaries::

    begin(seed [] uint32, streams [B] uint32) -> state                          streams are numbered from 0
    prefill(weights, state, codes [B, T], count [] int32, conditions) -> state  the first count of the codes count
    sample(weights, state, temperature [] float32, conditions) -> codes [B, T] int32, state

``conditions`` has ``class [B, families] int32``, ``vector [B, V]`` and ``frames [B, before + F + after, C]``, whichever
the network uses; the export fixes T.
"""

import importlib.util
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from wavenet_jax.audio.codec import Grid
from wavenet_jax.conditions import stream_conditions
from wavenet_jax.config import RunConfig
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling.frames import frames_around
from wavenet_jax.sampling.scan import (
    ROWS_FOR_MATMUL,
    Session,
    advance,
    begin,
    prefill,
    prepare_weights,
    with_key_types,
    without_key_types,
)
from wavenet_jax.sampling.strategies import Ancestral
from wavenet_jax.storage import write_whole
from wavenet_jax.typing import Array, Conditions, Params
from wavenet_jax.versions import versions

PLATFORMS = ("cpu", "cuda", "tpu")
"""Platforms that each file is lowered for."""

SUFFIX = ".stablehlo"

State = list[Array]
Given = dict[str, Array]


def write_functions(folder: Path, config: RunConfig, params: Params, samples: int, streams: int | None = 1) -> None:
    """Writes a network as functions; files of the same names are replaced.

    Args:
      folder: made where there is none.
      config: the run's config.
      params: the network's parameters.
      samples: T, which one call generates, or takes of a prompt.
      streams: B; None leaves it open, from ``ROWS_FOR_MATMUL`` on: fewer are computed in another order.

    Raises:
      ValueError: ``samples`` is not a multiple of the hop, or flatbuffers is not installed.
    """
    if importlib.util.find_spec("flatbuffers") is None:
        raise ValueError('writing functions needs flatbuffers; pip install "wavenet-jax[export]"')
    model = WaveNet(config.model)
    if samples % config.model.hop:
        raise ValueError(f"samples must be a multiple of hop_samples={config.model.hop}, got {samples}")
    weights = prepare_weights(model, params)
    arrays: dict[str, Any] = {
        f"weights/{index}": np.asarray(leaf) for index, leaf in enumerate(jax.tree.leaves(weights))
    }
    arrays["values"] = Grid.of(config.model).values
    content = io.BytesIO()
    np.savez(content, **arrays)
    about = {
        "sample_rate": config.model.sample_rate,
        "samples": samples,
        "streams": streams,
        "weights": len(arrays) - 1,
        "hop_samples": config.model.hop,
        "pre_emphasis": config.data.pre_emphasis,
        "classes": config.model.conditioning.families if config.model.conditioning.condition_on_classes else {},
        "platforms": PLATFORMS,
        "versions": versions(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, exported in _functions(model, weights, samples, streams).items():
        write_whole(folder / f"{name}{SUFFIX}", bytes(exported.serialize()))
    write_whole(folder / "arrays.npz", content.getvalue())
    write_whole(folder / "about.json", (json.dumps(about, indent=2) + "\n").encode())


def _functions(model: WaveNet, weights: Any, samples: int, streams: int | None) -> dict[str, export.Exported]:
    rows: Any = (
        streams if streams is not None else export.symbolic_shape("b", constraints=[f"b >= {ROWS_FOR_MATMUL}"])[0]
    )
    weight_leaves, weight_tree = jax.tree.flatten(weights)
    session_tree = jax.tree.structure(jax.eval_shape(lambda: without_key_types(begin(model, jax.random.key(0), 2))))

    def session_of(state: State) -> Session:
        return with_key_types(jax.tree.unflatten(session_tree, state))

    def weights_of(leaves: list[Array]) -> Any:
        return jax.tree.unflatten(weight_tree, leaves)

    def first(seed: Array, streams: Array) -> State:
        return _leaves(begin(model, jax.random.key(seed), streams.shape[0]))

    def take(leaves: list[Array], state: State, codes: Array, count: Array, conditions: Given) -> State:
        given = _conditions(conditions)
        return _leaves(prefill(model, weights_of(leaves), session_of(state), codes, given, valid=count))

    def sample(leaves: list[Array], state: State, temperature: Array, conditions: Given) -> tuple[Array, State]:
        given, strategy = _conditions(conditions), Ancestral(temperature)
        codes, _, session = advance(model, weights_of(leaves), strategy, session_of(state), samples, given)
        return codes, _leaves(session)

    def like(shape: tuple[Any, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype)

    def exported(function: Callable[..., Any], *arguments: Any) -> export.Exported:
        return export.export(jax.jit(function), platforms=PLATFORMS)(*arguments)

    shapes = [like(leaf.shape, leaf.dtype) for leaf in weight_leaves]
    numbers = like((rows,), jnp.uint32)
    state = jax.eval_shape(first, like((), jnp.uint32), numbers)
    conditions = _condition_shapes(model, rows, samples)
    return {
        "begin": exported(first, like((), jnp.uint32), numbers),
        "prefill": exported(take, shapes, state, like((rows, samples), jnp.int32), like((), jnp.int32), conditions),
        "sample": exported(sample, shapes, state, like((), jnp.float32), conditions),
    }


def _condition_shapes(model: WaveNet, rows: Any, samples: int) -> dict[str, jax.ShapeDtypeStruct]:
    config, shapes = model.config, {}
    for name, kind in stream_conditions(config).items():
        example = kind.example
        shapes[name] = jax.ShapeDtypeStruct((rows, *example.shape), example.dtype)
    if config.is_local:
        frames = samples // config.hop + frames_around(config)
        shapes["frames"] = jax.ShapeDtypeStruct((rows, frames, config.features.channels), jnp.float32)
    return shapes


def _conditions(given: Given) -> Conditions:
    return Conditions({name: array for name, array in given.items() if name != "frames"}, given.get("frames"))


def _leaves(session: Session) -> State:
    leaves: State = jax.tree.leaves(without_key_types(session))
    return leaves
