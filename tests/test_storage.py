"""Files that are whole or not there, and errors that name the file that was asked for."""

import errno
import os
from pathlib import Path

import pytest

from wavenet_jax.storage import replacing, write_whole


def test_a_file_that_cannot_be_written_is_named_as_it_was_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "nowhere" / "curve.png"
    with pytest.raises(FileNotFoundError) as caught:
        write_whole(target, b"")
    assert caught.value.filename == str(target)


def test_a_folder_in_the_place_of_the_file_is_named(tmp_path: Path) -> None:
    target = tmp_path / "curve.png"
    target.mkdir()
    with pytest.raises(IsADirectoryError) as caught:
        write_whole(target, b"content")
    assert caught.value.filename == str(target)
    assert list(tmp_path.iterdir()) == [target]


def test_what_was_there_stays_where_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "config.json"
    target.write_bytes(b"before")

    def write_half() -> None:
        with replacing(target) as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_half()
    assert target.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [target]
