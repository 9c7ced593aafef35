"""Reads the tensors of a file that ``torch.save`` wrote, without torch and without executing anything.

Such a file is a pickle, a program whose instructions may call any function of any module. This module interprets the
instructions that build containers, numbers, strings and tensors, and refuses everything else by name. Sizes are checked
before memory is allocated. Formats: zip (torch 1.6 and newer) and the older sequence of pickles.
"""

import math
import pickletools
import struct
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from typing import IO, Any, NamedTuple

import ml_dtypes
import numpy as np

_OLD_MAGIC = 0x1950A86A20F9469CFC6C

_STORAGES = {
    "DoubleStorage": np.float64,
    "FloatStorage": np.float32,
    "HalfStorage": np.float16,
    "BFloat16Storage": ml_dtypes.bfloat16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}


class _Name(NamedTuple):
    """Name of a function or class in a pickle; nothing is imported."""

    text: str


class _Storage(NamedTuple):
    """A flat array, by its name in the file."""

    key: str
    dtype: np.dtype
    numbers: int


class _Tensor(NamedTuple):
    """A view of a storage."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in elements


class _Mark:
    """Marks the start of a container on the stack."""


def read_torch_file(content: bytes) -> Any:
    """Returns the saved object: dictionaries, lists, numbers and strings, with numpy arrays for tensors.

    Raises:
      ValueError: it asks for code, or is damaged. Damage can also raise other errors.
    """
    if content.startswith(b"\x80"):
        return _read_sequence(content)
    with zipfile.ZipFile(BytesIO(content)) as archive:
        return _read_zip(archive, len(content))


def _read_zip(archive: zipfile.ZipFile, size: int) -> Any:
    entries = {info.filename: info for info in archive.infolist()}
    (pickle,) = (name for name in entries if name.endswith("data.pkl"))
    folder = pickle.removesuffix("data.pkl")

    def content(name: str) -> bytes:
        if entries[name].file_size > size:  # torch stores without compression
            raise ValueError(f"it is damaged: {name} is larger than the file")
        return archive.read(name)

    if f"{folder}byteorder" in entries and content(f"{folder}byteorder") != b"little":
        raise ValueError("it was written on a big-endian machine; save it again on another one")
    tree = _Interpreter().run(BytesIO(content(pickle)))
    return _with_arrays(tree, cache(lambda key: content(f"{folder}data/{key}")), {})


def _read_sequence(content: bytes) -> Any:
    file, interpreter = BytesIO(content), _Interpreter()
    if interpreter.run(file) != _OLD_MAGIC:
        raise ValueError("it is a pickle, but not one of torch.save; save its state_dict as .npz or .safetensors")
    interpreter.run(file), interpreter.run(file)  # the version of the protocol, and the machine
    tree = interpreter.run(file)
    storages, contents = {storage.key: storage for storage in interpreter.storages}, {}
    for key in _a(list, interpreter.run(file)):
        (count,) = struct.unpack("<q", file.read(8))
        length = count * storages[key].dtype.itemsize
        if not 0 <= length <= len(content):
            raise ValueError(f"it is damaged: storage {key} is larger than the file")
        contents[key] = file.read(length)
    return _with_arrays(tree, contents.__getitem__, {})


class _Interpreter:
    """Interprets one pickle, refusing what it cannot build."""

    def __init__(self) -> None:
        self.storages: list[_Storage] = []
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, file: IO[bytes]) -> Any:
        """Returns the value that a pickle builds, and leaves the file positioned after it."""
        self._stack, self._memo = [], {}
        for opcode, argument, _ in pickletools.genops(file):
            if opcode.name == "STOP":
                return self._stack.pop()
            self._do(opcode.name, argument)
        raise ValueError("it is damaged: a pickle has no end")

    def _do(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in ("PROTO", "FRAME"):
            return
        if name == "MARK":
            stack.append(_Mark)
        elif name in _CONSTANTS:
            stack.append(_CONSTANTS[name]())
        elif name in _LITERALS:
            stack.append(argument)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            self._memo[int(argument)] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(self._memo[int(argument)])
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self._since_mark()
        elif name == "GLOBAL":
            stack.append(_Name(argument.replace(" ", ".")))
        elif name == "STACK_GLOBAL":
            inner = stack.pop()
            stack.append(_Name(f"{stack.pop()}.{inner}"))
        else:
            self._build(name)

    def _build(self, name: str) -> None:
        stack = self._stack
        if name in ("TUPLE", "LIST"):
            stack.append((tuple if name == "TUPLE" else list)(self._since_mark()))
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name == "DICT":
            stack.append(dict(_pairs(self._since_mark())))
        elif name == "APPEND":
            value = stack.pop()
            _a(list, stack[-1]).append(value)
        elif name == "APPENDS":
            values = self._since_mark()
            _a(list, stack[-1]).extend(values)
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _a(dict, stack[-1])[key] = value
        elif name == "SETITEMS":
            values = self._since_mark()
            _a(dict, stack[-1]).update(_pairs(values))
        elif name == "BINPERSID":
            stack.append(_storage(stack.pop()))
            self.storages.append(stack[-1])
        elif name == "REDUCE":
            arguments = stack.pop()
            stack.append(_called(stack.pop(), arguments))
        elif name == "BUILD":
            stack.pop()  # attributes of a dictionary, such as the versions of a state_dict's modules
            _a(dict, stack[-1])
        else:
            raise ValueError(f"it has the pickle instruction {name}, which tensors do not need; nothing of it was run")

    def _since_mark(self) -> list[Any]:
        mark = len(self._stack) - 1 - self._stack[::-1].index(_Mark)
        values = self._stack[mark + 1 :]
        del self._stack[mark:]
        return values


_CONSTANTS: Mapping[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
}
_LITERALS = frozenset([
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES",
])  # fmt: skip


def _a(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        raise ValueError(f"it is damaged: a {kind.__name__} was expected, got {type(value).__name__}")
    return value


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(values[::2], values[1::2], strict=True))


def _storage(identity: Any) -> _Storage:
    """Returns the storage that a persistent id names: ``("storage", its class, key, device, numbers, ...)``."""
    kind, name, key, _, count = _a(tuple, identity)[:5]
    dtype = _STORAGES.get(_refused_unless(_a(_Name, name), name.text.startswith("torch.")).text.rpartition(".")[2])
    if kind != "storage" or dtype is None:
        raise ValueError(f"it has numbers of the kind {name.text}, which cannot be read; save them as float32")
    return _Storage(str(key), np.dtype(dtype), _a(int, count))


def _called(function: Any, arguments: Any) -> Any:
    """Returns the result of one of the few functions that tensors need, without calling it."""
    name = _a(_Name, function).text
    if name == "collections.OrderedDict":
        return dict(*_a(tuple, arguments))
    if name == "torch._utils._rebuild_parameter":
        return _a(_Tensor, arguments[0])
    _refused_unless(function, name in ("torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor"))
    storage, offset, shape, strides = arguments[:4]
    return _Tensor(_a(_Storage, storage), _a(int, offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _refused_unless(name: _Name, allowed: bool) -> _Name:
    if not allowed:
        raise ValueError(
            f"it asks for {name.text}, which is code and no tensor: it may be hostile, and nothing of it was run; give "
            "the state_dict alone, as .safetensors or .npz"
        )
    return name


def _with_arrays(tree: Any, content: Callable[[str], bytes], done: dict[int, Any]) -> Any:
    """Replaces tensors by numpy arrays, and refuses remaining names of code.

    ``done`` maps the ids of replaced objects, since a container may occur many times.
    """
    if isinstance(tree, _Name):
        _refused_unless(tree, False)
    if not isinstance(tree, (_Tensor, dict, list, tuple)):
        return tree
    if id(tree) not in done:
        if isinstance(tree, _Tensor):
            done[id(tree)] = _array(tree, content(tree.storage.key))
        elif isinstance(tree, dict):
            done[id(tree)] = {key: _with_arrays(value, content, done) for key, value in tree.items()}
        else:
            done[id(tree)] = [_with_arrays(value, content, done) for value in tree]
    return done[id(tree)]


def _array(tensor: _Tensor, content: bytes) -> np.ndarray:
    storage, shape, strides = tensor.storage, tensor.shape, tensor.strides
    numbers = np.frombuffer(content[: len(content) // storage.dtype.itemsize * storage.dtype.itemsize], storage.dtype)
    sound = len(shape) == len(strides) and tensor.offset >= 0 and min((*shape, *strides), default=0) >= 0
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=False))
    if not sound or math.prod(shape) > len(numbers) or (math.prod(shape) > 0 and last >= len(numbers)):
        raise ValueError(f"it is damaged: a tensor of shape {list(shape)} does not fit its {len(numbers)} numbers")
    steps = [stride * storage.dtype.itemsize for stride in strides]
    return np.lib.stride_tricks.as_strided(numbers[tensor.offset :], shape, steps).copy()
