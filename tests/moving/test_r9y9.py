"""Checkpoints of r9y9/wavenet_vocoder compute here what they computed there."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

import wavenet_jax
from experiments import import_model
from tests.experiments.conftest import Call, call  # noqa: F401 (a fixture)
from tests.moving import torch_files
from wavenet_jax.model import WaveNet
from wavenet_jax.moving import Imported, import_r9y9, read_tensors
from wavenet_jax.training import BEGUN, Started
from wavenet_jax.typing import Array, Conditions

PARITY = Path(__file__).parent / "parity"
NAMES = ("r9y9_mulaw", "r9y9_mulaw_speakers", "r9y9_logistic_mel")


def files(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Tensors and hyper-parameters of a network with random weights; see the docstring of the test of parity."""
    tensors = read_tensors(PARITY / f"{name}.npz")
    return tensors, json.loads(str(tensors["hparams"]))


def weights(name: str) -> dict[str, np.ndarray]:
    return {n.removeprefix("weights/"): array for n, array in files(name)[0].items() if n.startswith("weights/")}


def outputs(imported: Imported, tensors: dict[str, Any]) -> np.ndarray:
    config, params = imported.trained.config.model, imported.trained.params
    if "inputs/codes" in tensors:
        streams = (
            {"class": jnp.asarray(tensors["inputs/speaker"] + 1, jnp.int32)} if "inputs/speaker" in tensors else {}
        )
        codes = jnp.asarray(tensors["inputs/codes"], jnp.int32)
        return np.asarray(WaveNet(config).apply({"params": params}, codes, Conditions(streams)))
    options = config.conditioning
    around = ((0, 0), (options.frames_before, options.frames_after), (0, 0))
    frames = np.pad(tensors["inputs/c"].swapaxes(1, 2), around)

    def of_values(model: WaveNet, values: Array) -> Array:
        """Runs the layers on values between the levels, where those inputs lie."""
        _, kernel, bias = model.input.weights()
        stream = values[..., None] * kernel[None] + bias[None, None]
        return model.output(model.stack(stream, model.gate_inputs(Conditions(frames=frames)), False))

    values = jnp.asarray(tensors["inputs/x"][:, 0])
    return np.asarray(jax.jit(lambda: WaveNet(config).apply({"params": params}, values, method=of_values))())


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_equal(name: str) -> None:
    """Compares with outputs that version 0.2 computed with torch 2.13, of weights that were drawn at random."""
    tensors, hparams = files(name)
    found = outputs(import_r9y9(tensors, hparams), tensors)[:, tensors["outputs/at"]]
    difference = np.abs(found - tensors["outputs/y"].swapaxes(1, 2)).max()
    print(f"\n{name}: greatest difference {difference:.1e}")
    assert difference < 1e-5  # measured: 7e-7


