"""Tensors are read from files of other programs; what is damaged or hostile is refused in one line."""

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tests.moving import torch_files
from wavenet_jax.moving import read_tensors

STATE = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "a.bias": np.array([1.5, -2], np.float16),
    "a.count": np.array(7),
    "a.empty": np.zeros((0, 2), np.float32),
}


def refusal(path: Path) -> str:
    with pytest.raises(ValueError, match=r"\A[^\n]+\Z") as caught:
        read_tensors(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("old", [False, True])
def test_what_torch_saved_is_read_without_torch(old: bool, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pth"
    tree = {"state_dict": STATE, "global_step": 12, "optimizer": {"state": {}, "lr": [0.1, True, None]}}
    torch_files.write(path, tree, old=old)
    read = read_tensors(path)
    assert read["global_step"] == 12
    assert read["optimizer"] == tree["optimizer"]
    for name, array in STATE.items():
        np.testing.assert_array_equal(read["state_dict"][name], array)
        assert read["state_dict"][name].dtype == array.dtype


@pytest.mark.parametrize(
    "save", [lambda path, state: np.savez(path, **state), lambda path, state: save_file(state, path)]
)
def test_arrays_by_name_are_read_whatever_the_file_is_called(save: Callable[..., None], tmp_path: Path) -> None:
    path = tmp_path / "weights.npz"
    save(path, STATE)
    read = read_tensors(path)
    assert read.keys() == STATE.keys()
    for name, array in STATE.items():
        np.testing.assert_array_equal(read[name], array)


class Hostile:
    """Writes a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def hostile_files(folder: Path, mark: Path) -> list[Path]:
    paths = [folder / name for name in ("plain.pth", "old.pth", "zip.pth", "npz.pth")]
    code = pickle.dumps({"state_dict": Hostile(mark)}, protocol=2)
    paths[0].write_bytes(code)
    paths[1].write_bytes(b"".join(pickle.dumps(v, protocol=2) for v in (0x1950A86A20F9469CFC6C, 1001, {})) + code)
    with zipfile.ZipFile(paths[2], "w") as archive:
        archive.writestr("archive/data.pkl", code)
    with zipfile.ZipFile(paths[3], "w") as archive:
        content = io.BytesIO()
        np.save(content, np.array([Hostile(mark)], object), allow_pickle=True)
        archive.writestr("first_conv.bias.npy", content.getvalue())
    return paths


def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "was_run"
    *pickles, npz = hostile_files(tmp_path, mark)
    for path in pickles:
        assert "asks for posix.mkdir, which is code and no tensor" in refusal(path)
    assert "holds Python objects, a pickle, which are not read" in refusal(npz)
    assert not mark.exists()


@pytest.mark.parametrize(
    "code",
    [
        b"\x80\x02cbuiltins\neval\n(V1\ntR.",  # a call by name
        b"(S'echo'\nios\nsystem\n.",  # INST, which names and calls at once
        b"\x80\x02cos\nsystem\n.",  # a name alone
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.",  # a name from the stack
        b"\x80\x02c__builtin__\nobject\n)\x81.",  # NEWOBJ
        b"\x80\x02\x82\x01.",  # an extension
        b"\x80\x02]q\x00h\x00a.",  # a list in itself
        b"\x80\x02(((((.",  # marks alone
        b"\x80\x02\x8a\xff.",  # cut short
    ],
)
def test_what_tensors_do_not_need_is_refused(code: bytes, tmp_path: Path) -> None:
    path = tmp_path / "hostile.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", code)
    refusal(path)


def test_a_small_file_cannot_ask_for_much_memory(tmp_path: Path) -> None:
    laughs = b"\x80\x02]q\x00" + b"".join(
        b"]q" + bytes([n + 1]) + b"(" + b"h" + bytes([n]) + b"h" + bytes([n]) + b"e" for n in range(100)
    ) + b"."  # fmt: skip
    with zipfile.ZipFile(tmp_path / "laughs.pth", "w") as archive:
        archive.writestr("archive/data.pkl", laughs)
    assert "holds a list, not tensors by name" in refusal(tmp_path / "laughs.pth")
    header = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }"
    with zipfile.ZipFile(tmp_path / "large.npz", "w") as archive:
        archive.writestr("x.npy", header.ljust(127) + b"\n")
    assert "x.npy is cut short" in refusal(tmp_path / "large.npz")


@pytest.mark.parametrize("kind", ["zip", "old", "npz", "safetensors"])
def test_a_damaged_file_is_read_or_refused_in_one_line(kind: str, tmp_path: Path) -> None:
    path, random = tmp_path / "weights", np.random.default_rng(0)
    if kind in ("zip", "old"):
        torch_files.write(path, {"state_dict": STATE}, old=kind == "old")
    elif kind == "npz":
        with path.open("wb") as file:
            np.savez(file, **STATE)
    else:
        save_file(STATE, path)
    whole = path.read_bytes()
    for trial in range(60):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 1 + trial % 3):
            damaged[place] = random.integers(0, 256)
        path.write_bytes(damaged[: random.integers(len(whole))] if trial % 4 == 0 else damaged)
        message = ""
        try:
            read_tensors(path)
        except ValueError as error:
            message = str(error)
        assert "\n" not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is none at" in refusal(tmp_path / "none.pth")
