"""Two threads that make one stream: the same bits as one, and no data race."""

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.engine.networks import engine, prepared
from tests.engine.replay import PROGRAM, recorded
from tests.engine.test_equality import KEY, STRATEGY
from wavenet_jax.engine import Engine, build
from wavenet_jax.sampling import Ancestral, Strategy, advance_native, begin

LENGTH = 120
CHECKS = ["-g", "-fsanitize=thread"]


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program that makes calls, which watches the library that it loads for data races."""
    program = tmp_path_factory.mktemp("replay") / "replay"
    subprocess.run(["g++", *CHECKS, *PROGRAM, "-o", str(program)], check=True)
    return program


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library that makes every sample by two threads."""
    path = tmp_path_factory.mktemp("library") / "engine.so"
    build.compile_library(path, build.kinds()[0], [*CHECKS, "-DWAVENET_ALWAYS_A_PAIR", "-Wall", "-Wextra", "-Werror"])
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "weight_format", "strategy", "guidance"),
    [
        ("plain", "float32", Ancestral(0.9, {"top_p": 0.9}), None),
        ("plain", "int8", STRATEGY, None),
        ("vector_and_frames", "float32", STRATEGY, 1.5),
        ("vector_and_frames", "int8", STRATEGY, None),
        ("two_bytes", "int8", STRATEGY, None),
        ("gaussian", "float32", STRATEGY, None),
        ("widths", "float32", STRATEGY, None),
        ("widths", "int8", STRATEGY, 1.5),
        ("wide_contexts", "float32", STRATEGY, 1.5),
        ("sparse_contexts", "int8", STRATEGY, None),
        ("sparse", "float32", STRATEGY, None),
        ("kernel_1", "int8", STRATEGY, None),
        ("one_layer", "float32", STRATEGY, None),
        ("voice", "float16", STRATEGY, None),
        ("from_the_past", "int8", STRATEGY, None),
    ],
)
def test_two_threads_make_the_bits_of_one_without_a_data_race(
    name: str,
    weight_format: str,
    strategy: Strategy,
    guidance: float | None,
    library: Path,
    replay: Path,
    tmp_path: Path,
) -> None:
    call = recorded(name, weight_format, strategy, guidance, streams=1, length=LENGTH)
    assert call.attributes["threads"] == 1  # a small network
    call._replace(attributes={**call.attributes, "threads": np.int64(2)}).write(tmp_path / "call")
    program = [replay, library, tmp_path / "call", tmp_path / "results"]
    done = subprocess.run(list(map(str, program)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3_000:]
    for ours, theirs in zip(call.read(tmp_path / "results"), call.results, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_two_threads_are_for_one_stream_of_a_large_network(monkeypatch: pytest.MonkeyPatch) -> None:
    model, weights = prepared("plain")
    monkeypatch.setattr("wavenet_jax.engine.engine.processors", lambda: 2)
    assert Engine.of(model.config, weights).threads == 1
    monkeypatch.setattr("wavenet_jax.engine.engine._LEAST_BYTES_FOR_TWO", engine("plain").packed.size)
    runs = Engine.of(model.config, weights)
    assert runs.threads == 2
    monkeypatch.setattr("wavenet_jax.engine.engine.processors", lambda: 1)
    assert Engine.of(model.config, weights).threads == 1
    two, one = (
        np.asarray(advance_native(model, weights, STRATEGY, begin(model, KEY, 1), 500, engine=each)[0])
        for each in (runs, dataclasses.replace(runs, threads=1))
    )
    np.testing.assert_array_equal(two, one)
