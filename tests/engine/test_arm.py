"""The kinds of library for ARM, cross-compiled, on an emulated processor: the same bits as on this one."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.engine.networks import engine
from tests.engine.replay import PROGRAM, recorded
from tests.engine.test_equality import STRATEGY
from wavenet_jax.engine import build
from wavenet_jax.sampling import Ancestral, Strategy

COMPILER, EMULATOR, LIBRARIES = "aarch64-linux-gnu-g++", "qemu-aarch64", "/usr/aarch64-linux-gnu"
LENGTH = 60
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which(COMPILER) and shutil.which(EMULATOR)),
        reason="needs a cross compiler and an emulator: apt-get install g++-aarch64-linux-gnu qemu-user",
    ),
]


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that makes calls."""
    program = tmp_path_factory.mktemp("replay") / "replay"
    subprocess.run([COMPILER, *PROGRAM, "-o", str(program)], check=True)
    return program


@pytest.fixture(scope="module", params=["armv8", "armv8-dotprod"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library of a kind."""
    path = tmp_path_factory.mktemp("library") / "engine.so"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", COMPILER)
        build.compile_library(path, request.param, ["-Wall", "-Wextra", "-Werror"])
    return path


@pytest.mark.parametrize("weight_format", ["float32", "int8"])
@pytest.mark.parametrize(
    ("name", "strategy", "guidance"),
    [
        ("plain", Ancestral(0.9, {"top_p": 0.9}), None),
        ("vector_and_frames", STRATEGY, 1.5),
        ("two_bytes", STRATEGY, None),
        ("companded_logistic", STRATEGY, None),
        ("gaussian", STRATEGY, None),
        ("widths", STRATEGY, None),
        ("wide_contexts", STRATEGY, 1.5),
        ("voice", STRATEGY, None),
        ("from_the_past", STRATEGY, None),
    ],
)
def test_codes_and_sessions_are_those_of_this_processor(
    name: str,
    strategy: Strategy,
    guidance: float | None,
    weight_format: str,
    library: Path,
    replay: Path,
    tmp_path: Path,
) -> None:
    """Bit for bit where this one has fused multiply-add, too; logarithms of the C library may differ in the last."""
    call = recorded(name, weight_format, strategy, guidance, streams=3, length=LENGTH)
    call.write(tmp_path / "call")
    program = [EMULATOR, "-L", LIBRARIES, replay, library, tmp_path / "call", tmp_path / "results"]
    subprocess.run(list(map(str, program)), check=True)
    codes, nats, outputs, *state = call.read(tmp_path / "results")
    expected_codes, expected_nats, expected_outputs, *expected_state = call.results
    np.testing.assert_allclose(nats, expected_nats, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(codes, expected_codes)
    if engine(name).library.instructions.startswith(("x86-64-v3", "x86-64-v4", "armv8")):
        for ours, theirs in zip([outputs, *state], [expected_outputs, *expected_state], strict=True):
            np.testing.assert_array_equal(ours, theirs)
