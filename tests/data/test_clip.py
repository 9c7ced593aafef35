"""One recording is opened without a look at anything beside it, and without leaving anything."""

import gc
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import wavenet_jax.data.clip as clip_module
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import open_clip

Record = Callable[..., np.ndarray]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where temporary files go; it is empty in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    gc.collect()
    assert list(folder.iterdir()) == []


def test_nothing_but_the_file_is_looked_at_or_written(
    record: Record,
    folder: Path,
    model: WaveNetConfig,
    cache_home: Path,
    monkeypatch: pytest.MonkeyPatch,
    temporary: Path,
) -> None:
    waveform = record("clip.wav")
    monkeypatch.setattr(os, "scandir", lambda *_: pytest.fail("the folder was searched"))
    source = open_clip(str(folder / "clip.wav"), DataConfig(), model)
    np.testing.assert_array_equal(source.read(0, 0, 1_000), waveform.astype(np.float32))
    assert not cache_home.exists()
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_a_stranger_s_folder_beside_it_does_no_harm(record: Record, folder: Path, model: WaveNetConfig) -> None:
    record("clip.wav", rate=8_000)
    (folder / "private").mkdir()
    (folder / "private").chmod(0)
    folder.chmod(0o755)
    code = (
        "import os, sys\n"
        "from wavenet_jax.config import DataConfig, WaveNetConfig\n"
        "from wavenet_jax.data import open_clip\n"
        "os.chdir(sys.argv[1]); os.setgid(65534); os.setuid(65534)\n"
        "print(open_clip('clip.wav', DataConfig(), WaveNetConfig()).lengths)"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": "/proc/none", "HOME": "/proc/none"}
    ended = subprocess.run([sys.executable, "-c", code, str(folder)], env=environment, capture_output=True, text=True)
    assert ended.stdout == "[2000]\n", ended.stderr


@pytest.mark.parametrize(("name", "form"), [("clip.ogg", {"format": "OGG"}), ("clip.wav", {"rate": 8_000})])
def test_what_must_be_decoded_lies_in_a_temporary_folder_as_long_as_it_is_used(
    name: str, form: dict, record: Record, folder: Path, model: WaveNetConfig, cache_home: Path, temporary: Path
) -> None:
    record(name, **form)
    source = open_clip(str(folder / name), DataConfig(cache_dir="/proc/nowhere"), model)
    assert len(source.read(0, 100, 900)) == 800
    assert len(list(temporary.iterdir())) == 1
    assert not cache_home.exists()
    del source


def test_the_clip_is_prepared_as_the_run_says_but_not_trimmed(folder: Path, model: WaveNetConfig) -> None:
    time = np.arange(2_000) / 16_000
    quiet = np.concatenate([np.zeros(4_000), 0.1 * np.sin(2 * np.pi * 440 * time) + 0.05, np.zeros(4_000)])
    write_wav(folder / "clip.wav", quiet, 16_000)
    data = DataConfig(normalize="peak", peak_db=0.0, remove_dc=True, trim_silence=True, label_from="folder")
    source = open_clip(str(folder / "clip.wav"), data, model)
    assert source.lengths.tolist() == [10_000]
    waveform = source.read(0, 0, 10_000)
    assert np.abs(waveform).max() == pytest.approx(0.875, abs=0.01)  # the gain leaves room for the offset
    assert abs(waveform.mean()) < 1e-3


def test_a_tilde_is_the_home_folder(
    record: Record, folder: Path, model: WaveNetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    record("clip.wav")
    monkeypatch.setenv("HOME", str(folder))
    assert open_clip("~/clip.wav", DataConfig(), model).names == ["clip.wav"]


def test_generated_sound_may_be_continued(folder: Path, model: WaveNetConfig) -> None:
    write_wav(folder / "out.wav", np.sin(np.arange(1_000)), 16_000, generated=True)
    assert open_clip(str(folder / "out.wav"), DataConfig(), model).lengths.tolist() == [1_000]


@pytest.mark.parametrize("rate", [16_000, 8_000])
def test_a_pipe_is_read_to_its_end(
    rate: int, record: Record, folder: Path, model: WaveNetConfig, temporary: Path
) -> None:
    record("clip.wav", rate=rate)
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes((folder / "clip.wav").read_bytes()))
    writer.start()
    source = open_clip(str(pipe), DataConfig(), model)
    writer.join()
    expected = open_clip(str(folder / "clip.wav"), DataConfig(), model)
    length = int(expected.lengths[0])
    np.testing.assert_array_equal(source.read(0, 0, length), expected.read(0, 0, length))
    del source, expected


def test_standard_input_is_a_clip(record: Record, folder: Path) -> None:
    record("clip.wav")
    code = (
        "from wavenet_jax.config import DataConfig, WaveNetConfig\n"
        "from wavenet_jax.data import open_clip\n"
        "print(open_clip('/dev/stdin', DataConfig(), WaveNetConfig()).lengths)"
    )
    content = (folder / "clip.wav").read_bytes()
    ended = subprocess.run([sys.executable, "-c", code], input=content, capture_output=True, check=True)
    assert ended.stdout == b"[1000]\n"


def test_an_endless_pipe_is_refused(
    folder: Path, model: WaveNetConfig, monkeypatch: pytest.MonkeyPatch, temporary: Path
) -> None:
    monkeypatch.setattr(clip_module, "MOST_PIPED_BYTES", 1 << 20)
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=_write_much, args=(pipe,))
    writer.start()
    with pytest.raises(ValueError, match=r"pipe sends more than 1 MiB; write it to a file first"):
        open_clip(str(pipe), DataConfig(), model)
    writer.join()


def _write_much(pipe: Path) -> None:
    try:
        pipe.write_bytes(bytes(1 << 24))
    except BrokenPipeError:
        return


def test_what_cannot_be_a_clip_is_refused_in_one_line(folder: Path, model: WaveNetConfig, temporary: Path) -> None:
    write_wav(folder / "one.wav", np.full(1, 0.5), 16_000)
    (folder / "text.wav").write_text("no sound")
    (folder / "song.m4a").write_bytes(bytes(100))
    for path, message in [
        (folder / "none.wav", r"^there is no file at .*none\.wav; check the path$"),
        (folder / "text.wav" / "x.wav", r"x\.wav cannot be opened: Not a directory; check the path$"),
        (folder, r"is a folder; give a recording$"),
        ("/dev/zero", r"^/dev/zero is neither a file nor a pipe; give a recording$"),
        (folder / "one.wav", r"one\.wav is too short: 6\.25e-05 s, a single sample$"),
        (folder / "text.wav", r"text\.wav is not readable audio: Format not recognised$"),
        (folder / "song.m4a", r"song\.m4a is not readable audio: .*; convert it: ffmpeg -i IN OUT\.flac$"),
    ]:
        with pytest.raises(ValueError, match=message):
            open_clip(str(path), DataConfig(), model)
