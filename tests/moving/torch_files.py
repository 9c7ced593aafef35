"""Files as ``torch.save`` writes them, made without torch."""

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np


class _Stored(NamedTuple):
    key: str
    kind: Any
    numbers: np.ndarray


@contextmanager
def _modules() -> Iterator[tuple[Any, Any]]:
    """Stands in for the two modules that such a pickle names, as long as it is written."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")

    def _rebuild_tensor_v2(*arguments: Any) -> None:
        raise AssertionError("nothing of a checkpoint is called")

    _rebuild_tensor_v2.__module__, _rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2  # type: ignore[attr-defined]
    for name in ("FloatStorage", "LongStorage", "HalfStorage"):
        setattr(torch, name, type(name, (), {"__module__": "torch"}))
    before = {name: sys.modules.get(name) for name in ("torch", "torch._utils")}
    sys.modules.update({"torch": torch, "torch._utils": utils})
    try:
        yield torch, utils
    finally:
        for name, module in before.items():
            sys.modules.pop(name)
            if module is not None:
                sys.modules[name] = module


def write(path: Path, tree: Mapping[str, Any], *, old: bool) -> None:
    """Writes dictionaries of numpy arrays and other values, in the format of torch before 1.6 or from it on."""
    stored: list[_Stored] = []
    with _modules() as (torch, utils):
        kinds = {"float32": torch.FloatStorage, "int64": torch.LongStorage, "float16": torch.HalfStorage}

        class Pickler(pickle.Pickler):
            def persistent_id(self, value: Any) -> Any:
                if not isinstance(value, _Stored):
                    return None
                extra = (None,) if old else ()
                return ("storage", value.kind, value.key, "cpu", value.numbers.size, *extra)

            def reducer_override(self, value: Any) -> Any:
                if not isinstance(value, np.ndarray):
                    return NotImplemented
                base = np.concatenate([np.zeros(3, value.dtype), value.ravel(order="F")])  # an offset, and odd strides
                stored.append(_Stored(str(len(stored)), kinds[str(value.dtype)], base))
                strides = tuple(stride // value.itemsize for stride in np.array(value, order="F").strides)
                return utils._rebuild_tensor_v2, (stored[-1], 3, value.shape, strides, False, OrderedDict())

        content = io.BytesIO()
        Pickler(content, protocol=2).dump(OrderedDict(tree))
    if old:
        parts = [pickle.dumps(value, protocol=2) for value in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True})]
        parts += [content.getvalue(), pickle.dumps([one.key for one in stored], protocol=2)]
        parts += [struct.pack("<q", one.numbers.size) + one.numbers.tobytes() for one in stored]
        path.write_bytes(b"".join(parts))
        return
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content.getvalue())
        archive.writestr("archive/byteorder", "little")
        for one in stored:
            archive.writestr(f"archive/data/{one.key}", one.numbers.tobytes())
