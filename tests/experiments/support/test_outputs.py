"""WAV files that grow: valid at every moment, shown with their first piece, and nothing lost before it."""

import contextlib
import errno
import io
import os
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from experiments.support.outputs import WavFiles, refuse_existing, refuse_model, reserved
from wavenet_jax.audio.files import header
from wavenet_jax.audio.wav import SOFTWARE, pcm16, wav_header

RATE = 4_000


def ramp(samples: int) -> np.ndarray:
    return np.linspace(-1, 1, samples, dtype=np.float32)


def test_a_file_is_valid_after_every_piece(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with WavFiles([path], RATE) as files:
        for number in range(1, 4):
            files.write([ramp(10)])
            found, rate = soundfile.read(path, dtype="int16")
            assert rate == RATE
            np.testing.assert_array_equal(found, np.tile(pcm16(ramp(10)), number))
            assert os.listdir(tmp_path) == ["out.wav"]


def test_every_file_says_that_it_is_generated(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with WavFiles([path], RATE) as files:
        for _ in range(2):
            files.write([ramp(10)])
            assert header(str(path)).software == SOFTWARE


def test_what_lies_behind_the_counted_samples_is_not_counted(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    with WavFiles([path], RATE) as files:
        files.write([ramp(10)])
    with path.open("ab") as file:  # as a kill between data and header leaves it
        file.write(b"\1\2\3\4")
    assert soundfile.info(path).frames == 10


def test_rows_of_different_lengths_end_where_they_end(tmp_path: Path) -> None:
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    with WavFiles(paths, RATE) as files:
        files.write([ramp(10), ramp(7)])
        files.write([ramp(10), ramp(0)])
    assert [soundfile.info(path).frames for path in paths] == [20, 7]


def test_what_was_there_is_replaced_by_the_first_piece_only(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    path.write_text("old")
    with WavFiles([path], RATE, replace=True):
        pass
    assert path.read_text() == "old"
    files = WavFiles([path], RATE, replace=True)
    with contextlib.suppress(KeyboardInterrupt), files:
        files.write([ramp(10)])
        raise KeyboardInterrupt
    assert soundfile.info(path).frames == 10
    assert os.listdir(tmp_path) == ["out.wav"]


def test_a_first_piece_that_cannot_be_written_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    for number in range(3):  # the file that cannot be written comes first, second, third
        names = list("abc")
        names[number] = f"none/{names[number]}"
        paths = [tmp_path / f"{name}.wav" for name in names]
        with pytest.raises(FileNotFoundError), WavFiles(paths, RATE) as files:
            files.write([ramp(10), ramp(10), ramp(10)])
        assert os.listdir(tmp_path) == []


def test_of_several_takes_only_the_one_that_is_kept_appears(tmp_path: Path) -> None:
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    with WavFiles(paths, RATE, takes=2) as files:
        files.write([ramp(1), ramp(2), ramp(3), ramp(4)])
        assert [soundfile.info(path).frames for path in paths] == [0, 0]
        files.keep([1, 0])
    assert sorted(os.listdir(tmp_path)) == ["a.wav", "b.wav"]
    assert [soundfile.info(path).frames for path in paths] == [2, 3]


def test_of_two_programs_that_write_to_one_name_one_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "out.wav"
    for takes in (1, 2):
        with WavFiles([path], RATE, takes) as ours, WavFiles([path], RATE, takes) as theirs:
            ours.write([ramp(10)] * takes)
            with pytest.raises(ValueError, match="out.wav exists by now: another program writes to it; choose another"):
                theirs.write([ramp(20)] * takes)
            ours.write([ramp(10)] * takes)
            ours.keep([0])
        assert soundfile.info(path).frames == 20
        assert os.listdir(tmp_path) == ["out.wav"]
        path.unlink()


def test_a_name_is_kept_for_a_file_that_is_written_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s.safetensors"
    with reserved(path, False, "save_session"):
        refused = "s.safetensors exists by now: another program writes to it; choose another save_session"
        with pytest.raises(ValueError, match=refused), reserved(path, False, "save_session"):
            pass
        path.write_bytes(b"session")
    assert path.read_bytes() == b"session"
    with reserved(path, True, "save_session"):
        pass
    assert path.read_bytes() == b"session", "nothing was written in its place"
    path.unlink()
    with contextlib.suppress(RuntimeError), reserved(path, False, "save_session"):
        raise RuntimeError("nothing was made")
    with reserved(None, False, "save_session"):
        pass
    assert os.listdir(tmp_path) == []


def test_a_piece_that_one_file_cannot_take_counts_in_none(tmp_path: Path) -> None:
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]

    class Full(io.FileIO):
        def write(self, content: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with WavFiles(paths, RATE) as files:
        files.write([ramp(10), ramp(10)])
        files._files[1] = Full(paths[1], "r+")
        with pytest.raises(OSError, match="No space left on device: .*b.wav"):
            files.write([ramp(10), ramp(10)])
        files._files[1].close()
    assert [soundfile.info(path).frames for path in paths] == [10, 10]


@given(size=st.integers(0, 2**32 - 37), rate=st.integers(100, 768_000))
def test_the_header_says_what_there_is(size: int, rate: int) -> None:
    with wave.open(io.BytesIO(wav_header(rate, size))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate)
        assert file.getnframes() == size // 2


def test_a_header_of_unknown_length_is_read_to_the_end_of_the_data() -> None:
    content = io.BytesIO(wav_header(RATE, None) + pcm16(ramp(10)).tobytes())
    found, rate = soundfile.read(content, dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(found, pcm16(ramp(10)))


def test_only_what_can_be_replaced_is_said_to_be(tmp_path: Path) -> None:
    folder, link, mine = tmp_path / "folder.wav", tmp_path / "link.wav", tmp_path / "mine"
    folder.mkdir()
    link.symlink_to(tmp_path / "nowhere.wav")
    with pytest.raises(ValueError, match=r"folder\.wav exists and is not a file; choose another --output$"):
        refuse_existing([folder], overwrite=True)
    with pytest.raises(ValueError, match=r"link\.wav exists; .*, or replace the file with --overwrite$"):
        refuse_existing([link], overwrite=False)
    refuse_existing([link, tmp_path / "new.wav"], overwrite=True)
    mine.mkdir()
    refuse_model(mine, overwrite=False)
    (mine / "README.md").write_text("a project")
    with pytest.raises(ValueError, match="mine is not empty; choose another --output$"):
        refuse_model(mine, True, "voice", lambda folder: (folder / "vocoder").is_dir())
    (mine / "vocoder").mkdir()
    with pytest.raises(ValueError, match="choose another --output, or replace the voice with --overwrite$"):
        refuse_model(mine, False, "voice", lambda folder: (folder / "vocoder").is_dir())
    refuse_model(mine, True, "voice", lambda folder: (folder / "vocoder").is_dir())
