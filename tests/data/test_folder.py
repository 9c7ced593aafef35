"""Recordings become clips: in place or through the cache, scanned once."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import wavenet_jax.data.files.manifest as manifest
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import ConditioningConfig, DataConfig, WaveNetConfig
from wavenet_jax.data import FolderSource, open_source, open_sources
from wavenet_jax.data.files.listing import Found
from wavenet_jax.data.files.scan import Scan

Config = Callable[..., DataConfig]
Record = Callable[..., np.ndarray]


@pytest.fixture
def scanned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are scanned, in order."""
    names: list[str] = []
    scan = manifest.scan

    def count(file: Found, *arguments: object) -> Scan:
        names.append(file.name)
        return scan(file, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(manifest, "scan", count)
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
    record: Record, data: Config, model: WaveNetConfig, cache_home: Path, scanned: list[str]
) -> None:
    record("slow.wav", 4_000, rate=8_000)
    record("lossy.ogg", 8_000, format="OGG", subtype="VORBIS")
    source = opened(data(), model)
    assert source.lengths.tolist() == [8_000, 8_000]
    before = [source.read(clip, 1_000, 3_000) for clip in range(2)]
    assert len(list(cache_home.glob("pcm16/*/*.pcm"))) == 2
    again = opened(data(), model)
    assert scanned == ["lossy.ogg", "slow.wav"]
    assert all(np.array_equal(again.read(clip, 1_000, 3_000), before[clip]) for clip in range(2))


def test_only_what_is_new_or_has_changed_is_scanned(
    record: Record, data: Config, model: WaveNetConfig, folder: Path, scanned: list[str]
) -> None:
    for name in ("a.wav", "b.wav"):
        record(name)
    opened(data(), model)
    record("c.wav")
    record("a.wav", 2_000)
    assert opened(data(), model).lengths.tolist() == [2_000, 1_000, 1_000]
    assert scanned == ["a.wav", "b.wav", "a.wav", "c.wav"]
    (folder / "b.wav").unlink()
    assert opened(data(), model).names == ["a.wav", "c.wav"]
    assert len(scanned) == 4


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-5],
        lambda text: "[]",
        lambda text: json.dumps({name: row[:-1] for name, row in json.loads(text).items()}),
        lambda text: json.dumps(dict.fromkeys(json.loads(text), 7)),
    ],
    ids=["cut", "a_list", "short_rows", "numbers"],
)
def test_a_damaged_manifest_is_made_again(
    record: Record,
    data: Config,
    model: WaveNetConfig,
    cache_home: Path,
    scanned: list[str],
    damage: Callable[[str], str],
) -> None:
    record("a.wav")
    opened(data(), model)
    (path,) = cache_home.glob("manifests/*.json")
    path.write_text(damage(path.read_text()))
    assert opened(data(), model).names == ["a.wav"]
    assert scanned == ["a.wav", "a.wav"]


def test_what_was_learnt_survives_an_interruption(
    record: Record, data: Config, model: WaveNetConfig, scanned: list[str]
) -> None:
    for number in range(5):
        record(f"{number}.wav")

    def interrupt(done: int, total: int) -> None:
        if done > total / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_source(data(), model, "train", interrupt)
    first = len(scanned)
    opened(data(), model)
    assert len(scanned) - first <= 2


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
    with pytest.raises(ValueError, match=r"a\.wav: ends before sample 900, .* the same command again, which resumes"):
        source.read(0, 100, 900)
    (folder / "a.wav").unlink()
    with pytest.raises(ValueError, match=r"a\.wav: cannot be .*: No such file or directory; it was there, and whole"):
        source.read(0, 100, 900)


