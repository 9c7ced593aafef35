"""Weights as the engine reads them: one array of bytes, in the order of use. ``native/engine.cc`` reads it back.

The engine sees nothing else of the model's internals. Outputs are padded to a multiple of 16, and a matrix is cut into
tiles of about 64 outputs; within a tile, the weights of one input are contiguous. In int8 each output has a scale, its
largest weight is 127, and four inputs are contiguous for each output; the int32 sums in front undo the offset of 128
with which activations are stored. The projection to what a head reads comes twice: its weights, and 254 times what
rounding took from them.

Where enough of the blocks of 16 outputs and 4 inputs are zeros, as pruning leaves them, a matrix is those that are not:
how many there are for each 16 outputs and part of the inputs, the first input of each, scales and sums of int8, and the
blocks.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import jax.numpy as jnp
import ml_dtypes
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import StackWeights, WaveNetWeights, adaptation, prediction
from wavenet_jax.model.heads import NARROWEST, Categorical, CoarseFine, Mixture
from wavenet_jax.model.input import input_values, rows_of, scalars, waveform_of
from wavenet_jax.model.prediction import NOISE_FLOOR

FORMATS = ("float32", "int8", "float16", "bfloat16")
"""Formats of the weights, by the numbers that ``native/products.h`` gives them; with int8, activations have 8 bits."""
BLOCK = (16, 4)
"""Outputs and inputs of the blocks that are left out where they are zeros."""
LEAST_ZEROS = 0.4
"""Share of zero blocks from which a matrix is packed without them: the measured gain begins at a third."""

_LINE, _GROUP = BLOCK
_TYPES = {"float32": np.dtype(np.float32), "float16": np.dtype(np.float16), "bfloat16": np.dtype(ml_dtypes.bfloat16)}
_OFFSET = 128
"""Offset of activations as bytes."""
_FINER = 254
"""How much finer what rounding took from weights is kept, where it is: within half a step lie 127 finer ones."""


class Packed(NamedTuple):
    """Weights as bytes, and how their matrices lie there."""

    data: np.ndarray  # [n] uint8
    blocks: tuple[int, ...]  # of each matrix in turn: the blocks that are there, or -1 where it is whole
    zeros: float  # share of the matrices' weights that is left out


class _Matrix(NamedTuple):
    data: np.ndarray  # [n] uint8
    blocks: int  # that are there, or -1
    weights: int
    left_out: int = 0  # of the weights


def attributes(
    config: WaveNetConfig, weights: WaveNetWeights, weight_format: str
) -> dict[str, int | float | tuple[int, ...]]:
    """Returns the sizes and options of the network that the engine needs, by name."""
    head = weights.head
    mixture = head if isinstance(head, Mixture) else None
    kind = {Categorical: 0, CoarseFine: 1, Mixture: 2}[type(head)]
    past = prediction.memory_samples(config) if prediction.is_on(config) else 0
    window, slow = _window(config), config.context_stack(1)  # of any period
    return {
        "dilations": tuple(config.dilations),
        "kernel_size": config.kernel_size,
        "input_taps": config.input_kernel_size,
        "residual": config.residual_channels,
        "hidden": config.hidden_channels,
        "skip": config.skip_channels,
        "end": weights.output.hidden.shape[1],
        "outputs": head.outputs,
        "levels": head.levels,
        "table_rows": 0 if weights.input.table is None else weights.input.table.shape[1],
        "input_has_values": int(weights.input.values is not None),
        "time_channels": config.feature_channels,
        "residual_scaling": int(config.residual_scaling),
        "head": kind + int(mixture is not None and mixture.distribution == "gaussian"),
        "components": 0 if mixture is None else mixture.components,
        "fine_channels": head.fine_channels if isinstance(head, CoarseFine) else 0,
        "companded": int(mixture is not None and mixture.axis == "mu_law"),
        "log_scale_floor": 0.0 if mixture is None else float(mixture.log_scale_floor),
        "weight_format": FORMATS.index(weight_format),
        "float_ends": int(mixture is not None),
        "linear_prediction": config.prediction.linear_prediction,
        "pitch_taps": config.prediction.pitch_taps,
        "memory": past,
        "narrowest": NARROWEST,
        "window_samples": len(window),
        "adaptation_samples": config.adaptation_samples,
        "window_power": float(np.square(window).sum(dtype=np.float32)),
        "noise_power": NOISE_FLOOR**2,
        "white_noise": adaptation.WHITE_NOISE,
        "context_periods": tuple(config.context_periods),
        "context_channels": config.context.context_channels,
        "context_dilations": tuple(slow.dilations),
        "context_kernel_size": slow.kernel_size,
        "context_residual": slow.residual_channels,
        "context_hidden": slow.hidden_channels,
        "context_skip": slow.skip_channels,
    }


def pack(config: WaveNetConfig, weights: WaveNetWeights, weight_format: str) -> Packed:
    """Packs the weights in one of ``FORMATS``; what is small and decides much stays float32: see docs/engine.md."""
    stack, head = weights.stack, weights.head
    ends_format = "float32" if isinstance(head, Mixture) else weight_format
    parts = [*_input(config, weights), *_prediction(config, weights)]
    parts += _contexts(config, weights, weight_format)
    parts += _time(config, weights, weight_format)
    parts += _stack(config, stack, weight_format)
    for kernel, bias, twice in (
        (weights.output.hidden, weights.output.hidden_bias, False),
        (weights.output.outputs, weights.output.outputs_bias, True),  # errors of logits cost the most bits by far
    ):
        parts += [_vector(np.asarray(bias)), _matrix([np.asarray(kernel)], ends_format, twice)]
    if isinstance(head, CoarseFine):
        assert head.weights is not None
        parts += [_vector(np.asarray(head.weights.table)), _vector(np.asarray(head.weights.bias))]
        parts.append(_matrix([np.asarray(head.weights.kernel)], "float32"))
    matrices = [part for part in parts if isinstance(part, _Matrix)]
    return Packed(
        data=np.concatenate([part.data if isinstance(part, _Matrix) else part for part in parts]),
        blocks=tuple(matrix.blocks for matrix in matrices),
        zeros=sum(matrix.left_out for matrix in matrices) / sum(matrix.weights for matrix in matrices),
    )


def _input(config: WaveNetConfig, weights: WaveNetWeights) -> list[np.ndarray | _Matrix]:
    parts: list[np.ndarray | _Matrix] = [_vector(_or_zeros(weights.input.bias, config.residual_channels))]
    codes = jnp.arange(config.levels)
    if weights.input.values is not None:
        parts.append(_bytes(np.asarray(input_values(config, codes), np.float32)))
        parts.append(_vector(np.asarray(weights.input.values)))
    if weights.input.table is not None:
        if weights.input.table.shape[1] != config.levels:
            parts.append(_bytes(np.asarray(rows_of(config, codes), np.int32)))
        parts.append(_vector(np.asarray(weights.input.table)))
    return parts


def _prediction(config: WaveNetConfig, weights: WaveNetWeights) -> list[np.ndarray | _Matrix]:
    if weights.prediction is None:
        return []
    samples = waveform_of(config, jnp.arange(config.levels))
    window = [_vector(_window(config))] if adaptation.is_on(config) else []
    kernel = _matrix([np.asarray(weights.prediction.kernel)], "float32")
    return [_bytes(np.asarray(samples, np.float32)), kernel, *window]


def _window(config: WaveNetConfig) -> np.ndarray:
    """Returns the window of the filters' adaptation; empty without it."""
    return adaptation.window(config) if adaptation.is_on(config) else np.zeros(0, np.float32)


