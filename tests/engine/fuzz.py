"""Calls a library of the engine with arguments that fit and arguments that do not; a sanitizer ends it at a fault.

    python tests/engine/fuzz.py LIBRARY CALLS SEED

Prints how many calls ran, and how many were refused with an error.
"""

import ctypes
import sys
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

_TARGET = "wavenet_engine_fuzzed"
_LINE, _GROUP = 16, 4
_WIDTHS = (4, 1, 2, 2)
"""Bytes of a weight, by the number of its format; 1 is int8."""


def _up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple


def _network(random: np.random.Generator) -> dict[str, Any]:
    """Attributes of a small network."""
    head = int(random.integers(4))
    components = int(random.integers(1, 5)) if head >= 2 else 0
    fine = int(random.integers(1, 6)) if head == 1 else 0
    levels = [int(random.integers(2, 40)), 65_536, 300, 300][head]
    values = bool(random.integers(2)) or head == 1
    order = int(random.integers(1, 40)) if random.integers(2) else 0
    taps = int(random.integers(0, 6)) if order else 0

    def channels(most: int) -> int:
        """Half of the widths have blocks."""
        count = int(random.integers(1, most))
        return _up(count, _GROUP) if random.integers(2) else count

    return {
        "dilations": [int(d) for d in random.integers(1, 5, random.integers(1, 4))],
        "kernel_size": int(random.integers(1, 4)),
        "input_taps": int(random.integers(1, 4)),
        "residual": channels(150),
        "hidden": channels(70),
        "skip": channels(80),
        "end": channels(150),
        "outputs": [levels, 256 + fine, 3 * components, 3 * components][head],
        "levels": levels,
        "table_rows": int(random.integers(0, 9)) if values else levels,
        "input_has_values": int(values),
        "time_channels": int(random.integers(0, 5)),
        "residual_scaling": int(random.integers(2)),
        "head": head,
        "components": components,
        "fine_channels": fine,
        "companded": int(random.integers(2)),
        "log_scale_floor": -5.0,
        "weight_format": int(random.integers(4)),
        "float_ends": int(random.integers(2)),
        "threads": int(random.integers(1, 3)),
        "most_probable": int(random.integers(2)) if head != 1 else 0,
        "guided": int(random.integers(2)),
        "linear_prediction": order,
        "pitch_taps": taps,
        "memory": max(order, taps + taps // 2) + int(random.integers(0, 3000)) if order else 0,
        "narrowest": -5.0,
        "window_samples": order + int(random.integers(1, 90)) if order and random.integers(2) else 0,
        "adaptation_samples": int(random.integers(1, 9)),
        "window_power": 3.0,
        "noise_power": 1e-9,
        "white_noise": 1e-4,
        "context_periods": [int(period) for period in random.integers(1, 9, random.integers(0, 4))],
        "context_channels": channels(40),
        "context_dilations": [int(d) for d in random.integers(1, 4, random.integers(1, 4))],
        "context_kernel_size": int(random.integers(1, 4)),
        "context_residual": channels(40),
        "context_hidden": channels(40),
        "context_skip": channels(40),
    }


def _packed(random: np.random.Generator, net: dict[str, Any], numbers: Callable[[int], np.ndarray]) -> np.ndarray:
    """Packed weights, as packing.py lays them out, with any ``numbers`` as weights; adds ``blocks`` to the network."""
    parts: list[np.ndarray] = []
    net["blocks"] = []

    def add(array: np.ndarray) -> None:
        plain = np.frombuffer(array.tobytes(), np.uint8)
        parts.append(np.pad(plain, (0, -len(plain) % (4 * _LINE))))

    def any_bytes(size: int) -> None:
        add(numbers(_up(size, 4) // 4))

    def vector(count: int, of: int = 1) -> None:
        any_bytes(of * _up(count, _LINE) * 4)

    def matrix(inputs: list[int], outputs: int, weight_format: int) -> None:
        width, columns, in_bytes = _WIDTHS[weight_format], _up(outputs, _LINE), weight_format == 1
        if random.integers(2) and all(count % _GROUP == 0 for count in inputs):
            runs = [
                _GROUP * np.flatnonzero(random.random(count // _GROUP) < random.random())
                for _ in range(columns // _LINE)
                for count in inputs
            ]
            add(np.array([len(run) for run in runs], np.int32))
            add(np.concatenate(runs).astype(np.int32))
            if in_bytes:
                vector(columns)
                vector(columns, len(inputs))
            net["blocks"].append(sum(map(len, runs)))
            any_bytes(net["blocks"][-1] * _LINE * _GROUP * width)
            return
        rows = sum(_up(count, _GROUP) if in_bytes else count for count in inputs)
        net["blocks"].append(-1)
        any_bytes(columns * (rows * width + in_bytes * 4 * (1 + len(inputs))))

    def stack(prefix: str) -> None:
        taps, last = net[f"{prefix}kernel_size"], len(net[f"{prefix}dilations"]) - 1
        residual, hidden, skip = (net[f"{prefix}{name}"] for name in ("residual", "hidden", "skip"))
        gate = 2 * _up(hidden, _LINE)
        vector((last + 1) * gate)
        for layer in range(last + 1):
            matrix([residual] * taps, gate, weights)
            if layer < last:
                vector(residual)
                matrix([hidden], residual, weights)
            matrix([hidden], skip, weights)
        vector(skip)

    weights, layers = net["weight_format"], len(net["dilations"])
    ends = 0 if net["float_ends"] else weights
    residual, hidden = net["residual"], 2 * _up(net["hidden"], _LINE)
    outputs = net["outputs"] + (net["head"] >= 2) * (net["linear_prediction"] + net["pitch_taps"])
    vector(residual)
    if net["input_has_values"]:
        any_bytes(4 * net["levels"])
        vector(residual, net["input_taps"])
    if net["table_rows"]:
        if net["table_rows"] != net["levels"]:
            any_bytes(4 * net["levels"])
        vector(residual, net["input_taps"] * net["table_rows"])
    if net["linear_prediction"]:
        any_bytes(4 * net["levels"])
        matrix([3 + 2 * net["pitch_taps"]], residual, 0)
    vector(net["window_samples"])
    if net["context_periods"]:
        any_bytes(4 * net["levels"])
    for period in net["context_periods"]:
        vector(net["context_residual"])
        matrix([period], net["context_residual"], 0)
        stack("context_")
        vector(period * net["context_channels"])
        matrix([net["context_skip"]], period * net["context_channels"], weights)
    if net["time_channels"]:
        matrix([net["time_channels"]], layers * hidden, weights)
    if net["context_periods"]:
        matrix([net["context_channels"]] * len(net["context_periods"]), layers * hidden, weights)
    stack("")
    vector(net["end"])
    matrix([net["skip"]], net["end"], ends)
    vector(outputs)
    matrix([net["end"]] * (2 if ends == 1 else 1), outputs, ends)
    if net["head"] == 1:
        vector(net["fine_channels"], 256)
        vector(256)
        matrix([net["fine_channels"]], 256, 0)
    return np.concatenate(parts)


def _arrays(random: np.random.Generator, net: dict[str, Any]) -> tuple[list[np.ndarray], list[Any]]:
    """Arguments that fit, with any numbers in them, and forms of the results."""
    # Past 1,024 samples, the past that predictions reach is moved to the front.
    length, streams = int(random.integers(1, 9)) if random.integers(20) else 1_100, int(random.integers(1, 7))
    rows, layers = streams * (1 + net["guided"]), len(net["dilations"])
    predicting, memory = rows * bool(net["linear_prediction"]), net["memory"]
    parts = [part for part in range(1, length + 1) if length % part == 0]
    adapting = rows * bool(net["window_samples"])
    pieces, filters = (
        int(random.choice(parts)) * bool(there) for there in (net["time_channels"], predicting and not adapting)
    )
    draws = 1 if net["head"] == 0 else 2
    slots = (net["kernel_size"] - 1) * np.array(net["dilations"])
    wild, given = random.integers(3) == 0, int(random.integers(2))

    def floats(*shape: int) -> np.ndarray:
        if wild:
            return random.integers(0, 2**32, shape, np.uint64).astype(np.uint32).view(np.float32)
        return random.standard_normal(shape).astype(np.float32)

    arguments = [
        _packed(random, net, floats),
        random.uniform(size=(length, streams, draws)).astype(np.float32),
        np.abs(floats(*[(1, 1), (length, streams), (length, 1), (1, streams)][random.integers(4)])),
        random.choice(np.array([np.inf, 0, 0.3, 1, 5, np.nan, -7], np.float32), 3),
        floats(),
        floats(layers if random.integers(2) else 0, rows, 2 * net["hidden"]),
        floats(pieces, rows, net["time_channels"]),
        floats(filters, rows, net["linear_prediction"]),
        np.abs(floats(filters, rows)),
        random.integers(0, memory - net["pitch_taps"] // 2 + 1, (filters, rows)).astype(np.int32),
        random.integers(0, net["levels"], streams).astype(np.int32),
        random.integers(0, net["levels"], (streams, length * given)).astype(np.int32),
        random.integers(0, net["levels"] + 1, (rows, net["input_taps"] - 1)).astype(np.int32),
        random.integers(0, np.maximum(slots, 1)).astype(np.int32),
        floats(int(slots.sum()), rows, net["residual"]),
        floats(predicting, memory),
        floats(predicting, memory),
        floats(predicting),
        random.integers(0, net["adaptation_samples"], ()).astype(np.int32),
        floats(adapting, net["window_samples"]),
        floats(adapting, net["linear_prediction"] * bool(adapting)),
        np.abs(floats(adapting)),
    ]
    slow = (net["context_kernel_size"] - 1) * np.array(net["context_dilations"])
    for period in net["context_periods"]:
        arguments += [
            random.integers(0, period, ()).astype(np.int32),
            floats(rows, period),
            floats(rows, period, net["context_channels"]),
            random.integers(0, np.maximum(slow, 1)).astype(np.int32),
            floats(int(slow.sum()), rows, net["context_residual"]),
        ]
    scored = random.integers(2) and net["head"] < 2 and not given
    results = [
        jax.ShapeDtypeStruct((streams, length), np.int32),
        jax.ShapeDtypeStruct((streams, length * bool(scored)), np.float32),
        jax.ShapeDtypeStruct((streams, length * int(random.integers(2)), net["outputs"]), np.float32),
        *(jax.ShapeDtypeStruct(array.shape, array.dtype) for array in arguments[12:]),
    ]
    return arguments, results


def _spoil(random: np.random.Generator, net: dict[str, Any], arguments: list[Any], results: list[Any]) -> None:
    """Makes one thing, or a few, not fit."""
    for _ in range(random.integers(1, 4)):
        kind, at = random.integers(6), int(random.integers(len(arguments)))
        if kind == 0:
            name = str(random.choice(list(net)))
            net[name] = random.choice([-1, 0, 1, 2, 3, 7, 64, 2**24, 2**40, -(2**63)]).item()
            if name in ("dilations", "blocks", "context_dilations", "context_periods"):
                net[name] = [net[name]] * int(random.integers(0, 4))
            elif name in ("log_scale_floor", "narrowest", "window_power", "noise_power", "white_noise"):
                net[name] = float("nan")
        elif kind == 1:
            net.pop(str(random.choice(list(net))))
        elif kind == 2:
            shape = tuple(int(size) for size in random.integers(0, 4, random.integers(0, 4)))
            arguments[at] = np.zeros(shape, arguments[at].dtype)
        elif kind == 3:
            with np.errstate(all="ignore"):
                arguments[at] = arguments[at].astype(
                    random.choice([np.float16, np.int32, np.uint8, np.float32, np.int8])
                )
        elif kind == 4:
            at = int(random.integers(len(results)))
            shape = tuple(int(size) for size in random.integers(0, 4, random.integers(0, 4)))
            results[at] = jax.ShapeDtypeStruct(shape, random.choice([np.float32, np.int32, np.int8]))
        elif random.integers(2):
            # Counts and places of blocks, among the rest.
            packed = (
                arguments[0].view(np.int32) if arguments[0].dtype == np.uint8 and arguments[0].size % 4 == 0 else []
            )
            if len(packed):
                packed[random.integers(len(packed), size=20)] = random.integers(-5, 40, 20)
        else:
            wrong = random.integers(-(2**31), 2**31, arguments[at].shape)
            if arguments[at].dtype == np.int32:
                arguments[at] = wrong.astype(np.int32)


def main(library: str, calls: int, seed: int) -> None:
    handler = jax.ffi.pycapsule(ctypes.CDLL(library).wavenet_engine_advance)
    jax.ffi.register_ffi_target(_TARGET, handler, platform="cpu")
    random, refused = np.random.default_rng(seed), 0
    for _ in range(calls):
        net = _network(random)
        arguments, results = _arrays(random, net)
        spoiled = bool(random.integers(2))
        if spoiled:
            _spoil(random, net, arguments, results)
        attributes = {
            name: np.asarray(value, np.int64)
            if isinstance(value, list)
            else np.float32(value)
            if isinstance(value, float)
            else np.int64(value)
            for name, value in net.items()
        }
        aliases = {} if random.integers(2) or spoiled else {at: at - 9 for at in range(12, len(arguments))}
        call = jax.ffi.ffi_call(_TARGET, results, input_output_aliases=aliases)
        try:
            made = jax.block_until_ready(call(*arguments, **attributes))
        except jax.errors.JaxRuntimeError as error:
            if not spoiled or "wavenet engine: " not in str(error):
                raise
            refused += 1
        else:
            codes = np.asarray(made[0])
            assert codes.min() >= 0
            assert codes.max() < net["levels"]
    print(calls - refused, refused)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