@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_the_program_makes_a_folder_that_loads(ending: str, call: Call, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / f"speakers{ending}"
    state = weights("r9y9_mulaw_speakers")
    if ending == ".pth":
        torch_files.write(path, {"state_dict": state, "global_step": 9}, old=True)
    else:
        save_file(state, path)
    arguments = ("--source=r9y9", f"--weights={path}", f"--output={tmp_path / 'model'}")
    missing = call(import_model.main, *arguments)
    assert (missing.code, missing.err.count("\n")) == (1, 1)
    assert missing.err.startswith(
        f"error: there are no hyper-parameters beside {path}, as speakers.json; give --hparams"
    )
    path.with_suffix(".json").write_text(json.dumps(files("r9y9_mulaw_speakers")[1] | {"sample_rate": 8_000}))
    ended = call(import_model.main, *arguments)
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert (result["layers"], result["step"], result["sample_rate"]) == (6, 9 if ending == ".pth" else 0, 8_000)
    run = wavenet_jax.load(tmp_path / "model")
    assert run.config.model.conditioning.families == {"speaker": tuple("01234")}
    assert path.name in (tmp_path / "model" / "README.md").read_text()
    again = call(import_model.main, *arguments)
    assert "is not empty; choose another --output, or replace the model with --overwrite" in again.err


@pytest.mark.parametrize(
    ("name", "tensors", "hparams", "message"),
    [
        ("r9y9_mulaw", {}, {"layers": 9}, "layers must be a multiple of stacks=2, got 9"),
        ("r9y9_mulaw", {}, {"layers": 10}, "hparams say layers=10, and the weights have 8"),
        ("r9y9_mulaw", {}, {"layers": None}, "hparams need layers as a whole number above 0, got None"),
        ("r9y9_mulaw", {}, {"kernel_size": 3}, r"conv_layers.0.conv.weight has shape \[32, 16, 2\], .*\[32, 16, 3\]"),
        ("r9y9_mulaw", {}, {"legacy": True}, "networks with legacy=True cannot be imported, only False"),
        ("r9y9_mulaw", {}, {"input_type": "raw"}, "hparams say input_type='raw', and first_conv takes 256 channels"),
        ("r9y9_mulaw", {"upsample_conv.0.bias": 1}, {}, "upsample_conv.0.bias has no counterpart here: transposed"),
        ("r9y9_mulaw", {"first_conv.bias": np.inf}, {}, "first_conv.bias has numbers that are not finite"),
        (
            "r9y9_mulaw",
            {"first_conv.bias": None},
            {},
            "the weights are not those of r9y9/wavenet_vocoder: no first_conv",
        ),
        ("r9y9_mulaw", {"conv_layers.3.conv.weight_g": None}, {}, "the weights have no conv_layers.3.conv.weight;"),
        ("r9y9_logistic_mel", {}, {"output_distribution": "Beta"}, "output_distribution='Beta' cannot be imported"),
        (
            "r9y9_logistic_mel",
            {},
            {"upsample_params": {"upsample_scales": [4, 4], "upsample_activation": "ReLU"}},
            "networks with upsample_activation='ReLU' cannot be imported, only 'none'",
        ),
        ("r9y9_logistic_mel", {}, {"upsample_params": {"upsample_scales": [16]}}, "must name 2 stages"),
    ],
)
def test_what_cannot_be_imported_is_named(
    name: str, tensors: dict[str, Any], hparams: dict[str, Any], message: str
) -> None:
    state: dict[str, np.ndarray] = weights(name)
    for path, value in tensors.items():
        if value is None:
            del state[path]
        else:
            state[path] = np.full((3,), value, np.float32)
    with pytest.raises(ValueError, match=message):
        import_r9y9(state, files(name)[1] | hparams)


def test_a_normal_distribution_without_a_logit_is_a_mixture_of_one() -> None:
    state, hparams = weights("r9y9_logistic_mel"), files("r9y9_logistic_mel")[1]
    for part in ("weight_g", "weight_v", "bias"):
        state[f"last_conv_layers.3.{part}"] = state[f"last_conv_layers.3.{part}"][:2]
    imported = import_r9y9(state, hparams | {"out_channels": 2, "output_distribution": "Normal", "log_scale_min": -32})
    model = imported.trained.config.model
    assert (model.head, model.mixture_components, model.log_scale_floor) == ("gaussian_mixture", 1, -20)
    bias = imported.trained.params["output"]["outputs_bias"]
    np.testing.assert_allclose(bias * [1, 0.1, 1], [0, *state["last_conv_layers.3.bias"]], rtol=1e-6)


@pytest.mark.slow
def test_an_imported_network_samples_and_trains_on(tmp_path: Path, call: Call) -> None:  # noqa: F811
    folder = tmp_path / "model"
    weights_file = f"--weights={PARITY / 'r9y9_logistic_mel.npz'}"
    ended = call(import_model.main, "--source=r9y9", weights_file, f"--output={folder}", "--sample_rate=4000")
    assert ended.code == 0, ended.err
    run = wavenet_jax.load(folder)
    frames = np.random.default_rng(0).standard_normal((12, 20)).astype(np.float32)
    scan = run.generate(features=frames, engine="scan", guard=None)
    assert scan.shape == (12 * 16,)
    np.testing.assert_array_equal(scan, run.generate(features=frames, engine="scan", guard=None))
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    for number in range(4):
        wavenet_jax.write_wav(recordings / f"{number}.wav", scan, 4_000)
        np.save(recordings / f"{number}.npy", frames)
    config = wavenet_jax.RunConfig(
        run.config.model,
        wavenet_jax.DataConfig(data_dir=(str(recordings),), crop_samples=64, batch_size=8, validation_fraction=0.25),
        train=wavenet_jax.TrainConfig(num_steps=2),
        start=wavenet_jax.StartConfig(init_from=str(folder)),
    )
    started: list[Started] = []
    wavenet_jax.train(
        config, tmp_path / "run", on_event=lambda e: started.append(e) if isinstance(e, Started) else None
    )
    assert started[0].begun is not None
    assert BEGUN not in {part.fate for part in started[0].begun.parts}
