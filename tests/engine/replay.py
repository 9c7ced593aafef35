"""Calls of the engine written to a file, for ``replay.cc`` to make them without XLA."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import jax
import numpy as np

from tests.engine.networks import conditions, engine, prepared
from wavenet_jax.sampling import Strategy, begin, conditions_at
from wavenet_jax.sampling.native import samples

PROGRAM = [
    *("-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", f"-isystem{jax.ffi.include_dir()}"),
    *(str(Path(__file__).with_name("replay.cc")), "-ldl"),
]
"""Arguments of a compiler that makes the program."""
_TYPES = {"uint8": 6, "int32": 4, "int64": 5, "float32": 11}
"""XLA_FFI_DataType."""


class Call(NamedTuple):
    """One call, and what came of it."""

    arguments: list[np.ndarray]
    attributes: Mapping[str, Any]
    results: list[np.ndarray]

    def write(self, path: Path) -> None:
        """Writes all but the results' values."""
        parts = [_int(len(self.arguments))]
        for array in self.arguments:
            parts += [_form(array), array.tobytes()]
        parts += [_int(len(self.results)), *map(_form, self.results), _int(len(self.attributes))]
        for name, value in sorted(self.attributes.items()):
            array = np.asarray(value)
            count = array.size if array.ndim else -1
            parts += [_int(len(name)), name.encode(), _int(_TYPES[array.dtype.name]), _int(count), array.tobytes()]
        path.write_bytes(b"".join(parts))

    def read(self, path: Path) -> list[np.ndarray]:
        """Reads results of the same forms."""
        data, arrays = path.read_bytes(), []
        for array in self.results:
            arrays.append(np.frombuffer(data[: array.nbytes], array.dtype).reshape(array.shape))
            data = data[array.nbytes :]
        assert not data
        return arrays


class Recorder:
    """Keeps the calls of custom kernels that are made while it is entered."""

    def __enter__(self) -> list[Call]:
        calls: list[Call] = []
        true_call = jax.ffi.ffi_call

        def ffi_call(target: str, forms: Sequence[Any], **options: Any) -> Any:
            def run(*arguments: Any, **attributes: Any) -> Any:
                given = [np.array(argument) for argument in arguments]  # before their memory is used for results
                results = true_call(target, forms, **options)(*arguments, **attributes)
                calls.append(Call(given, attributes, [np.array(result) for result in results]))
                return results

            return run

        self._patch = patch.object(jax.ffi, "ffi_call", ffi_call)
        self._patch.start()
        return calls

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


def recorded(
    name: str, weight_format: str, strategy: Strategy, guidance: float | None = None, *, streams: int, length: int
) -> Call:
    """Returns a call that makes samples of a network of ``tests.engine.networks``, from silence."""
    model, weights = prepared(name)
    in_outputs = not weights.head.truncates
    session = begin(model, jax.random.key(5), streams, guided=guidance is not None)
    now = conditions_at(model.config, conditions(name, streams), [0] * streams, length)
    runs = engine(name, weight_format)
    with Recorder() as calls:
        samples(
            model,
            weights,
            strategy,
            session,
            length,
            now,
            guidance,
            engine=runs,
            with_nats=not in_outputs,
            with_outputs=True,
        )
    (call,) = calls
    return call


def _int(value: int) -> bytes:
    return struct.pack("<q", value)


def _form(array: np.ndarray) -> bytes:
    return b"".join(map(_int, (_TYPES[array.dtype.name], array.ndim, *array.shape)))
