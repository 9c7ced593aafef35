"""Exported functions are those of the package, in a process that has none of it."""

import json
import subprocess
import sys
import wave
from pathlib import Path

import jax
import numpy as np
import pytest
from jax import export

import wavenet_jax
from experiments import export as export_program
from tests.experiments.conftest import ROOT, Call, call  # noqa: F401 (a fixture)
from tests.training.tiny import CONFIG, configured
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import ConditioningConfig, FeatureConfig
from wavenet_jax.model import WaveNet
from wavenet_jax.moving import PLATFORMS, write_functions
from wavenet_jax.runs import Trained, write_model
from wavenet_jax.sampling.scan import advance, begin, prefill, prepare_weights
from wavenet_jax.sampling.strategies import Ancestral
from wavenet_jax.typing import Conditions


@pytest.mark.slow
def test_functions_are_those_of_the_package_for_any_number_of_streams(tmp_path: Path) -> None:
    config = configured(
        features=FeatureConfig(local_features=("file",), file_channels=2, hop_samples=4),
        conditioning=ConditioningConfig(condition_on_classes=True, classes=("who=a", "who=b"), local_channels=3),
    )
    model = WaveNet(config.model)
    params = jax.jit(lambda key: model.init(key, method="weights"))(jax.random.key(1))["params"]
    write_functions(tmp_path, config, params, 8, streams=None)
    files = {path.stem: export.deserialize(bytearray(path.read_bytes())) for path in tmp_path.glob("*.stablehlo")}
    assert {name: tuple(file.platforms) for name, file in files.items()} == dict.fromkeys(
        ("begin", "prefill", "sample"), PLATFORMS
    )
    with np.load(tmp_path / "arrays.npz") as arrays:
        given = [arrays[f"weights/{index}"] for index in range(len(arrays.files) - 1)]
    random = np.random.default_rng(0)
    codes = random.integers(0, 16, (9, 8)).astype(np.int32)
    frames = random.standard_normal((9, 2 + 6, 2)).astype(np.float32)
    conditions = {"class": (np.arange(9)[:, None] % 3).astype(np.int32), "frames": frames}
    state = files["begin"].call(np.uint32(5), np.arange(9, dtype=np.uint32))
    state = files["prefill"].call(given, state, codes, np.int32(4), conditions)
    drawn, _ = files["sample"].call(given, state, np.float32(0.9), conditions)

    weights, own = prepare_weights(model, params), Conditions({"class": conditions["class"]}, frames)
    session = prefill(model, weights, begin(model, jax.random.key(5), 9), codes, own, valid=4)
    expected = advance(model, weights, Ancestral(0.9), session, 8, own)[0]
    np.testing.assert_array_equal(drawn, expected)
    with pytest.raises(ValueError, match="samples must be a multiple of hop_samples=4, got 6"):
        write_functions(tmp_path, config, params, 6)


@pytest.mark.slow
def test_the_example_plays_the_same_codes_without_the_package(tmp_path: Path, call: Call) -> None:  # noqa: F811
    model = WaveNet(CONFIG.model)
    params = jax.device_get(model.init(jax.random.key(2), method="weights")["params"])
    write_model(tmp_path / "model", Trained(CONFIG, params, 3))
    out = tmp_path / "out"
    ended = call(
        export_program.main, f"--workdir={tmp_path / 'model'}", f"--output={out}", "--functions", "--samples=500"
    )
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["platforms"] == list(PLATFORMS)
    without = "import sys, runpy; sys.modules['wavenet_jax'] = None; "
    without += "del sys.argv[0]; runpy.run_path(sys.argv[0], None, '__main__')"
    program = [sys.executable, "-W", "error", "-c", without, str(ROOT / "examples" / "play_exported.py")]
    sound = tmp_path / "out.wav"
    subprocess.run([*program, str(out / "functions"), str(sound), "0.1", "7"], cwd=tmp_path, check=True)
    with wave.open(str(sound)) as file:
        assert file.getframerate() == 16_000
        played = np.frombuffer(file.readframes(10_000), "<i2")
    run = wavenet_jax.load(out)
    expected = run.generate(seconds=0.1, seed=7, engine="scan", guard=None)
    grid = Grid.of(CONFIG.model)
    np.testing.assert_array_equal(played, np.rint(grid.decode(grid.encode(expected)) * 32767))