def _contexts(config: WaveNetConfig, weights: WaveNetWeights, weight_format: str) -> list[np.ndarray | _Matrix]:
    """Packs context stacks. The blocks of samples that they take stay float32, as at the network's own input."""
    if not weights.contexts:
        return []
    parts: list[np.ndarray | _Matrix] = [_vector(np.asarray(scalars(config, jnp.arange(config.levels))))]
    for period, slow in zip(config.context_periods, weights.contexts, strict=True):
        parts += [_vector(np.asarray(slow.input_bias)), _matrix([np.asarray(slow.input)], "float32")]
        parts += _stack(config.context_stack(period), slow.stack, weight_format)
        parts += [_vector(np.asarray(slow.output_bias)), _matrix([np.asarray(slow.output)], weight_format)]
    return parts


def _time(config: WaveNetConfig, weights: WaveNetWeights, weight_format: str) -> list[_Matrix]:
    """Packs what describes samples, to the gates of all layers: the features, and the contexts in a part each."""
    if weights.stack.time is None:
        return []
    kernel = np.asarray(weights.stack.time)
    columns = np.concatenate([_halves(kernel[:, layer]) for layer in range(config.layers)], axis=1)
    features, contexts = np.split(columns, [config.feature_channels])
    taps = np.split(contexts, len(config.context_periods)) if len(contexts) else []
    return [_matrix(parts, weight_format) for parts in ([features], taps) if sum(map(np.size, parts))]


def _stack(config: WaveNetConfig, weights: StackWeights, weight_format: str) -> list[np.ndarray | _Matrix]:
    """Packs a gated stack, but for what conditions it."""
    biases = [_halves(_or_zeros(bias, 2 * config.hidden_channels)) for bias in weights.dilated_bias]
    parts: list[np.ndarray | _Matrix] = [_vector(np.concatenate(biases))]
    for layer, current in enumerate(weights.current):
        taps = [*np.asarray(weights.past[layer]), np.asarray(current)]
        parts.append(_matrix([_halves(tap) for tap in taps], weight_format))
        rows = slice(layer * config.hidden_channels, (layer + 1) * config.hidden_channels)
        if layer < config.layers - 1:
            parts.append(_vector(_or_zeros(weights.residual_bias[layer], config.residual_channels)))
            parts.append(_matrix([np.asarray(weights.residual[layer])], weight_format))
        parts.append(_matrix([np.asarray(weights.skip[rows])], weight_format))
    parts.append(_vector(_or_zeros(weights.skip_bias, config.skip_channels)))
    return parts


def _or_zeros(bias: object, channels: int) -> np.ndarray:
    return np.zeros(channels, np.float32) if bias is None else np.asarray(bias, np.float32)


