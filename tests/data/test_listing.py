"""Everything that looks like audio is found, once."""

from pathlib import Path

import pytest

from wavenet_jax.data.files.listing import find_audio


def names(folder: Path, *include: str, exclude: tuple[str, ...] = ()) -> list[str]:
    return [file.name for file in find_audio(str(folder), include, exclude)[0]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("b.wav", "a/b.FLAC", "a/c/d.mp3", "a/notes.txt", "a/e.raw", ".hidden.ogg"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


def test_audio_is_found_at_any_depth_by_its_name(tree: Path) -> None:
    assert names(tree) == ["a/b.FLAC", "a/c/d.mp3", "b.wav"]


def test_globs_choose(tree: Path) -> None:
    assert names(tree, "a/*") == ["a/b.FLAC", "a/c/d.mp3", "a/e.raw", "a/notes.txt"]
    assert names(tree, "*.mp3", "b.*") == ["a/c/d.mp3", "b.wav"]
    assert names(tree, exclude=("a/*",)) == ["b.wav"]
    assert names(tree, "*.flac") == []


def test_linked_folders_are_searched_once_and_loops_end(tree: Path) -> None:
    (tree / "a" / "loop").symlink_to(tree)
    (tree / "copy").symlink_to(tree / "a")
    assert sorted(Path(name).name for name in names(tree)) == ["b.FLAC", "b.wav", "d.mp3"]


def test_what_the_file_system_refuses_is_reported(tree: Path) -> None:
    (tree / "gone.wav").symlink_to("nowhere")
    (problem,) = [file.problem for file in find_audio(str(tree))[0] if file.name == "gone.wav"]
    assert problem == "cannot be opened: No such file or directory"


def test_a_folder_that_is_none_is_refused(tree: Path) -> None:
    for wrong in ("missing", "b.wav"):
        with pytest.raises(ValueError, match=rf"data_dir must be a folder, and there is none at .*{wrong}; check"):
            find_audio(str(tree / wrong))


def test_hidden_files_and_what_systems_keep_are_counted_not_used(tree: Path) -> None:
    for name in (".Trash-1000/files/gone.wav", "a/._b.FLAC", ".ipynb_checkpoints/m.wav", "__MACOSX/._b.wav", "a/.cfg"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(b"x")
    files, left_out = find_audio(str(tree))
    assert [file.name for file in files] == ["a/b.FLAC", "a/c/d.mp3", "b.wav"]
    assert [str(kind) for kind in left_out] == ["left out: 5 hidden files and folders (.Trash-1000, ...)"]


def test_run_directories_are_counted_not_searched(tree: Path) -> None:
    for run in ("runs/a", "runs/b"):
        for folder in ("checkpoints", "samples"):
            (tree / run / folder).mkdir(parents=True)
        (tree / run / "config.json").write_text("{}")
        (tree / run / "samples" / "step_10.wav").write_bytes(b"x")
    for name in ("config.json", "run.lock", "sound.wav"):  # nothing saved yet
        (tree / "runs" / "c").mkdir(exist_ok=True)
        (tree / "runs" / "c" / name).write_bytes(b"x")
    (tree / "album" / "checkpoints").mkdir(parents=True)
    (tree / "album" / "song.wav").write_bytes(b"x")
    files, left_out = find_audio(str(tree))
    assert [file.name for file in files] == ["a/b.FLAC", "a/c/d.mp3", "album/song.wav", "b.wav"]
    assert "left out: 3 run directories (runs/a/, ...)" in [str(kind) for kind in left_out]


def test_sound_of_other_systems_is_listed(tree: Path) -> None:
    for name in ("a.sph", "b.voc", "c.8svx", "d.m4a"):
        (tree / name).write_bytes(b"x")
    assert {"a.sph", "b.voc", "c.8svx", "d.m4a"} <= set(names(tree))
