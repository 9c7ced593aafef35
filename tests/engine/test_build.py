"""How the library comes about, and that no argument makes it misbehave."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wavenet_jax.engine import build

ROOT, CALLS = Path(__file__).parents[2], 400


@pytest.mark.slow
@pytest.mark.parametrize("source", ["engine", "stack"])
@pytest.mark.parametrize("kind", build.kinds())
def test_it_compiles_without_a_warning(kind: str, source: str, tmp_path: Path) -> None:
    strict = ["-Wall", "-Wextra", "-Werror"]
    build.compile_library(tmp_path / "engine.so", kind, strict, build.SOURCES / f"{source}.cc")


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", sorted({build.kinds()[0], "x86-64-v3" if "x86-64-v3" in build.kinds() else "portable"})
)
@pytest.mark.parametrize(("source", "program"), [("engine", "fuzz.py"), ("stack", "fuzz_stack.py")])
def test_no_argument_makes_it_misbehave(kind: str, source: str, program: str, tmp_path: Path) -> None:
    """Under the address and undefined-behaviour sanitizers: half of the calls fit, the others are refused."""
    library = tmp_path / "engine.so"
    checks = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    build.compile_library(library, kind, checks, build.SOURCES / f"{source}.cc")
    runtimes = (
        subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()
        for name in ("libasan.so", "libstdc++.so")  # the second has the exceptions that the first watches
    )
    environment = {
        **os.environ,
        "LD_PRELOAD": " ".join(runtimes),
        "ASAN_OPTIONS": "detect_leaks=0",
        "JAX_PLATFORMS": "cpu",
    }
    done = subprocess.run(
        [sys.executable, f"tests/engine/{program}", str(library), str(CALLS), "1"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    ran, refused = map(int, done.stdout.split())
    assert ran + refused == CALLS
    assert min(ran, refused) > CALLS / 3
