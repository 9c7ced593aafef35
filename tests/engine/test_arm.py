"""The kinds of library for ARM, cross-compiled, on an emulated processor: the same bits as on this one."""

import shutil
import subprocess
from pathlib import Path

import jax
import numpy as np
import pytest

from tests.engine.networks import conditions, engine, prepared
from tests.engine.replay import Recorder
from tests.engine.test_equality import KEY, STRATEGY
from wavenet_jax.engine import build
from wavenet_jax.sampling import Ancestral, Strategy, begin, conditions_at
from wavenet_jax.sampling.native import samples

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
    source, headers = Path(__file__).with_name("replay.cc"), jax.ffi.include_dir()
    strict = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([COMPILER, *strict, f"-isystem{headers}", str(source), "-ldl", "-o", str(program)], check=True)
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
    model, weights = prepared(name)
    in_outputs = not weights.head.truncates
    session = begin(model, KEY, 3, guided=guidance is not None)
    now = conditions_at(model.config, conditions(name), [0] * 3, LENGTH)
    runs = engine(name, weight_format)
    with Recorder() as calls:
        samples(
            model,
            weights,
            strategy,
            session,
            LENGTH,
            now,
            guidance,
            engine=runs,
            with_nats=not in_outputs,
            with_outputs=True,
        )
    (call,) = calls
    call.write(tmp_path / "call")
    program = [EMULATOR, "-L", LIBRARIES, replay, library, tmp_path / "call", tmp_path / "results"]
    subprocess.run(list(map(str, program)), check=True)
    codes, nats, outputs, *state = call.read(tmp_path / "results")
    expected_codes, expected_nats, expected_outputs, *expected_state = call.results
    np.testing.assert_allclose(nats, expected_nats, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(codes, expected_codes)
    if runs.library.instructions.startswith(("x86-64-v3", "x86-64-v4", "armv8")):
        for ours, theirs in zip([outputs, *state], [expected_outputs, *expected_state], strict=True):
            np.testing.assert_array_equal(ours, theirs)
