"""How a process is set up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiments.conftest import ROOT

_PROGRAM = """
from experiments.support import runtime
runtime.start(cores_as_devices=%s)
import jax
print(jax.device_count())
"""


@pytest.mark.parametrize(
    ("asked", "environment", "devices"),
    [
        (True, {}, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        (True, {"JAX_NUM_CPU_DEVICES": "3"}, 3),
        (True, {"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}, 3),
        (False, {}, 1),
    ],
)
def test_cores_are_devices_where_that_is_asked_and_nothing_else_chosen(
    asked: bool, environment: dict[str, str], devices: int
) -> None:
    others = {name: value for name, value in os.environ.items() if name not in ("JAX_NUM_CPU_DEVICES", "XLA_FLAGS")}
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM % asked],
        cwd=ROOT,
        env={**others, **environment, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ended.stdout) == devices


_COMPUTING = """
from experiments.support import flags, runtime
def main() -> None:
    runtime.start()
    import jax.numpy as jnp
    print(jnp.ones(1).dtype, jnp.asarray(1.5).dtype)
flags.run(main, ["program"])
"""


def started(**environment: str) -> subprocess.CompletedProcess:
    """A program that starts in this environment and computes something."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    return subprocess.run(
        [sys.executable, "-c", _COMPUTING], cwd=ROOT, env={**others, **environment}, capture_output=True, text=True
    )


def test_networks_compute_in_float32_whatever_the_environment_says() -> None:
    ended = started(JAX_ENABLE_X64="1", JAX_PLATFORMS="cpu")
    assert (ended.returncode, ended.stdout) == (0, "float32 float32\n")
    assert ended.stderr == "JAX_ENABLE_X64 is not used: networks compute in float32\n"


@pytest.mark.parametrize(
    ("platform", "remedy"),
    [
        ("cuda", "for an NVIDIA GPU, pip install -U 'jax[cuda13]'; without one, unset JAX_PLATFORMS\n"),
        ("nonsense", "unset JAX_PLATFORMS\n"),
    ],
)
def test_a_platform_that_is_not_there_is_one_line_with_a_remedy(platform: str, remedy: str) -> None:
    if platform == "cuda" and Path("/dev/nvidia0").exists():
        pytest.skip("this machine has a GPU")
    ended = started(JAX_PLATFORMS=platform)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(f"error: JAX cannot use JAX_PLATFORMS={platform} (")
    assert ended.stderr.endswith(remedy)
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("program", ["experiments.evaluate", "experiments"])
def test_a_setting_that_jax_refuses_is_one_line(program: str) -> None:
    arguments = [sys.executable, "-m", program, *(["evaluate"] if program == "experiments" else []), "--help"]
    more = {"JAX_ENABLE_X64": "maybe"}
    ended = subprocess.run(arguments, cwd=ROOT, env={**os.environ, **more}, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1), ended.stderr
    assert ended.stderr.startswith("error: JAX cannot be set up: invalid truth value 'maybe'")
    assert "JAX_ENABLE_X64" in ended.stderr.partition("; correct or unset ")[2]


def test_without_a_home_the_programs_start() -> None:
    others = {name: value for name, value in os.environ.items() if name not in ("HOME", "XDG_CACHE_HOME")}
    program = _COMPUTING
    if os.getuid() == 0:  # become a user without an entry in the list of users, as in containers
        program = program.replace("runtime.start()", "import os; os.setuid(54321); runtime.start()")
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**others, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert (ended.returncode, ended.stdout) == (0, "float32 float32\n"), ended.stderr


def test_a_cache_of_compiled_programs_that_cannot_be_used_is_no_warning(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    program = (
        "from experiments.support import runtime; runtime.start(); import jax; jax.jit(lambda x: x * 3)(2.0)"
        ".block_until_ready()"
    )
    more = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment | more)
    assert (ended.returncode, ended.stderr) == (0, "")