def _filled(columns: np.ndarray) -> np.ndarray:
    """Pads columns with zeros to whole lines."""
    missing = -columns.shape[-1] % _LINE
    return np.pad(columns, [(0, 0)] * (columns.ndim - 1) + [(0, missing)])


def _halves(columns: np.ndarray) -> np.ndarray:
    """Pads each half of a gate's columns by itself, so that both begin with a vector."""
    value, gate = np.split(columns, 2, axis=-1)
    return np.concatenate([_filled(value), _filled(gate)], axis=-1)


def _vector(values: np.ndarray) -> np.ndarray:
    """Returns the bytes of vectors, padded to whole lines."""
    return _bytes(_filled(np.asarray(values, np.float32)))


def _tiles(columns: int) -> list[slice]:
    """Tiles of a matrix, as even as they can be: of 64 columns, of up to 112 where that saves a narrow one, or all."""
    lines = columns // _LINE
    count = lines // 4 if lines >= 8 else 1
    ends = np.cumsum([0, *(_LINE * (lines // count + (tile < lines % count)) for tile in range(count))])
    return [slice(*map(int, pair)) for pair in pairwise(ends)]


def _matrix(taps: Sequence[np.ndarray], weight_format: str, twice: bool = False) -> _Matrix:
    """The bytes of a matrix whose inputs come in parts, ``[inputs, outputs]`` each.

    Args:
      taps: the parts.
      weight_format: one of ``FORMATS``.
      twice: of int8, as many parts follow that hold what rounding took from these.
    """
    taps = [_filled(np.asarray(tap, np.float32)) for tap in taps]
    outputs = taps[0].shape[1]
    scales, sums = np.zeros((0, outputs), np.float32), np.zeros((0, outputs), np.int32)
    if weight_format == "int8":
        greatest = np.max([np.abs(tap).max(axis=0) for tap in taps], axis=0)
        scales = (greatest / 127).astype(np.float32)[None]
        steps = np.where(scales > 0, scales, 1)
        numbers = [tap / steps for tap in taps]
        taps = [_rounded(number) for number in numbers]
        if twice:
            taps += [_rounded(_FINER * (number - tap)) for number, tap in zip(numbers, taps, strict=True)]
        sums = -_OFFSET * np.stack([tap.sum(axis=0, dtype=np.int32) for tap in taps])
    else:
        most = float(ml_dtypes.finfo(_TYPES[weight_format]).max)
        taps = [np.clip(tap, -most, most).astype(_TYPES[weight_format]) for tap in taps]
    weights = sum(map(np.size, taps))
    there = _there(taps)
    left_out = weights - _LINE * _GROUP * sum(map(np.sum, there)) if there else 0
    if left_out < LEAST_ZEROS * weights or not left_out:
        return _Matrix(_in_tiles(taps, scales, sums), -1, weights)
    counts = np.stack([grid.sum(axis=0, dtype=np.int32) for grid in there], axis=1)
    places, blocks = [], []
    for line in range(outputs // _LINE):
        for tap, grid in zip(taps, there, strict=True):
            rows = np.flatnonzero(grid[:, line])
            places.append(_GROUP * rows.astype(np.int32))
            blocks.append(_grouped(tap[:, line * _LINE : (line + 1) * _LINE])[rows].reshape(-1))
    data = [counts, np.concatenate(places), *([scales, sums] if len(scales) else []), np.concatenate(blocks)]
    return _Matrix(np.concatenate([_bytes(part) for part in data]), int(counts.sum()), weights, left_out)


def _rounded(numbers: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(numbers), -127, 127).astype(np.int8)


def _there(taps: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Marks the blocks that are not zeros, ``[inputs / 4, outputs / 16]`` for each part; empty: blocks do not fit."""
    if any(len(tap) % _GROUP for tap in taps):
        return []
    return [(tap != 0).reshape(len(tap) // _GROUP, _GROUP, -1, _LINE).any(axis=(1, 3)) for tap in taps]


def _in_tiles(taps: Sequence[np.ndarray], scales: np.ndarray, sums: np.ndarray) -> np.ndarray:
    parts = []
    for columns in _tiles(taps[0].shape[1]):
        parts += [scales[:, columns], sums[:, columns]]
        parts += [_grouped(tap[:, columns]) if len(scales) else tap[:, columns] for tap in taps]
    return _bytes(np.concatenate([np.frombuffer(part.tobytes(), np.uint8) for part in parts]))


def _grouped(tap: np.ndarray) -> np.ndarray:
    """Brings inputs together in fours, ``[n, 4, outputs]``; of int8, whose outputs read four at once, the last axis."""
    filled = np.pad(tap, [(0, -len(tap) % _GROUP), (0, 0)]).reshape(-1, _GROUP, tap.shape[1])
    return filled.swapaxes(1, 2) if tap.dtype == np.int8 else filled


def _bytes(values: np.ndarray) -> np.ndarray:
    """The bytes of an array, and zeros up to a whole line of the cache."""
    plain = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
    return np.pad(plain, (0, -len(plain) % (4 * _LINE)))
