"""The same clips are the same data, wherever they lie."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.config.data import PLACES, SELECTION
from wavenet_jax.data import Fingerprint, difference, fingerprint, open_sources

Config = Callable[..., DataConfig]
Record = Callable[..., np.ndarray]


def of(data: DataConfig, model: WaveNetConfig) -> Fingerprint:
    splits = ("train", "validation")
    found = fingerprint(dict(zip(splits, open_sources(data, model, splits), strict=True)))
    return json.loads(json.dumps(found))  # as a run directory keeps it


@pytest.fixture
def before(record: Record, data: Config, model: WaveNetConfig) -> Fingerprint:
    for name in ("ann/a.wav", "ann/b.wav", "bob/c.wav", "bob/d.wav"):
        record(name)
    return of(data(validation_files=("bob/d.wav",)), model)


def test_a_folder_that_has_moved_holds_the_same_data(
    before: Fingerprint, data: Config, model: WaveNetConfig, folder: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(folder, moved)
    for given in (str(moved), f"{moved}/", str(folder / ".." / "elsewhere")):
        now = of(data(validation_files=("bob/d.wav",), data_dir=(given,), cache_gib=60.0), model)
        assert difference(before, now) is None


def test_globs_that_lead_to_the_same_files_change_nothing(
    before: Fingerprint, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    (folder / "new.wav").write_bytes((folder / "ann" / "a.wav").read_bytes())
    for options in ({"exclude": ("new.wav",)}, {"include": ("ann/*", "bob/*")}):
        assert difference(before, of(data(validation_files=("bob/d.wav",), **options), model)) is None


def test_several_folders_may_be_renamed(record: Record, data: Config, model: WaveNetConfig, folder: Path) -> None:
    for name in ("one/a.wav", "two/a.wav", "x/one/a.wav"):
        record(name)
    first = of(data(data_dir=(str(folder / "one"), str(folder / "two"))), model)
    (folder / "two").rename(folder / "three")
    assert difference(first, of(data(data_dir=(str(folder / "one"), str(folder / "three"))), model)) is None
    same_name = of(data(data_dir=(str(folder / "one"), str(folder / "x" / "one"))), model)
    assert list(same_name["train"]) == ["one-1/a.wav", "one-2/a.wav"]


def test_what_has_changed_is_said_in_one_line(
    before: Fingerprint, record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    record("cleo/e.wav")
    record("cleo/f.wav")
    (folder / "ann" / "a.wav").unlink()
    record("ann/b.wav", 2_000)
    now = of(data(validation_files=("bob/c.wav",), label_from="folder"), model)
    assert difference(before, now) == (
        "2 clips added (cleo/e.wav, ...), 1 gone (ann/a.wav), 1 of another length (ann/b.wav), "
        "3 of another class (ann/b.wav, ...), 2 in another split (bob/d.wav, ...), other clips are held out"
    )
    assert difference(now, now) is None


def test_the_order_of_clips_counts(before: Fingerprint) -> None:
    now = {**before, "train": dict(reversed(before["train"].items()))}
    assert difference(before, now) == "the clips are in another order"


def test_one_clip_is_one_clip(before: Fingerprint) -> None:
    now = {**before, "train": {name: clip for name, clip in before["train"].items() if name != "ann/a.wav"}}
    assert difference(before, now) == "1 clip gone (ann/a.wav)"
    assert difference(now, before) == "1 clip added (ann/a.wav)"


def test_the_fields_that_say_where_things_lie_are_fields() -> None:
    assert set(DataConfig.__dataclass_fields__) >= (PLACES | SELECTION)
