"""The engine's library: compiled once for this processor, from the package's C++, and kept in the user's cache.

It needs a compiler (gcc or clang); the headers of XLA's foreign function interface come with jaxlib. Without one
there is no engine, and everything else works without it.
"""

import ctypes
import functools
import hashlib
import os
import platform
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import jax
import jaxlib

from wavenet_jax.storage import cache_folder

SOURCES = Path(__file__).parent / "native"
_FLAGS = ("-std=c++17", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread")
_COMPILE_SECONDS = 300
_V2 = {"ssse3", "sse4_1", "sse4_2", "popcnt"}
_V3 = _V2 | {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"}
_V4 = _V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
_Kinds: TypeAlias = dict[str, tuple[set[str], tuple[str, ...]]]
"""The features that a processor needs for each kind of library, the best first, and the compiler's flags."""
_X86: _Kinds = {
    "x86-64-v4-vnni": (_V4 | {"avx512_vnni"}, ("-march=x86-64-v4", "-mavx512vnni")),
    "x86-64-v4": (_V4, ("-march=x86-64-v4",)),
    "x86-64-v3": (_V3, ("-march=x86-64-v3",)),
    "x86-64-v2": (_V2, ("-march=x86-64-v2",)),
}
_ARM: _Kinds = {
    "armv8-dotprod": ({"asimd", "asimddp"}, ("-march=armv8.2-a+dotprod",)),
    "armv8": ({"asimd"}, ("-march=armv8-a",)),
}


class EngineMissingError(Exception):
    """The engine is not available; the message gives the reason and the remedy."""


class Library(NamedTuple):
    """A loaded library, registered with XLA."""

    target: str  # the name of its custom call
    instructions: str  # what it was compiled for


def foreign_device(devices: Iterable[jax.Device]) -> str | None:
    """Returns which of the devices are no CPUs, for people, or None."""
    foreign = sorted({device.platform for device in devices} - {"cpu"})
    return f"the device is a {', '.join(foreign)}" if foreign else None


def kinds() -> list[str]:
    """Returns the kinds of library that run on this processor, the best first; "portable" is always the last.

    Names are those of instruction sets: one cache folder may serve several machines.
    """
    tables = {"x86_64": _X86, "amd64": _X86, "aarch64": _ARM, "arm64": _ARM}
    table: _Kinds = tables.get(platform.machine().lower(), {})
    there = _processor_flags()
    return [*(kind for kind, (needed, _) in table.items() if needed <= there), "portable"]


@functools.cache
def library(kind: str | None = None) -> Library:
    """Returns the loaded library of a kind, by default the best for this processor; compiles it where it is missing.

    Raises:
      EngineMissingError: it cannot be compiled or loaded.
    """
    if kind is None:
        kind = kinds()[0]
    path, symbols = load(SOURCES / "engine.cc", kind)
    target = f"wavenet_engine_{path.stem.rpartition('-')[2]}"
    jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(symbols.wavenet_engine_advance), platform="cpu")
    return Library(target, kind)


def load(source: Path, kind: str) -> tuple[Path, ctypes.CDLL]:
    """Loads the library of a source file, which is compiled where the cache lacks it: its place there, and itself.

    Raises:
      EngineMissingError: it cannot be compiled or loaded.
    """
    path = _compiled(source, kind)
    try:
        return path, ctypes.CDLL(str(path))
    except OSError as error:
        raise EngineMissingError(f"the native engine cannot be loaded: {error}; remove {path}") from None


def compile_library(path: Path, kind: str, extra: Sequence[str] = (), source: Path = SOURCES / "engine.cc") -> None:
    """Compiles a source file, with the headers of the engine and of XLA, into a shared library.

    Raises:
      EngineMissingError: there is no compiler, or it fails.
    """
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX") or "c++", "g++", "clang++"))), None)
    if compiler is None:
        raise EngineMissingError("the native engine needs a C++ compiler, such as g++ or clang++, and there is none")
    headers = [f"-I{SOURCES}", f"-isystem{jax.ffi.include_dir()}"]
    command = [compiler, *_FLAGS, *_instructions(kind), *headers, *extra]
    try:
        subprocess.run(
            [*command, str(source), "-o", str(path)],
            check=True,
            capture_output=True,
            text=True,
            timeout=_COMPILE_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        first = next((line for line in error.stderr.splitlines() if "error" in line), error.stderr.strip()[:200])
        raise EngineMissingError(f"the native engine does not compile with {compiler}: {first}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineMissingError(f"the native engine does not compile with {compiler}: {error}") from None


def _compiled(source: Path, kind: str) -> Path:
    """Returns the path of the library in the cache, named by a digest of everything that it is built from."""
    digest = hashlib.sha256(f"{jaxlib.__version__} {kind} {_FLAGS} {_instructions(kind)}".encode())
    for file in (*sorted(SOURCES.iterdir()), source):
        digest.update(file.name.encode() + file.read_bytes())
    folder = cache_folder() / "engine"
    path = folder / f"{source.stem}-{kind}-{digest.hexdigest()[:16]}.so"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(folder)
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=folder) as unfinished:
                compile_library(Path(unfinished) / path.name, kind, source=source)
                os.replace(Path(unfinished) / path.name, path)
    except OSError as error:
        raise EngineMissingError(f"the native engine cannot be kept in {folder}: {error}") from None
    return path


def _check_private(folder: Path) -> None:
    """Refuses a library that others may have replaced: without a home directory, the cache is a folder in /tmp."""
    if not hasattr(os, "getuid"):
        return
    for place in (folder, folder.parent):
        status = place.stat()
        if status.st_uid != os.getuid() or status.st_mode & stat.S_IWOTH:
            raise EngineMissingError(f"the native engine is not kept in {place}, where other users may write")


def _instructions(kind: str) -> tuple[str, ...]:
    return {**_X86, **_ARM}[kind][1] if kind != "portable" else ()


@functools.cache
def _processor_flags() -> set[str]:
    """Returns the processor's features as Linux names them; on other systems, those common to its architecture."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        every_mac = platform.system() == "Darwin" and platform.machine() == "arm64"
        return {"asimd", "asimddp"} if every_mac else _V2 | {"asimd"}
    lines = (line.partition(":") for line in text.splitlines())
    return next(
        (set(value.split()) for name, _, value in lines if name.strip().lower() in ("flags", "features")), set()
    )
