"""A network's step as an ONNX file, by jax2onnx: one sample of all streams, its draw included.

The inputs and outputs are named::

    codes [B] int32, uniforms [B, draws], temperature [] -> next_codes [B] int32
    state_0, state_1, ...  -> next_state_0, next_state_1, ...    zeros before the first sample

and, as far as the network takes them, ``class [B, families] int32`` and ``vector [B, V]``. Whoever runs it draws the
uniforms, from [0, 1), and decodes the codes: the file's metadata holds the sample rate, and the value of each code.
"""

import importlib.util
import json
import warnings
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from wavenet_jax.audio.codec import Grid
from wavenet_jax.conditions import stream_conditions
from wavenet_jax.config import RunConfig
from wavenet_jax.model import WaveNet, portable
from wavenet_jax.storage import write_whole
from wavenet_jax.typing import Array, Conditions, Params
from wavenet_jax.versions import versions

OPSET = 21


def write_step(path: Path, config: RunConfig, params: Params, streams: int = 1) -> None:
    """Writes a network's step as an ONNX file; a file of the same name is replaced.

    Args:
      path: of the file; its folder is made where there is none.
      config: the run's config.
      params: the network's parameters, which the file holds.
      streams: B.

    Raises:
      ValueError: the network takes features of frames, jax2onnx is not installed, or it cannot convert the network.
    """
    model = WaveNet(config.model)
    if config.model.is_local:
        kinds = ", ".join(config.model.features.local_features)
        raise ValueError(f"an ONNX file holds no network that takes features of frames, got local_features={kinds}")
    if importlib.util.find_spec("jax2onnx") is None:
        raise ValueError('writing ONNX needs jax2onnx; pip install "wavenet-jax[onnx]"')
    params = jax.tree.map(jnp.asarray, params)
    state, tree = jax.tree.flatten(model.init_state(streams))
    kinds_of = stream_conditions(config.model)
    head: Any = model.apply({"params": params}, method="bound_head")

    def step(codes: Array, uniforms: Array, temperature: Array, *others: Array) -> tuple[Array, ...]:
        given = Conditions(dict(zip(kinds_of, others, strict=False)))
        gate_inputs: Any = model.apply({"params": params}, given, method="gate_inputs")
        before = jax.tree.unflatten(tree, others[len(kinds_of) :])
        stepped: Any = model.apply({"params": params}, before, codes, gate_inputs, method="step")
        drawn = head.sample(stepped[0], uniforms, temperature)
        return drawn, *jax.tree.leaves(stepped[1])

    def like(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(shape, dtype)

    shapes = [
        like((streams,), jnp.int32),
        like((streams, head.draws), jnp.float32),
        like((), jnp.float32),
        *(like((streams, *kind.example.shape), kind.example.dtype) for kind in kinds_of.values()),
        *(like(leaf.shape, leaf.dtype) for leaf in state),
    ]
    states = [f"state_{number}" for number in range(len(state))]
    about = {
        "sample_rate": config.model.sample_rate,
        "silence": int(Grid.of(config.model).silence),
        "values": Grid.of(config.model).values.tolist(),
        "pre_emphasis": config.data.pre_emphasis,
        "versions": versions(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(
        path,
        _converted(
            step,
            shapes,
            ["codes", "uniforms", "temperature", *kinds_of, *states],
            ["next_codes", *(f"next_{name}" for name in states)],
            about,
        ),
    )


def _converted(function: Any, shapes: list, inputs: list[str], outputs: list[str], about: dict) -> bytes:
    with warnings.catch_warnings(), portable():
        warnings.simplefilter("ignore")  # of the converter's own dependencies
        from jax2onnx import to_onnx

        try:
            converted: Any = to_onnx(function, shapes, opset=OPSET, input_names=inputs, output_names=outputs)
        except NotImplementedError as error:
            raise ValueError(f"jax2onnx cannot convert this network: {error}") from None
    for key, value in about.items():
        entry = converted.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)
    content: bytes = converted.SerializeToString()
    return content
