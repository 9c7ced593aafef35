"""The gated stack and the output layer in C++, for training on CPUs: forward and backward.

One call runs all layers over all samples, block by block, so that activations between layers stay in the cache; the
gradient is another call. The layers in JAX (``whole`` of ``wavenet_jax.model.stack``, and then ``project`` of
``wavenet_jax.model.output``) are the definition, and run wherever this does not.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.arithmetic import round_up
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.engine.build import SOURCES, EngineMissingError, foreign_device, kinds, load
from wavenet_jax.model import GateInputs, OutputWeights, RunStack, StackWeights, gate_bias
from wavenet_jax.typing import Array

STACKS = ("auto", "jax", "native")

_LINE = 16
"""Channels to whole multiples of which the library pads what it keeps."""


class StackLibrary(NamedTuple):
    """A library that is loaded and registered with XLA."""

    forward: str  # names of its custom calls
    backward: str
    instructions: str  # what it was compiled for


def stack_library(kind: str | None = None) -> StackLibrary:
    """Returns the loaded library of a kind, by default the best for this processor; compiles it where it is missing.

    Raises:
      EngineMissingError: it cannot be compiled or loaded.
    """
    return _stack_library(kinds()[0] if kind is None else kind)


@functools.cache
def _stack_library(kind: str) -> StackLibrary:
    path, symbols = load(SOURCES / "stack.cc", kind)
    name = f"wavenet_stack_{path.stem.rpartition('-')[2]}"
    loaded = StackLibrary(f"{name}_forward", f"{name}_backward", kind)
    for target, symbol in (
        (loaded.forward, symbols.wavenet_stack_forward),
        (loaded.backward, symbols.wavenet_stack_backward),
    ):
        jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(symbol), platform="cpu")
    return loaded


def choose_stack(
    config: WaveNetConfig, devices: Iterable[jax.Device], name: str = "auto"
) -> tuple[RunStack | None, str]:
    """Returns what runs the gated stack in training, None: JAX, and a line for people: the choice, and its reason.

    Args:
      config: the network.
      devices: that train it.
      name: ``native``, ``jax``, or ``auto``: native where it can run.

    Raises:
      ValueError: ``native`` is asked for, and cannot run.
    """
    if name == "jax":
        return None, "jax"
    devices = list(devices)
    several = "several devices" if len(devices) > 1 else None
    reason = foreign_device(devices) or several or missing_stack_part(config)
    if reason is None:
        try:
            native = NativeStack(stack_library())
            return native, str(native)
        except EngineMissingError as error:
            reason = str(error)
    if name == "native":
        raise ValueError(f"stack=native cannot train this network: {reason}; leave stack out")
    return None, f"jax: {reason}"


def missing_stack_part(config: WaveNetConfig) -> str | None:
    """Returns what of a network the native stack does not have, or None: it can run it."""
    if config.compute_dtype != "float32":
        return f"compute_dtype={config.compute_dtype}"
    if config.dropout:
        return "dropout inside the stack"
    if config.rematerialize:
        return "rematerialize"
    if config.context_channels or (config.feature_channels and config.held == 1):
        return "conditions of single samples"  # what they add inside all gates would take more memory than the gates
    return None


@dataclass(frozen=True)
class NativeStack:
    """Runs the stack and the output layer by a library, without dropout."""

    library: StackLibrary

    def __str__(self) -> str:
        """The instructions, for people."""
        return f"native ({self.library.instructions})"

    def __call__(
        self, config: WaveNetConfig, weights: StackWeights, output: OutputWeights, x: Array, gate_inputs: GateInputs
    ) -> Array:
        """Computes the outputs of a whole signal that begins in silence: ``[B, T, R] -> [B, T, output_channels]``."""
        layers, gates, rows = config.layers, 2 * config.hidden_channels, x.shape[0]
        bias = jnp.stack([_or_zeros(bias, gates) for bias in weights.dilated_bias])[:, None, None]
        conditions = gate_bias(weights, gate_inputs)
        bias = bias if conditions is None else conditions + bias
        bias = jnp.broadcast_to(bias, (layers, bias.shape[1], rows, gates))
        dilated = jnp.concatenate([weights.past, jnp.stack(weights.current)[:, None]], axis=1)
        residual = jnp.zeros((0, config.hidden_channels, config.residual_channels))
        residual_bias = jnp.zeros((0, config.residual_channels))
        if layers > 1:
            residual = jnp.stack(weights.residual)
            residual_bias = jnp.stack([_or_zeros(bias, config.residual_channels) for bias in weights.residual_bias])
        skip = weights.skip.reshape(layers, config.hidden_channels, -1)
        skip_bias = _or_zeros(weights.skip_bias, config.skip_channels)
        kernels = (dilated, residual, skip, output.hidden, output.outputs)
        biases = (bias, residual_bias, skip_bias, output.hidden_bias, output.outputs_bias)
        return _run(self.library, _attributes(config), *kernels, x, *biases)


_Attributes = tuple[tuple[int, ...], bool]


def _attributes(config: WaveNetConfig) -> _Attributes:
    return config.dilations, config.residual_scaling


def _named(attributes: _Attributes) -> dict[str, Any]:
    dilations, scaling = attributes
    return {"dilations": np.asarray(dilations, np.int64), "residual_scaling": np.int64(scaling)}


def _or_zeros(bias: Array | None, channels: int) -> Array:
    return jnp.zeros((channels,)) if bias is None else bias


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _run(library: StackLibrary, attributes: _Attributes, *arrays: Array) -> Array:
    """Runs the forward call on the eleven arrays that it takes: returns the outputs."""
    return _forward(library, attributes, *arrays)[0]


def _forward(library: StackLibrary, attributes: _Attributes, *arrays: Array) -> tuple[Array, Any]:
    kernels, x, bias = arrays[:5], arrays[5], arrays[6]
    dilated, _, _, end, outputs = kernels
    (layers, _, _, gates), (rows, length, channels) = dilated.shape, x.shape
    results = [
        (rows, length, outputs.shape[-1]),
        (layers, rows, length, round_up(channels, _LINE)),
        (layers, rows, length, 2 * round_up(gates // 2, _LINE)),
        *((rows, length, round_up(size, _LINE)) for size in end.shape),
    ]
    call = jax.ffi.ffi_call(library.forward, [jax.ShapeDtypeStruct(shape, np.float32) for shape in results])
    result, *kept = call(*arrays, **_named(attributes))
    return result, (kernels, kept, bias)


def _backward(library: StackLibrary, attributes: _Attributes, saved: Any, gradient: Array) -> tuple[Array, ...]:
    kernels, (inputs, *others), bias = saved
    layers, _, channels, _ = kernels[0].shape
    shapes = [
        (*gradient.shape[:2], channels),
        bias.shape,
        *(kernel.shape for kernel in kernels),
        (layers - 1, channels),
        *(kernel.shape[-1:] for kernel in kernels[2:]),
        *(array.shape for array in others),
    ]
    call = jax.ffi.ffi_call(
        library.backward,
        [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes],
        input_output_aliases={6: 11, 7: 12, 8: 13},  # gradients take the place of what went through non-linearities
    )
    of_x, of_bias, *of_weights = call(*kernels, inputs, *others, gradient, **_named(attributes))
    return *of_weights[:5], of_x, of_bias, *of_weights[5:9]


_run.defvjp(_forward, _backward)
