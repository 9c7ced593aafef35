"""Everything that looks like audio is found, once."""

from pathlib import Path

import pytest

from wavenet_jax.data.listing import find_audio


def names(folder: Path, *include: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [file.name for file in find_audio(str(folder), include, exclude)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.wav", "a/b.FLAC", "a/c/d.mp3", "a/notes.txt", "a/e.raw", ".hidden.ogg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def test_audio_is_found_at_any_depth_by_its_name(tree: Path) -> None:
    assert names(tree) == [".hidden.ogg", "a/b.FLAC", "a/c/d.mp3", "b.wav"]


def test_globs_choose(tree: Path) -> None:
    assert names(tree, "a/*") == ["a/b.FLAC", "a/c/d.mp3", "a/e.raw", "a/notes.txt"]
    assert names(tree, "*.mp3", "b.*") == ["a/c/d.mp3", "b.wav"]
    assert names(tree, exclude=("a/*", ".*")) == ["b.wav"]
    assert names(tree, "*.flac") == []


def test_linked_folders_are_searched_once_and_loops_end(tree: Path) -> None:
    (tree / "a" / "loop").symlink_to(tree)
    (tree / "copy").symlink_to(tree / "a")
    assert sorted(Path(name).name for name in names(tree)) == [".hidden.ogg", "b.FLAC", "b.wav", "d.mp3"]


def test_what_the_file_system_refuses_is_reported(tree: Path) -> None:
    (tree / "gone.wav").symlink_to("nowhere")
    (problem,) = [file.problem for file in find_audio(str(tree)) if file.name == "gone.wav"]
    assert problem == "cannot be opened: No such file or directory"


def test_a_folder_that_is_none_is_refused(tree: Path) -> None:
    for wrong in ("missing", "b.wav"):
        with pytest.raises(ValueError, match=rf"data_dir must be a folder, and there is none at .*{wrong}; check"):
            find_audio(str(tree / wrong))
