"""A run begins from a trained network: what means the same is taken, and every array's fate is told."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.training.tiny import CONFIG, configured, events
from wavenet_jax.config import ConditioningConfig, ContextConfig, FeatureConfig, RunConfig, WaveNetConfig, from_json
from wavenet_jax.integrity import flatten, tree_digest
from wavenet_jax.model import WaveNet, parameter_shapes
from wavenet_jax.runs import RunDirectory, Trained, load, write_model
from wavenet_jax.training import BEGUN, LEFT, RESHAPED, TAKEN, Part
from wavenet_jax.training.transfer import Transferred, transfer
from wavenet_jax.typing import Conditions


def random_params(config: WaveNetConfig, seed: int) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    shapes = parameter_shapes(config)
    return jax.tree.map(lambda leaf: random.standard_normal(leaf.shape).astype(np.float32), shapes)


def moved(new: WaveNetConfig, old: WaveNetConfig, class_from: str | None = None) -> tuple[Transferred, Any]:
    source = random_params(old, 1)
    return transfer(random_params(new, 2), RunConfig(new), source, RunConfig(old), class_from), source


def fates(result: Transferred) -> dict[str, Part]:
    return {part.path: part for part in result.parts}


def outputs(config: WaveNetConfig, params: Any, conditions: Conditions = Conditions()) -> np.ndarray:
    codes = jnp.arange(12).reshape(1, 12) % config.levels
    return np.asarray(jax.jit(WaveNet(config).apply)({"params": params}, codes, conditions))


MODEL = CONFIG.model
CLASSES = ConditioningConfig(condition_on_classes=True, classes=("who=ann", "who=bob"), global_channels=3)


def test_an_equal_network_takes_everything() -> None:
    result, source = moved(MODEL, MODEL)
    assert {part.fate for part in result.parts} == {TAKEN}
    assert result.notes == []
    jax.tree.map(np.testing.assert_array_equal, result.params, source)


def test_another_head_begins_the_outputs_alone() -> None:
    result, _ = moved(dataclasses.replace(MODEL, head="logistic_mixture", mixture_components=2), MODEL)
    begun = {path: part.why for path, part in fates(result).items() if part.fate != TAKEN}
    why = "head logistic_mixture of 6 outputs, was categorical of 16 outputs"
    assert begun == {"output/outputs_kernel": why, "output/outputs_bias": why}


def test_another_sample_rate_takes_everything_and_says_so() -> None:
    result, _ = moved(dataclasses.replace(MODEL, sample_rate=8_000), MODEL)
    assert {part.fate for part in result.parts} == {TAKEN}
    assert result.notes[0].startswith("sample_rate is 8000, was 16000")


def test_classes_are_found_by_name_and_new_ones_begin_as_the_mean_or_as_a_named_one() -> None:
    old = dataclasses.replace(MODEL, conditioning=CLASSES)
    new = dataclasses.replace(MODEL, conditioning=dataclasses.replace(CLASSES, classes=("who=eve", "who=bob")))
    path = "conditioner/class_who_table"
    result, source = moved(new, old)
    table, rows = flatten(result.params)[path], flatten(source)[path]
    np.testing.assert_array_equal(table[1], rows[1])
    np.testing.assert_allclose(table[0], rows.mean(axis=0))
    assert fates(result)[path].why == "eve begin as their mean; ann left"
    named, _ = moved(new, old, "who=ann")
    np.testing.assert_array_equal(flatten(named.params)[path], rows)
    for bad in ("carl", "ann=who"):
        with pytest.raises(ValueError, match=f"init_classes_from '{bad}' is no class .*who=ann, who=bob"):
            moved(new, old, bad)


def test_a_network_without_the_classes_is_the_one_of_a_class() -> None:
    old = dataclasses.replace(MODEL, conditioning=CLASSES)
    result, source = moved(MODEL, old, "ann")
    ids = {"class": np.array([[1]], np.int32)}
    expected = outputs(old, source, Conditions(ids))
    np.testing.assert_allclose(outputs(MODEL, result.params), expected, atol=1e-5)  # measured: 2e-6
    assert fates(result)["stack/stream_kernel"].fate == LEFT


@pytest.mark.parametrize(
    "added",
    [
        {"conditioning": CLASSES},
        pytest.param({"input_kernel_size": 3}, marks=pytest.mark.slow),
        {"kernel_size": 3, "weight_norm": True},
        pytest.param(
            {"context": ContextConfig(context_periods=(4,), context_dilation_cycle=(1,))}, marks=pytest.mark.slow
        ),
    ],
    ids=lambda added: next(iter(added)),
)
def test_what_is_added_changes_nothing_at_first(added: dict[str, Any]) -> None:
    new = dataclasses.replace(MODEL, **added)
    result, source = moved(new, MODEL)
    streams = {"class": np.array([[2]], np.int32)} if "conditioning" in added else {}
    np.testing.assert_allclose(
        outputs(new, result.params, Conditions(streams)), outputs(MODEL, source), atol=1e-4, rtol=1e-5
    )  # measured: 2e-5, on outputs of hundreds


def test_features_are_found_by_name_and_layers_by_their_dilation() -> None:
    features = FeatureConfig(local_features=("file",), file_channels=3, hop_samples=4)
    conditioning = ConditioningConfig(local_channels=2)
    old = dataclasses.replace(MODEL, features=features, conditioning=conditioning, dilation_cycle=(1, 2))
    both = dataclasses.replace(features, local_features=("mel", "file"), mel_channels=2, fft_size=16)
    new = dataclasses.replace(old, features=both, dilation_cycle=(1, 2, 4))
    result, source = moved(new, old)
    kernel = flatten(result.params)["conditioner/frames_kernel"]
    np.testing.assert_array_equal(kernel[:, 2:], flatten(source)["conditioner/frames_kernel"])
    assert not kernel[:, :2].any()
    parts = fates(result)
    assert parts["conditioner/frames_kernel"].why == "features: mel is new"
    assert parts["stack/dilated_kernel"].why == "2 of 3 layers have the dilation that they had"
    np.testing.assert_array_equal(
        flatten(result.params)["stack/time_kernel"][:, :2], flatten(source)["stack/time_kernel"]
    )
    other = dataclasses.replace(new, features=dataclasses.replace(features, file_channels=4), dilation_cycle=(8, 16))
    parts = fates(moved(other, old)[0])
    assert parts["conditioner/frames_kernel"].why == "features: file has another width"
    assert parts["conditioner/frames_kernel"].fate == parts["stack/dilated_kernel"].fate == BEGUN


def test_levels_are_found_by_their_value() -> None:
    result, source = moved(dataclasses.replace(MODEL, levels=31), MODEL)
    part = fates(result)["input/kernel"]
    assert (part.fate, part.shape, part.source_shape) == (RESHAPED, (1, 31, 4), (1, 16, 4))
    table, rows = flatten(result.params)["input/kernel"][0], flatten(source)["input/kernel"][0]
    np.testing.assert_allclose(table[[0, -1]], rows[[0, -1]], atol=1e-6)


def test_another_width_begins_anew_and_says_why() -> None:
    part = fates(moved(dataclasses.replace(MODEL, skip_channels=6), MODEL)[0])["stack/skip_kernel"]
    assert (part.fate, part.why) == (BEGUN, "width 6, was 4")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    folder = tmp_path_factory.mktemp("base") / "model"
    trained = Trained(CONFIG, random_params(MODEL, 3), 7)
    write_model(folder, trained)
    return folder, trained


def test_a_run_records_where_it_began_and_a_resume_reads_nothing(base: tuple[Path, Trained], tmp_path: Path) -> None:
    folder, trained = base
    copy = tmp_path / "model"
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    config = configured(
        init_from=str(copy), num_steps=2, ema_decay=None, train_only=("output/*", "input/*"), save_every=1
    )
    happened = events(tmp_path / "run", config)
    begun = happened[0].begun
    assert (begun.path, begun.step, {part.fate for part in begun.parts}) == (str(copy), 7, {TAKEN})
    kept = RunDirectory(tmp_path / "run").read_config().start
    assert (kept.init_step, kept.init_digest) == (7, tree_digest(trained.params))
    after = flatten(load(tmp_path / "run").params)
    for path, array in flatten(trained.params).items():
        assert np.array_equal(after[path], array) == (not path.startswith(("output/", "input/"))), path
    for file in copy.iterdir():
        file.unlink()
    again = dataclasses.replace(config, train=dataclasses.replace(config.train, num_steps=3))
    resumed = events(tmp_path / "run", again)
    assert (resumed[0].step, resumed[0].begun) == (2, None)
    with pytest.raises(ValueError, match="init_from cannot be used: .* is not a run directory"):
        events(tmp_path / "other", config)
    assert not (tmp_path / "other" / "config.json").exists()


def test_a_source_that_is_damaged_or_another_one_is_refused(base: tuple[Path, Trained], tmp_path: Path) -> None:
    folder, trained = base
    config = configured(init_from=str(folder), init_digest="0" * 64, init_step=3)
    with pytest.raises(
        ValueError, match=r"holds another network than the one that .* began from \(step 7, was step 3\)"
    ):
        events(tmp_path / "run", config)
    params = jax.tree.map(np.copy, trained.params)
    params["input"]["kernel"][0, 0, 0] = np.inf
    with pytest.raises(ValueError, match=r"input/kernel has numbers that are not finite"):
        transfer(params, CONFIG, params, CONFIG)
    damaged = tmp_path / "damaged"
    write_model(damaged, trained)
    (damaged / "model.safetensors").write_bytes(b"x" * 100)
    with pytest.raises(ValueError, match=r"init_from cannot be used: .*model\.safetensors is no model file, or is"):
        events(tmp_path / "run", configured(init_from=str(damaged)))


def test_a_glob_that_fits_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"train_only 'outputs/\*' fits no parameter; give globs of these: input/kernel"
    ):
        events(tmp_path, configured(train_only=("output/*", "outputs/*")))
    assert not (tmp_path / "config.json").exists()


def test_configs_from_before_have_no_start() -> None:
    assert from_json(RunConfig, "{}").start.init_from is None
    with pytest.raises(ValueError, match="init_step needs init_from, got none"):
        configured(init_step=3)
