"""Presets of data sets read a miniature of what they are for."""

from pathlib import Path

import numpy as np
import pytest

from experiments.support import flags
from tests.experiments.conftest import ROOT
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import FolderSource, open_source

MODEL = WaveNetConfig(dilation_cycle=(1, 2, 4))
PRESETS = ROOT / "experiments" / "presets" / "data"


def lay_out(folder: Path, *names: str) -> None:
    """Writes a short noise under each name."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_wav(str(path), np.random.default_rng(number).uniform(-0.5, 0.5, 100), MODEL.sample_rate)


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def read(folder: Path, preset: str, *more: str) -> dict[str, FolderSource]:
    """The splits of a folder, by name."""
    arguments = [f"--flagfile={PRESETS / preset}.flags", f"--data_dir={folder}", *more]
    (data,) = flags.read([DataConfig], ["program", *arguments])
    splits = {}
    for split in ("train", "validation", "test"):
        source = open_source(data, MODEL, split)
        assert isinstance(source, FolderSource)
        splits[split] = source
    return splits


def test_ljspeech(tmp_path: Path) -> None:
    lay_out(tmp_path, "wavs/LJ001-0001.wav", "wavs/LJ001-0002.wav", "other.wav")
    (tmp_path / "metadata.csv").write_text('LJ001-0001|In 1455,|In fourteen,\nLJ001-0002|"the first"|"the first"\n')
    train = read(tmp_path, "ljspeech", "--validation_fraction=0")["train"]
    assert train.names == ["wavs/LJ001-0001.wav", "wavs/LJ001-0002.wav"]
    assert train.transcripts == ["In fourteen,", '"the first"']


@pytest.mark.parametrize("name", ["wav48/{0}/{0}_001.wav", "wav48_silence_trimmed/{0}/{0}_001_mic1.flac"])
def test_vctk(name: str, tmp_path: Path) -> None:
    lay_out(
        tmp_path, name.format("p225"), name.format("p226"), name.format("s5"), "wav48_silence_trimmed/p225/x_mic2.flac"
    )
    train = read(tmp_path, "vctk", "--validation_fraction=0")["train"]
    assert len(train) == 3
    assert train.labels == [("class=p225",), ("class=p226",), ("class=s5",)]


def test_speech_commands(tmp_path: Path) -> None:
    lay_out(tmp_path, "zero/a_nohash_0.wav", "one/a_nohash_0.wav", "one/b_nohash_0.wav", "nine/c_nohash_0.wav")
    lay_out(tmp_path, "bed/a_nohash_0.wav", "_background_noise_/pink_noise.wav")
    (tmp_path / "validation_list.txt").write_text("bed/a_nohash_0.wav\none/a_nohash_0.wav\n")
    (tmp_path / "testing_list.txt").write_text("nine/c_nohash_0.wav\n")
    splits = read(tmp_path, "speech_commands")
    assert {split: source.names for split, source in splits.items()} == {
        "train": ["one/b_nohash_0.wav", "zero/a_nohash_0.wav"],
        "validation": ["one/a_nohash_0.wav"],
        "test": ["nine/c_nohash_0.wav"],
    }
    assert splits["train"].classes == ["class=nine", "class=one", "class=zero"]
    assert np.abs(splits["train"].read(0, 0, 100)).max() == pytest.approx(1)


def test_youtubemix(tmp_path: Path) -> None:
    lay_out(tmp_path, *(f"out{number:03d}.wav" for number in range(241)))
    splits = read(tmp_path, "youtubemix")
    assert [len(source) for source in splits.values()] == [212, 14, 15]
    assert [source.names[0] for source in splits.values()] == ["out000.wav", "out212.wav", "out226.wav"]


def test_plain_folder(tmp_path: Path) -> None:
    lay_out(tmp_path, "ann/1.wav", "ann/deep/2.wav", "bob/1.wav", "__MACOSX/ann/1.wav")
    (tmp_path / "ann" / "._1.wav").write_bytes(b"left by macOS")
    train = read(tmp_path, "folder", "--validation_fraction=0")["train"]
    assert (train.names, train.classes) == (["ann/1.wav", "ann/deep/2.wav", "bob/1.wav"], ["class=ann", "class=bob"])
    assert not train.skipped
