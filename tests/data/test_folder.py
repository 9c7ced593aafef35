"""Recordings become clips: in place or through the cache, listened to once."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import wavenet_jax.data.manifest as manifest
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import FolderSource, open_source
from wavenet_jax.data.listing import Found
from wavenet_jax.data.scan import Scan

Config = Callable[..., DataConfig]
Record = Callable[..., np.ndarray]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are listened to, in order."""
    names: list[str] = []
    scan = manifest.scan

    def listen(file: Found, *arguments: object) -> Scan:
        names.append(file.name)
        return scan(file, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(manifest, "scan", listen)
    return names


def opened(data: DataConfig, model: WaveNetConfig, split: str = "train") -> FolderSource:
    source = open_source(data, model, split)
    assert isinstance(source, FolderSource)
    return source


def test_native_files_are_read_in_place(record: Record, data: Config, model: WaveNetConfig, cache_home: Path) -> None:
    waveforms = {name: record(name) for name in ("a.wav", "b/c.flac", "b/d.aiff")}
    source = opened(data(), model)
    assert source.names == list(waveforms)
    assert source.lengths.tolist() == [1_000] * 3
    for clip, waveform in enumerate(waveforms.values()):
        assert np.array_equal(source.read(clip, 0, 1_000), waveform.astype(np.float32))
        assert np.array_equal(source.read(clip, 123, 456), waveform[123:456].astype(np.float32))
        assert source.read(clip, 7, 7).shape == (0,)
    assert not (cache_home / "pcm16").exists()


def test_other_rates_and_lossy_files_are_decoded_once(
    record: Record, data: Config, model: WaveNetConfig, cache_home: Path, heard: list[str]
) -> None:
    record("slow.wav", 4_000, rate=8_000)
    record("lossy.ogg", 8_000, format="OGG", subtype="VORBIS")
    source = opened(data(), model)
    assert source.lengths.tolist() == [8_000, 8_000]
    before = [source.read(clip, 1_000, 3_000) for clip in range(2)]
    assert len(list(cache_home.glob("pcm16/*/*.pcm"))) == 2
    again = opened(data(), model)
    assert heard == ["lossy.ogg", "slow.wav"]
    assert all(np.array_equal(again.read(clip, 1_000, 3_000), before[clip]) for clip in range(2))


def test_only_what_is_new_or_has_changed_is_listened_to(
    record: Record, data: Config, model: WaveNetConfig, folder: Path, heard: list[str]
) -> None:
    for name in ("a.wav", "b.wav"):
        record(name)
    opened(data(), model)
    record("c.wav")
    record("a.wav", 2_000)
    assert opened(data(), model).lengths.tolist() == [2_000, 1_000, 1_000]
    assert heard == ["a.wav", "b.wav", "a.wav", "c.wav"]
    (folder / "b.wav").unlink()
    assert opened(data(), model).names == ["a.wav", "c.wav"]
    assert len(heard) == 4


def test_a_damaged_manifest_is_made_again(
    record: Record, data: Config, model: WaveNetConfig, cache_home: Path, heard: list[str]
) -> None:
    record("a.wav")
    opened(data(), model)
    (path,) = cache_home.glob("manifests/*.json")
    path.write_bytes(path.read_bytes()[:-5])
    assert opened(data(), model).names == ["a.wav"]
    assert heard == ["a.wav", "a.wav"]


def test_what_was_learnt_survives_an_interruption(
    record: Record, data: Config, model: WaveNetConfig, heard: list[str]
) -> None:
    for number in range(5):
        record(f"{number}.wav")

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_source(data(), model, "train", interrupt)
    first = len(heard)
    opened(data(), model)
    assert len(heard) - first <= 2


def test_a_missing_cache_entry_is_made_again_in_the_middle_of_a_run(
    record: Record, data: Config, model: WaveNetConfig, cache_home: Path
) -> None:
    record("slow.wav", 4_000, rate=8_000)
    source = opened(data(), model)
    before = source.read(0, 500, 900)
    (entry,) = cache_home.glob("pcm16/*/*.pcm")
    entry.unlink()
    assert np.array_equal(source.read(0, 500, 900), before)


def test_a_file_that_changes_in_the_middle_of_a_run_stops_it(
    record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    record("a.wav")
    source = opened(data(), model)
    record("a.wav", 500)
    with pytest.raises(ValueError, match=r"a\.wav: ends before sample 900, .* changed in the meantime, start again"):
        source.read(0, 100, 900)
    (folder / "a.wav").unlink()
    with pytest.raises(ValueError, match=r"a\.wav: cannot be opened: No such file or directory; it has changed"):
        source.read(0, 100, 900)


def test_progress_counts_the_bytes_of_new_files(
    record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    for name in ("a.wav", "b.wav"):
        record(name)
    size = os.path.getsize(folder / "a.wav")
    told: list[tuple[int, int]] = []
    for _ in range(2):
        open_source(data(), model, "train", lambda done, total: told.append((done, total)))
    assert told == [(size, 2 * size), (2 * size, 2 * size)]


def test_splits_share_the_files_and_skipped_ones_are_named_once(
    record: Record, data: Config, model: WaveNetConfig
) -> None:
    for number in range(40):
        record(f"{number}.wav", 10 if number % 4 == 0 else 1_000)
    config = data(validation_fraction=0.3, test_fraction=0.3)
    sources = [opened(config, model, split) for split in ("train", "validation", "test")]
    assert sum(len(source) for source in sources) == 30
    skipped = [entry for source in sources for entry in source.skipped]
    assert len(skipped) == len({entry.name for entry in skipped}) == 10
    assert {entry.reason for entry in skipped} == {"is shorter than the receptive field (16 samples)"}


def test_several_folders_are_told_apart(record: Record, data: Config, model: WaveNetConfig, folder: Path) -> None:
    for name in ("one/a.wav", "two/a.wav"):
        record(name)
    both = opened(data(data_dir=(str(folder / "one"), str(folder / "two"))), model)
    assert both.names == ["one/a.wav", "two/a.wav"]


def test_classes_are_those_of_all_splits(record: Record, data: Config, model: WaveNetConfig) -> None:
    for name in ("b/1.wav", "a/1.wav", "c/1.wav", "stray.wav"):
        record(name)
    config = data(label_from="folder", validation_files=("c/*",))
    train, validation = opened(config, model), opened(config, model, "validation")
    assert train.classes == validation.classes == ["class=a", "class=b", "class=c"]
    assert (train.labels, validation.labels) == ([("class=a",), ("class=b",)], [("class=c",)])
    assert [tuple(entry) for entry in train.skipped] == [("stray.wav", "has no class by its folder")]


def test_transcripts_come_along(record: Record, data: Config, model: WaveNetConfig, folder: Path) -> None:
    for name in ("a.wav", "b.wav"):
        record(name)
    (folder / "words.tsv").write_text("a\tHello.\n")
    assert opened(data(transcript_table="words.tsv"), model).transcripts == ["Hello.", None]


def test_a_channel_can_be_chosen(folder: Path, data: Config, model: WaveNetConfig) -> None:
    left, right = np.full(100, 0.25), np.full(100, 0.5)
    soundfile.write(folder / "a.wav", np.stack([left, right], axis=1), 16_000)
    means = {channel: opened(data(channel=channel), model).read(0, 0, 100).mean() for channel in (None, 0, 1)}
    assert means == {None: 0.375, 0: 0.25, 1: 0.5}


def test_folders_where_nothing_is_usable_are_refused_in_one_line(
    record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    with pytest.raises(ValueError, match=r"^data_dir .*recordings holds no audio files; choose another folder"):
        open_source(data(), model, "train")
    for number in range(3):
        record(f"{number}.wav", 10)
    (folder / "text.wav").write_text("no sound")
    reason = r"none of the 4 audio files .* most often \(3\) a file is shorter than the receptive field \(16 samples\)"
    with pytest.raises(ValueError, match=reason):
        open_source(data(), model, "train")


def test_a_split_may_be_empty_but_not_the_training_one(record: Record, data: Config, model: WaveNetConfig) -> None:
    record("a.wav")
    assert len(opened(data(), model, "validation")) == 0
    with pytest.raises(ValueError, match=r"all 1 files are held out .* hold out fewer"):
        open_source(data(validation_files=("*",)), model, "train")
