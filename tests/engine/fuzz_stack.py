"""Calls a library of the gated stack with arguments that fit and arguments that do not; a sanitizer ends it at a fault.

    python tests/engine/fuzz_stack.py LIBRARY CALLS SEED

Prints how many calls ran, and how many were refused with an error.
"""

import ctypes
import sys
from typing import Any

import jax
import numpy as np

_TARGETS = ("wavenet_stack_forward", "wavenet_stack_backward")


def _up(number: int) -> int:
    return -(-number // 16) * 16


_Shapes = list[tuple[int, ...]]


def _call(random: np.random.Generator, backward: bool) -> tuple[list[np.ndarray], _Shapes, dict[str, Any]]:
    """Arguments, shapes of the results, and attributes of a call that fits."""
    layers, taps, rows = (int(random.integers(1, most)) for most in (5, 4, 4))
    residual, hidden, skip, end, outputs = (int(random.integers(1, most)) for most in (40, 40, 70, 70, 70))
    pieces = int(random.integers(1, 5))
    samples = pieces * int(random.integers(1, 120))
    dilated, mixing = (layers, taps, residual, 2 * hidden), (layers - 1, hidden, residual)
    combining, bias = (layers, hidden, skip), (layers, pieces, rows, 2 * hidden)
    inputs, gates = (layers, rows, samples, _up(residual)), (layers, rows, samples, 2 * _up(hidden))
    x, made, residual_bias = (rows, samples, residual), (rows, samples, outputs), (layers - 1, residual)
    kernels = [dilated, mixing, combining, (skip, end), (end, outputs)]
    biases = [residual_bias, (skip,), (end,), (outputs,)]
    rectified = [(rows, samples, _up(skip)), (rows, samples, _up(end))]
    arguments = [*kernels, x, bias, *biases]
    results = [made, inputs, gates, *rectified]
    if backward:
        arguments = [*kernels, inputs, gates, *rectified, made]
        results = [x, bias, *kernels, *biases, gates, *rectified]
    attributes = {
        "dilations": [int(dilation) for dilation in random.integers(1, 200, layers)],
        "residual_scaling": int(random.integers(2)),
    }
    return [random.standard_normal(shape).astype(np.float32) for shape in arguments], results, attributes


def _spoil(
    random: np.random.Generator,
    arguments: list[np.ndarray],
    results: list[tuple[int, ...]],
    attributes: dict[str, Any],
) -> None:
    """Makes one thing, or a few, not fit."""
    for _ in range(random.integers(1, 4)):
        kind, at = random.integers(5), int(random.integers(len(arguments)))
        shape = tuple(int(size) for size in random.integers(0, 4, random.integers(0, 5)))
        if kind == 0:
            wrong = random.choice([-1, 0, 2**24 + 1, 2**40, -(2**63)]).item()
            attributes["dilations"] = [wrong] * int(random.integers(0, 5))
        elif kind == 1:
            attributes["residual_scaling"] = int(random.choice([-1, 2, 2**40]))
        elif kind == 2:
            arguments[at] = np.zeros(shape, np.float32)
        elif kind == 3:
            arguments[at] = np.zeros(arguments[at].shape, random.choice([np.float16, np.int32, np.uint8]))
        else:
            results[int(random.integers(len(results)))] = shape


def main(library: str, calls: int, seed: int) -> None:
    symbols = ctypes.CDLL(library)
    for target in _TARGETS:
        jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(getattr(symbols, target)), platform="cpu")
    random, refused = np.random.default_rng(seed), 0
    for _ in range(calls):
        backward, spoiled = bool(random.integers(2)), bool(random.integers(2))
        arguments, shapes, attributes = _call(random, backward)
        if spoiled:
            _spoil(random, arguments, shapes, attributes)
        results = [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes]
        aliases = {6: 11, 7: 12, 8: 13} if backward and not spoiled and random.integers(2) else {}
        call = jax.ffi.ffi_call(_TARGETS[backward], results, input_output_aliases=aliases)
        try:
            made = jax.block_until_ready(
                call(
                    *arguments,
                    dilations=np.asarray(attributes["dilations"], np.int64),
                    residual_scaling=np.int64(attributes["residual_scaling"]),
                )
            )
        except jax.errors.JaxRuntimeError as error:
            if not spoiled or "wavenet stack: " not in str(error):
                raise
            refused += 1
        else:
            assert all(np.isfinite(np.asarray(array)).all() for array in made) or backward
    print(calls - refused, refused)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
