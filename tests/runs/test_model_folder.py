"""A model folder is a network without its run, and is what was saved or refused."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import wavenet_jax
from tests.training.tiny import CONFIG
from wavenet_jax.config import StartConfig
from wavenet_jax.data import ArraySource
from wavenet_jax.model import parameter_shapes
from wavenet_jax.runs import RunDirectory, Trained, read_model, write_model


@pytest.fixture
def trained() -> Trained:
    random = np.random.default_rng(0)
    shapes = parameter_shapes(CONFIG.model)
    params = jax.tree.map(lambda leaf: random.standard_normal(leaf.shape).astype(np.float32), shapes)
    data = dataclasses.replace(CONFIG.data, data_dir=("/home/somebody/recordings",), cache_dir="/scratch")
    start = StartConfig(init_from="/home/somebody/runs/base", init_step=3, init_digest="0" * 64)
    return Trained(dataclasses.replace(CONFIG, data=data, start=start), params, 7)


def clips() -> ArraySource:
    return ArraySource([np.zeros(1_000, np.float32)])


def test_a_model_is_read_as_it_was_written_without_the_folders_of_its_data(trained: Trained, tmp_path: Path) -> None:
    write_model(tmp_path / "model", trained)
    config, params, step = read_model(tmp_path / "model")
    assert step == 7
    assert config.model == trained.config.model
    assert (config.start.init_from, config.start.init_step) == ("base", 3)
    assert "somebody" not in (tmp_path / "model" / "config.json").read_text()
    jax.tree.map(np.testing.assert_array_equal, params, trained.params)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == [
        "README.md",
        "config.json",
        "model.flags",
        "model.safetensors",
    ]


def test_half_precision_halves_the_file_and_is_float32_again_when_read(trained: Trained, tmp_path: Path) -> None:
    write_model(tmp_path / "whole", trained)
    write_model(tmp_path / "half", trained, "float16")
    arrays = [load_file(tmp_path / name / "model.safetensors") for name in ("whole", "half")]
    assert [sum(array.nbytes for array in folder.values()) for folder in arrays] == [
        4 * sum(leaf.size for leaf in jax.tree.leaves(trained.params)),
        2 * sum(leaf.size for leaf in jax.tree.leaves(trained.params)),
    ]
    jax.tree.map(
        lambda half, whole: np.testing.assert_array_equal(half, whole.astype(np.float16).astype(np.float32)),
        read_model(tmp_path / "half").params,
        trained.params,
    )


def test_a_run_that_was_saved_is_loaded_by_the_same_door(trained: Trained, tmp_path: Path) -> None:
    write_model(tmp_path, trained)
    run = wavenet_jax.load(tmp_path)
    assert (run.step, run.sample_rate, run.path) == (7, 16_000, tmp_path)
    run.save(tmp_path / "copy")
    jax.tree.map(np.testing.assert_array_equal, wavenet_jax.load(str(tmp_path / "copy")).params, trained.params)


def test_every_flipped_byte_is_noticed(trained: Trained, tmp_path: Path) -> None:
    write_model(tmp_path, trained)
    path = tmp_path / "model.safetensors"
    whole, noticed = path.read_bytes(), 0
    places = np.random.default_rng(1).integers(0, len(whole), 60)
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(place) % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"model\.safetensors") as caught:
            read_model(tmp_path)
        noticed += "\n" not in str(caught.value)
    assert noticed == len(places)


def test_weights_that_were_not_written_here_are_refused(trained: Trained, tmp_path: Path) -> None:
    write_model(tmp_path, trained)
    save_file({"w": np.zeros(3, np.float32)}, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="is no model file; give a file that was saved as one"):
        read_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\x80\x04\x95cos\nsystem\n")  # a pickle
    with pytest.raises(ValueError, match="is no model file, or is damaged"):
        read_model(tmp_path)


def test_a_config_of_another_network_is_refused(trained: Trained, tmp_path: Path) -> None:
    write_model(tmp_path, trained)
    config = json.loads((tmp_path / "config.json").read_text())
    config["model"]["skip_channels"] = 5
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"config\.json cannot be used: it is not what was saved with the weights"):
        read_model(tmp_path)


def test_numbers_that_are_not_finite_are_not_published(trained: Trained, tmp_path: Path) -> None:
    params = jax.tree.map(lambda leaf: leaf * np.float32(1e6), trained.params)
    with pytest.raises(ValueError, match="not finite as float16"):
        write_model(tmp_path / "model", trained._replace(params=params), "float16")
    assert not (tmp_path / "model").exists()


def test_a_model_does_not_take_the_place_of_a_run(trained: Trained, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.checkpoints.mkdir()
    run.settle_config(trained.config)
    before = run.config_file.read_text()
    with pytest.raises(ValueError, match="is a run directory, .* choose another folder"):
        write_model(tmp_path, trained)
    assert run.config_file.read_text() == before
    assert not (tmp_path / "model.safetensors").exists()


def test_a_run_does_not_begin_in_a_model_folder(trained: Trained, tmp_path: Path) -> None:
    write_model(tmp_path, trained)
    with pytest.raises(ValueError, match="is a model folder, .* choose another workdir"):
        wavenet_jax.train(trained.config, tmp_path, training=clips(), held_out=clips())
    assert not (tmp_path / "checkpoints").exists()


def test_a_model_folder_has_no_data_of_its_own_to_evaluate_on(trained: Trained, tmp_path: Path) -> None:
    write_model(tmp_path, trained)
    with pytest.raises(ValueError, match="model folder, which names no data; give data_dir"):
        wavenet_jax.load(tmp_path).evaluate()
