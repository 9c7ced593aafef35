"""An exported step computes what the package does, in onnxruntime."""

import runpy
import sys
import warnings
import wave
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.experiments.conftest import ROOT
from tests.training.tiny import CONFIG, configured
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import ConditioningConfig, FeatureConfig, RunConfig
from wavenet_jax.model import WaveNet
from wavenet_jax.moving import write_step
from wavenet_jax.typing import Conditions


def weights_of(config: RunConfig) -> dict:
    model = WaveNet(config.model)
    return jax.device_get(jax.jit(lambda key: model.init(key, method="weights"))(jax.random.key(1))["params"])


def test_features_of_frames_are_refused(tmp_path: Path) -> None:
    config = configured(features=FeatureConfig(local_features=("mel",), hop_samples=4))
    with pytest.raises(ValueError, match="features of frames, got local_features=mel"):
        write_step(tmp_path / "step.onnx", config, {})


def test_a_missing_converter_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax2onnx", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install \"wavenet-jax\[onnx\]\""):
        write_step(tmp_path / "step.onnx", CONFIG, {})


@pytest.mark.slow
@pytest.mark.parametrize("streams", [1, 3])
@pytest.mark.parametrize("kind", ["plain", "classes", "mixture"])
def test_steps_are_those_of_the_package(tmp_path: Path, kind: str, streams: int) -> None:
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("jax2onnx")
    options = {
        "plain": {},
        "classes": {
            "conditioning": ConditioningConfig(condition_on_classes=True, classes=("who=a", "who=b"), vector_channels=2)
        },
        "mixture": {"head": "logistic_mixture", "input": "scalar"},
    }[kind]
    config = configured(**options)  # type: ignore[arg-type]
    model, params = WaveNet(config.model), weights_of(config)
    write_step(tmp_path / "step.onnx", config, params, streams)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = runtime.InferenceSession(str(tmp_path / "step.onnx"))
    head = model.apply({"params": params}, method="bound_head")
    random = np.random.default_rng(0)
    inputs: dict[str, np.ndarray] = {"temperature": np.array(0.9, np.float32)}
    conditions = Conditions()
    if kind == "classes":
        conditions = Conditions(
            {
                "class": (np.arange(streams)[:, None] % 2).astype(np.int32),
                "vector": random.standard_normal((streams, 2)).astype(np.float32),
            }
        )
        inputs |= {name: np.asarray(array) for name, array in conditions.streams.items()}
    state = model.init_state(streams)
    given = model.apply({"params": params}, conditions, method="gate_inputs")
    inputs |= {f"state_{number}": np.asarray(leaf) for number, leaf in enumerate(jax.tree.leaves(state))}
    assert all(not inputs[name].any() for name in inputs if name.startswith("state_"))
    codes = np.full(streams, Grid.of(config.model).silence, np.int32)
    for _ in range(40):
        uniforms = random.random((streams, head.draws), np.float32)  # type: ignore[attr-defined]
        taken = {value.name for value in session.get_inputs()}
        given_now = {"codes": codes, "uniforms": uniforms} | inputs
        drawn, *after = session.run(None, {name: given_now[name] for name in taken})
        outputs, state = model.apply({"params": params}, state, jnp.asarray(codes), given, method="step")
        expected = head.sample(outputs, uniforms, 0.9)  # type: ignore[attr-defined]
        np.testing.assert_array_equal(drawn, expected)
        for number, (leaf, own) in enumerate(zip(after, jax.tree.leaves(state), strict=True)):
            np.testing.assert_allclose(leaf, own, atol=1e-6)
            inputs[f"state_{number}"] = leaf
        codes = drawn


@pytest.mark.slow
def test_the_example_plays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("jax2onnx")
    write_step(tmp_path / "step.onnx", CONFIG, weights_of(CONFIG))
    monkeypatch.setattr(sys, "argv", ["play_onnx.py", str(tmp_path / "step.onnx"), str(tmp_path / "out.wav"), "0.05"])
    runpy.run_path(str(ROOT / "examples" / "play_onnx.py"), None, "__main__")
    with wave.open(str(tmp_path / "out.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (16_000, 800)
        assert np.frombuffer(file.readframes(800), "<i2").std() > 100
