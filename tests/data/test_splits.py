"""A file's split hangs on its name alone."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavenet_jax.config import DataConfig
from wavenet_jax.data import splits


def splitter(
    folder: str, data: DataConfig, names: Sequence[str] = (), notes: list[str] | None = None
) -> Callable[[str], str]:
    split_of = splits.splitter([(folder, names)], data, ([] if notes is None else notes).append)
    return lambda name: split_of(0, name)


@given(names=st.lists(st.text(min_size=1), max_size=20), more=st.lists(st.text(min_size=1), max_size=20))
def test_adding_files_moves_none(names: list[str], more: list[str]) -> None:
    data = DataConfig(validation_fraction=0.3, test_fraction=0.3)
    before, after = splitter("x", data), splitter("y", data)
    together = {name: after(name) for name in [*more, *names]}
    assert all(before(name) == together[name] for name in names)


def test_shares_are_as_asked_for() -> None:
    split_of = splitter("", DataConfig(validation_fraction=0.05, test_fraction=0.1))
    counts = Counter(split_of(f"speaker/{number}.wav") for number in range(10_000))
    assert counts["validation"] / 10_000 == pytest.approx(0.05, abs=0.01)
    assert counts["test"] / 10_000 == pytest.approx(0.1, abs=0.01)


def test_a_larger_share_keeps_what_was_held_out() -> None:
    names = [f"{number}.wav" for number in range(1_000)]
    small = splitter("", DataConfig(validation_fraction=0.05))
    large = splitter("", DataConfig(validation_fraction=0.2))
    assert {name for name in names if small(name) != "train"} < {name for name in names if large(name) != "train"}


def test_globs_and_lists_decide_instead_of_the_fraction(tmp_path: Path) -> None:
    (tmp_path / "testing_list.txt").write_text("one/a.wav\ntwo/b.wav\r\n")
    data = DataConfig(validation_files=("valid/*",), test_files=("@testing_list.txt", "*_test.wav"))
    names = ["one/a.wav", "two/b.wav", "x_test.wav", "valid/x_test.wav", "valid/c.wav", "one/c.wav"]
    split_of = splitter(str(tmp_path), data, names)
    assert [split_of(name) for name in names] == ["test", "test", "test", "test", "validation", "train"]
    assert {split_of(f"one/{number}.wav") for number in range(200)} == {"train"}


@pytest.mark.parametrize("line", ["d/c00.wav", "./c00.wav", "c00", "{folder}/c00.wav", ".\\c00.wav", "\ufeffc00.wav"])
def test_a_line_of_a_list_may_name_its_file_in_many_ways(line: str, tmp_path: Path) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    (folder / "held.txt").write_text(line.format(folder=folder) + "\n\n", "utf-8")
    split_of = splitter(str(folder), DataConfig(validation_files=("@held.txt",)), ["c00.wav", "c01.wav", "x/c00a.wav"])
    assert [split_of(name) for name in ("c00.wav", "c01.wav", "x/c00a.wav")] == ["validation", "train", "train"]


def test_a_short_name_that_two_files_have_holds_out_neither(tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text("c00\nb.wav\n")
    notes: list[str] = []
    names = ["x/c00.wav", "y/c00.wav", "b.wav"]
    split_of = splitter(str(tmp_path), DataConfig(validation_files=("@held.txt",)), names, notes)
    assert [split_of(name) for name in names] == ["train", "train", "validation"]
    assert notes == ["validation_files @held.txt: 1 of 2 lines fit no file, or more than one (c00)"]


def test_globs_and_lists_that_fit_nothing_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "held.txt").write_text("zz.wav\n")
    for choice in ("held*.wav", "@held.txt"):
        data = DataConfig(validation_files=("a.wav", choice))
        message = rf"^validation_files {re.escape(choice)} fits none of the 2 files; names are relative to data_dir$"
        with pytest.raises(ValueError, match=message):
            splitter(str(tmp_path), data, ["a.wav", "b.wav"])


def test_a_glob_may_begin_with_the_folder(tmp_path: Path) -> None:
    names = ["a1.wav", "b1.wav"]
    for glob in (f"{tmp_path.name}/a*", "./a*", f"{tmp_path}/a*"):
        split_of = splitter(str(tmp_path), DataConfig(validation_files=(glob,)), names)
        assert [split_of(name) for name in names] == ["validation", "train"]


def test_a_list_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"list of files .*none\.txt cannot be read: No such file or directory; check"):
        splitter(str(tmp_path), DataConfig(test_files=("@none.txt",)))


def test_fractions_must_leave_something_to_train_on() -> None:
    with pytest.raises(ValueError, match="must leave files to train on, got 0.5 and 0.5"):
        DataConfig(validation_fraction=0.5, test_fraction=0.5)
