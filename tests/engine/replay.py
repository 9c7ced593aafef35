"""Calls of the engine written to a file, for ``replay.cc`` to make them without XLA."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import jax
import numpy as np

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


def _int(value: int) -> bytes:
    return struct.pack("<q", value)


def _form(array: np.ndarray) -> bytes:
    return b"".join(map(_int, (_TYPES[array.dtype.name], array.ndim, *array.shape)))
