"""Checkpoints: what was saved comes back, and what is damaged is noticed and passed over."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from tests.training.tiny import CONFIG, configured
from wavenet_jax.runs import RunDirectory, load
from wavenet_jax.runs.checkpoint_files import DamagedError, read_items, read_meta
from wavenet_jax.training.checkpoints import Checkpoints, Progress, checkpoint_items
from wavenet_jax.training.sharding import make_mesh
from wavenet_jax.training.state import Trainer, TrainState
from wavenet_jax.versions import versions

TRAINER = Trainer(CONFIG, make_mesh(jax.devices()[:1]))


@cache
def state_at(step: int) -> TrainState:
    """A state that shows which step it is of in every float."""
    state = jax.tree.map(lambda leaf: leaf + leaf.dtype.type(step), TRAINER.init())
    return state._replace(step=np.int32(step))


def write(workdir: Path, steps: dict[int, float | None], keep: int = 2) -> None:
    workdir.mkdir(exist_ok=True)
    RunDirectory(workdir).settle_config(CONFIG)
    with Checkpoints(RunDirectory(workdir), keep) as checkpoints:
        for step, bits in steps.items():
            checkpoints.save(state_at(step), CONFIG, Progress(best_bits=bits), bits)


def restore(workdir: Path) -> Any:
    with Checkpoints(RunDirectory(workdir), 2) as checkpoints:
        return checkpoints.restore(TRAINER.state_shapes)


def steps_on_disk(workdir: Path) -> list[str]:
    return sorted(path.name for path in (workdir / "checkpoints").iterdir())


def assert_is_state_at(step: int, state: TrainState) -> None:
    jax.tree.map(np.testing.assert_array_equal, jax.device_get(state), jax.device_get(state_at(step)))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workdir = tmp_path_factory.mktemp("written") / "run"
    write(workdir, {3: None, 5: 2.5})
    return workdir


@pytest.fixture
def workdir(written: Path, tmp_path: Path) -> Path:
    return shutil.copytree(written, tmp_path / "run")


def test_a_state_comes_back_whole_and_where_it_belongs(workdir: Path) -> None:
    restored = restore(workdir)
    assert_is_state_at(5, restored.state)
    assert restored.progress == Progress(best_bits=2.5)
    assert restored.damaged == []
    assert jax.tree.structure(restored.state) == jax.tree.structure(TRAINER.state_shapes)
    assert all(leaf.sharding == TRAINER.state_shapes.step.sharding for leaf in jax.tree.leaves(restored.state))


def test_nothing_yet(tmp_path: Path) -> None:
    assert restore(tmp_path) is None


def test_the_latest_and_the_best_are_kept(tmp_path: Path) -> None:
    write(tmp_path, {1: 3.0, 2: 2.0, 3: 4.0})
    assert steps_on_disk(tmp_path) == ["2", "3"]
    # A later session knows which one was best.
    with Checkpoints(RunDirectory(tmp_path), 2) as checkpoints:
        checkpoints.restore(TRAINER.state_shapes)
        for step in (4, 5):
            checkpoints.save(state_at(step), CONFIG, Progress(), 3.5)
        checkpoints.save(state_at(6), CONFIG, Progress(), None)
    assert steps_on_disk(tmp_path) == ["2", "5", "6"]
    assert load(tmp_path)[2] == 6
    assert load(tmp_path, "best")[2] == 2


def test_sampling_gets_the_average_or_else_the_parameters(workdir: Path, tmp_path: Path) -> None:
    config, params, step = load(workdir)
    assert (config, step) == (CONFIG, 5)
    jax.tree.map(np.testing.assert_array_equal, params, jax.device_get(state_at(5).ema))
    assert all(type(leaf) is np.ndarray for leaf in jax.tree.leaves(params))

    alone = configured(ema_decay=None)
    RunDirectory(tmp_path).settle_config(alone)
    with Checkpoints(RunDirectory(tmp_path), 1) as checkpoints:
        checkpoints.save(state_at(7)._replace(ema=None), alone, Progress(), None)
    jax.tree.map(np.testing.assert_array_equal, load(tmp_path)[1], jax.device_get(state_at(7).params))


def test_reading_changes_nothing(workdir: Path) -> None:
    def everything() -> dict[str, bytes]:
        return {str(path): path.read_bytes() for path in workdir.rglob("*") if path.is_file()}

    before = everything()
    load(workdir)
    assert everything() == before


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def garbage(path: Path) -> None:
    path.write_bytes(np.random.default_rng(0).bytes(path.stat().st_size))


def files_of(step: Path) -> Iterator[str]:
    return (str(path.relative_to(step)) for path in sorted(step.rglob("*")) if path.is_file())


@pytest.mark.parametrize("damage", [flip_a_bit, truncate, garbage, Path.unlink])
def test_no_damage_goes_unnoticed(damage: Callable[[Path], None], written: Path, tmp_path: Path) -> None:
    """Every file of the newest step in turn: what is then read is exactly one of the states that were saved."""
    newest = written / "checkpoints" / "5"
    fallbacks = 0
    for number, name in enumerate(files_of(newest)):
        workdir = shutil.copytree(written, tmp_path / str(number))
        damage(workdir / "checkpoints" / "5" / name)
        restored = restore(workdir)
        step = int(restored.state.step)
        assert_is_state_at(step, restored.state)
        if step == 3:
            fallbacks += 1
            assert restored.damaged[0].startswith("checkpoint 5 is damaged: "), name
            assert "\n" not in restored.damaged[0]
            assert steps_on_disk(workdir) == ["3"]
            assert [path.name for path in (workdir / "damaged").iterdir()] == ["5-0"]
    assert fallbacks == 4  # params, ema, optimizer, meta: orbax's own notes are not needed


def test_no_flipped_bit_goes_unnoticed(workdir: Path) -> None:
    """Bits anywhere in a checkpoint: it is damaged, or reads as it was saved (blanks in JSON mean nothing)."""
    draw = np.random.default_rng(0)
    step = workdir / "checkpoints" / "5"
    files = [step / "state" / f"{name}.safetensors" for name in ("params", "ema", "optimizer")]
    files.append(step / "state" / "meta.json")
    shapes = checkpoint_items(TRAINER.state_shapes)
    saved = jax.device_get(checkpoint_items(state_at(5)))
    noticed = 0
    flips = 200
    for _ in range(flips):
        file = files[draw.integers(len(files))]
        content = file.read_bytes()
        changed = bytearray(content)
        changed[draw.integers(len(content))] ^= 1 << draw.integers(8)
        file.write_bytes(changed)
        try:
            jax.tree.map(np.testing.assert_array_equal, read_items(step, read_meta(step), shapes), saved)
        except DamagedError:
            noticed += 1
        file.write_bytes(content)
    print(f"\n{flips} flipped bits, {noticed} noticed, the others without effect on what is read")


def test_a_stray_folder_is_passed_over_and_its_number_can_be_saved_again(workdir: Path) -> None:
    (workdir / "checkpoints" / "99").mkdir()
    assert load(workdir)[2] == 5
    assert int(restore(workdir).state.step) == 5
    write(workdir, {99: None})
    assert load(workdir)[2] == 99


def test_nothing_whole_is_an_error_not_a_new_beginning(workdir: Path) -> None:
    for step in ("3", "5"):
        shutil.rmtree(workdir / "checkpoints" / step / "state")
    message = r"^no checkpoint in .* is whole \(checkpoint 5 is damaged: .*; checkpoint 3 .*\); restore one"
    for read in (restore, load):
        with pytest.raises(ValueError, match=message):
            read(workdir)
    assert steps_on_disk(workdir) == ["3", "5"]


def test_arrays_of_another_network_are_named(workdir: Path) -> None:
    other = Trainer(configured(residual_channels=6), make_mesh(jax.devices()[:1])).state_shapes
    message = r"^checkpoint 5 does not fit this program: \w+: \S+ has shape \[.*\], expected \[.*\]$"
    with Checkpoints(RunDirectory(workdir), 2) as checkpoints, pytest.raises(ValueError, match=message):
        checkpoints.restore(other)


@pytest.mark.parametrize("files", [(), ("config.json",), ("config.json", "checkpoints/")])
def test_a_folder_without_a_checkpoint(files: tuple[str, ...], tmp_path: Path) -> None:
    if "config.json" in files:
        RunDirectory(tmp_path).settle_config(CONFIG)
    if "checkpoints/" in files:
        (tmp_path / "checkpoints").mkdir()
    expected = "has no checkpoint yet" if files else "is not a run directory: it has no config.json"
    with pytest.raises(ValueError, match=expected):
        load(tmp_path)
    assert not (tmp_path / "damaged").exists()


def test_a_checkpoint_says_what_made_it(workdir: Path) -> None:
    meta = json.loads((workdir / "checkpoints" / "5" / "state" / "meta.json").read_text())
    assert meta["config"]["train"]["seed"] == CONFIG.train.seed
    assert meta["versions"] == versions()
    assert meta["arrays"]["params"]["stack/dilated_kernel"]["shape"] == [2, 2, 4, 8]


def test_bits_that_are_not_finite_are_no_best(tmp_path: Path) -> None:
    progress = Progress().after(float("nan"))
    assert progress == Progress(None, 1)
    assert progress.after(3.0) == Progress(3.0, 0), "a run that learns again has a best"
    assert progress.after(3.0).after(float("inf")).after(2.0) == Progress(2.0, 0)
    write(tmp_path, {1: float("nan"), 2: 3.0, 3: 4.0, 4: 5.0, 5: float("nan")})
    assert steps_on_disk(tmp_path) == ["2", "4", "5"]
    assert load(tmp_path, "best").step == 2