def test_progress_counts_the_bytes_of_new_files(
    record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    for name in ("a.wav", "b.wav"):
        record(name)
    size = os.path.getsize(folder / "a.wav")
    seen: list[tuple[int, int]] = []
    for _ in range(2):
        open_source(data(), model, "train", lambda done, total: seen.append((done, total)))
    assert seen == [(size, 2 * size), (2 * size, 2 * size)]


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
    with pytest.raises(ValueError, match=r"^all 1 files are held out by validation_files=\('\*',\); hold out fewer$"):
        open_source(data(validation_files=("*",)), model, "train")


def test_what_the_programs_wrote_is_never_data(
    record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    for number in range(10):
        record(f"c{number}.wav")
    before = [open_source(data(validation_fraction=0.3), model, split) for split in ("train", "validation")]
    for run in ("runs/a", "runs/b"):
        (folder / run / "checkpoints").mkdir(parents=True)
        (folder / run / "samples").mkdir()
        (folder / run / "config.json").write_text("{}")
        write_wav(folder / run / "samples" / "step_10.wav", np.sin(np.arange(1_000)), 16_000)
    for name in ("out.wav", "x/out-1.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        write_wav(folder / name, np.sin(np.arange(1_000)), 16_000, generated=True)
    (folder / ".out.wav.part").write_bytes(b"RIFF")
    after = [open_source(data(validation_fraction=0.3), model, split) for split in ("train", "validation")]
    assert [list(source.names) for source in after] == [list(source.names) for source in before]
    assert list(after[0].notes) == [
        "left out: 2 run directories (runs/a/, ...)",
        "left out: 2 files of generated sound (out.wav, ...)",
    ]
    assert not after[0].skipped


def test_a_folder_of_generated_sound_alone_is_refused_with_the_reason(
    data: Config, model: WaveNetConfig, folder: Path
) -> None:
    write_wav(folder / "out.wav", np.sin(np.arange(1_000)), 16_000, generated=True)
    with pytest.raises(ValueError, match=r"holds no audio files; .*; left out: 1 file of generated sound \(out\.wav\)"):
        open_source(data(), model, "train")


def test_files_of_classes_that_the_network_was_not_trained_with_are_named(
    record: Record, data: Config, folder: Path
) -> None:
    for name in ("ann/1.wav", "bob/1.wav", "cleo/1.wav"):
        record(name)
    trained = ConditioningConfig(condition_on_classes=True, classes=("class=ann", "class=bob"))
    model = WaveNetConfig(sample_rate=16_000, dilation_cycle=(1, 2, 4, 8), conditioning=trained)
    source = opened(data(label_from="folder"), model)
    assert (source.names, source.classes) == (["ann/1.wav", "bob/1.wav"], ["class=ann", "class=bob"])
    assert [tuple(entry) for entry in source.skipped] == [
        ("cleo/1.wav", "has class 'cleo', which the network was not trained on")
    ]


def test_folders_of_one_class_each_lead_to_the_folder_above(
    record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    for name in ("ann/1.wav", "bob/1.wav"):
        record(name)
    config = data(data_dir=(str(folder / "ann"), str(folder / "bob")), label_from="folder")
    with pytest.raises(ValueError, match=rf"lies in a folder of its class, .*; give the folder above: {folder}$"):
        open_source(config, model, "train")


def test_classes_that_a_flagfile_cannot_hold_are_refused_with_a_remedy(
    record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    record("ann /1.wav")
    message = r"^class 'ann ' of ann /1\.wav begins or ends with a blank; rename the folder$"
    with pytest.raises(ValueError, match=message):
        open_source(data(label_from="folder"), model, "train")


def test_another_sound_of_the_same_size_and_time_is_noticed(
    record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    record("a.wav", rate=8_000)
    before = opened(data(), model).read(0, 0, 1_000)
    status = os.stat(folder / "a.wav")
    write_wav(folder / "a.wav", np.sin(np.arange(1_000)), 8_000)
    os.utime(folder / "a.wav", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert os.stat(folder / "a.wav").st_size == status.st_size
    assert not np.array_equal(opened(data(), model).read(0, 0, 1_000), before)


def test_a_cache_that_cannot_be_written_to_is_done_without(
    record: Record, data: Config, model: WaveNetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    record("a.wav", rate=8_000)
    record("b.wav")
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    source = opened(data(cache_dir="/proc/nowhere"), model)
    assert source.lengths.tolist() == [2_000, 1_000]
    assert len(source.read(0, 0, 2_000)) == 2_000
    (note,) = source.notes
    assert note.startswith("cache: /proc/nowhere cannot be written to (")
    assert note.endswith("nothing is kept instead")


def test_a_clip_of_one_sample_is_called_that(record: Record, data: Config, model: WaveNetConfig) -> None:
    record("a.wav")
    record("one.wav", 1)
    assert [entry.reason for entry in opened(data(), model).skipped] == ["holds a single sample"]


def test_a_decoded_file_that_vanishes_with_its_cache_is_named(
    record: Record, data: Config, model: WaveNetConfig, folder: Path, cache_home: Path
) -> None:
    record("a.wav", rate=8_000)
    source = opened(data(), model)
    (entry,) = cache_home.glob("pcm16/*/*.pcm")
    entry.unlink()
    (folder / "a.wav").rename(folder / "b.wav")
    with pytest.raises(ValueError, match=r"a\.wav: cannot be opened: No such .* same command again, which resumes"):
        source.read(0, 0, 100)
    (folder / "b.wav").rename(folder / "a.wav")
    assert len(source.read(0, 0, 100)) == 100


def test_one_search_serves_all_splits(record: Record, data: Config, model: WaveNetConfig) -> None:
    for number in range(10):
        record(f"{number}.wav")
    config = data(validation_fraction=0.3)
    together = open_sources(config, model, ("train", "validation"))
    alone = [open_source(config, model, split) for split in ("train", "validation")]
    assert [list(source.names) for source in together] == [list(source.names) for source in alone]
