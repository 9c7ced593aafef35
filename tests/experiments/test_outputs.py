"""WAV files that grow: valid at every moment, shown with their first piece, and nothing lost before it."""

import contextlib
import io
import os
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from experiments.outputs import WavFiles, pcm, wav_header

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
            np.testing.assert_array_equal(found, np.tile(np.round(ramp(10) * 32_767), number))
            assert os.listdir(tmp_path) == ["out.wav"]


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
    with WavFiles([path], RATE):
        pass
    assert path.read_text() == "old"
    files = WavFiles([path], RATE)
    with contextlib.suppress(KeyboardInterrupt), files:
        files.write([ramp(10)])
        raise KeyboardInterrupt
    assert soundfile.info(path).frames == 10
    assert os.listdir(tmp_path) == ["out.wav"]


def test_a_first_piece_that_cannot_be_written_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("old")
    (tmp_path / ".b.wav.part").mkdir()
    with pytest.raises(IsADirectoryError), WavFiles([tmp_path / "a.wav", tmp_path / "b.wav"], RATE) as files:
        files.write([ramp(10), ramp(10)])
    assert (tmp_path / "a.wav").read_text() == "old"
    assert sorted(os.listdir(tmp_path)) == [".b.wav.part", "a.wav"]


def test_of_several_takes_only_the_one_that_is_kept_appears(tmp_path: Path) -> None:
    paths = [tmp_path / "a.wav", tmp_path / "b.wav"]
    with WavFiles(paths, RATE, takes=2) as files:
        files.write([ramp(1), ramp(2), ramp(3), ramp(4)])
        assert not any(path.exists() for path in paths)
        files.keep([1, 0])
    assert sorted(os.listdir(tmp_path)) == ["a.wav", "b.wav"]
    assert [soundfile.info(path).frames for path in paths] == [2, 3]


@given(size=st.integers(0, 2**32 - 37), rate=st.integers(100, 768_000))
def test_the_header_says_what_there_is(size: int, rate: int) -> None:
    with wave.open(io.BytesIO(wav_header(rate, size))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate)
        assert file.getnframes() == size // 2


def test_a_header_of_unknown_length_is_read_to_the_end_of_the_data() -> None:
    content = io.BytesIO(wav_header(RATE, None) + pcm(ramp(10)))
    found, rate = soundfile.read(content, dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(found, np.round(ramp(10) * 32_767))


def test_samples_beyond_full_scale_are_clipped() -> None:
    assert np.frombuffer(pcm(np.array([-2.0, -1.0, 0.0, 1.0, 2.0])), "<i2").tolist() == [
        -32767,
        -32767,
        0,
        32767,
        32767,
    ]
