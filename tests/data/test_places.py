"""Recordings in tar archives, and in file systems that a URL names."""

import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import numpy as np
import pytest

import wavenet_jax.data.files.places as places
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import FolderSource, Source, open_source, open_sources
from wavenet_jax.data.files.listing import find_audio

Config = Callable[..., DataConfig]
Record = Callable[..., np.ndarray]


def packed(folder: Path, archive: Path, prefix: str = "") -> Path:
    with tarfile.open(archive, "w") as file:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path != archive:
                file.add(path, prefix + str(path.relative_to(folder)))
    return archive


def opened(place: str, model: WaveNetConfig, **options: object) -> Source:
    return open_source(DataConfig(data_dir=(place,), validation_fraction=0.0, **options), model, "train")  # type: ignore[arg-type]


def assert_same(source: Source, waveforms: dict[str, np.ndarray], prefix: str = "") -> None:
    assert list(source.names) == [prefix + name for name in waveforms]
    for clip, waveform in enumerate(waveforms.values()):
        assert np.array_equal(source.read(clip, 0, len(waveform)), waveform.astype(np.float32))
        assert np.array_equal(source.read(clip, 100, 200), waveform[100:200].astype(np.float32))


@pytest.fixture
def waveforms(record: Record) -> dict[str, np.ndarray]:
    """Names and samples of a folder of recordings, of two classes."""
    return {name: record(name) for name in ("ann/a.flac", "ann/b.wav", "bob/c.flac")}


@pytest.fixture
def bucket(folder: Path, waveforms: dict[str, np.ndarray]) -> Iterator[str]:
    """The same recordings on another file system."""
    system = fsspec.filesystem("memory")
    system.put(f"{folder}/", "/bucket/speech", recursive=True)
    yield "memory://bucket/speech"
    system.rm("/bucket", recursive=True)


@pytest.mark.parametrize("prefix", ["", "./"])
def test_an_archive_is_read_as_a_folder(
    folder: Path, tmp_path: Path, waveforms: dict[str, np.ndarray], model: WaveNetConfig, prefix: str
) -> None:
    archive = packed(folder, tmp_path / "speech.tar", prefix)
    source = opened(str(archive), model, label_from="folder")
    assert_same(source, waveforms)
    assert source.labels == [("class=ann",), ("class=ann",), ("class=bob",)]
    assert source.beside(0, ".npy") is None


def test_archives_in_a_folder_are_folders_in_it(
    folder: Path, waveforms: dict[str, np.ndarray], model: WaveNetConfig, record: Record
) -> None:
    packed(folder, folder / "shard-0.tar")
    for name in ("ann", "bob"):
        shutil.rmtree(folder / name)
    loose = record("loose.wav")
    in_shard = {f"shard-0.tar/{name}": waveform for name, waveform in waveforms.items()}
    assert_same(opened(str(folder), model), {"loose.wav": loose} | in_shard)
    assert list(opened(str(folder), model, exclude=("*.tar/ann/*",)).names) == ["loose.wav", "shard-0.tar/bob/c.flac"]
    assert list(opened(str(folder), model, exclude=("shard*",)).names) == ["loose.wav"]


def test_what_is_left_out_of_a_folder_is_left_out_of_an_archive(
    folder: Path, tmp_path: Path, waveforms: dict[str, np.ndarray], record: Record
) -> None:
    record("run/samples/x.wav")
    record(".trash/y.wav")
    for name in ("run/config.json", "run/run.lock", "notes.txt"):
        (folder / name).write_text("{}")
    found, left_out = find_audio(str(packed(folder, tmp_path / "all.tar")))
    assert [file.name for file in found] == list(waveforms)
    assert [str(kind) for kind in left_out] == [
        "left out: 1 run directory (run/)",
        "left out: 1 hidden file or folder (.trash/y.wav)",
    ]


def test_an_archive_that_has_changed_is_scanned_again(
    folder: Path, tmp_path: Path, waveforms: dict[str, np.ndarray], model: WaveNetConfig, record: Record
) -> None:
    archive = packed(folder, tmp_path / "speech.tar")
    opened(str(archive), model)
    waveforms["ann/b.wav"] = record("ann/b.wav", 1_500)
    packed(folder, archive)
    assert_same(opened(str(archive), model), waveforms)


def test_damaged_archives_are_named(folder: Path, record: Record, model: WaveNetConfig) -> None:
    record("a.wav")
    (folder / "broken.tar").write_bytes(b"no archive" * 100)
    source = opened(str(folder), model)
    assert list(source.names) == ["a.wav"]
    ((name, reason),) = source.skipped
    assert name == "broken.tar"
    assert reason.startswith("cannot be read as a tar archive: ")
    with pytest.raises(ValueError, match=r"data_dir .*broken\.tar cannot be read as a tar archive"):
        opened(str(folder / "broken.tar"), model)


def test_a_url_is_read_as_a_folder(bucket: str, waveforms: dict[str, np.ndarray], model: WaveNetConfig) -> None:
    source = opened(f"{bucket}/", model, label_from="folder")
    assert_same(source, waveforms)
    assert source.classes == ["class=ann", "class=bob"]
    assert source.beside(0, ".npy") is None


def test_what_was_read_is_not_fetched_again(
    bucket: str, waveforms: dict[str, np.ndarray], model: WaveNetConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(bucket, model)
    with monkeypatch.context() as patch:
        patch.setattr(places, "_fetch", lambda *arguments: pytest.fail("fetched"))
        assert_same(opened(bucket, model), waveforms)


def test_what_has_left_the_cache_is_fetched_again(
    bucket: str, waveforms: dict[str, np.ndarray], model: WaveNetConfig, cache_home: Path
) -> None:
    source = opened(bucket, model)
    shutil.rmtree(cache_home / "pcm16")
    assert_same(source, waveforms)


def test_what_is_gone_is_named(
    bucket: str, waveforms: dict[str, np.ndarray], model: WaveNetConfig, cache_home: Path
) -> None:
    source = opened(bucket, model)
    shutil.rmtree(cache_home / "pcm16")
    fsspec.filesystem("memory").rm("/bucket/speech/ann/a.flac")
    with pytest.raises(ValueError, match=r"memory://bucket/speech/ann/a\.flac: cannot be fetched"):
        source.read(0, 0, 10)


def test_archives_elsewhere_are_listed_once(
    folder: Path,
    tmp_path: Path,
    waveforms: dict[str, np.ndarray],
    bucket: str,
    model: WaveNetConfig,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fsspec.filesystem("memory").put(str(packed(folder, tmp_path / "0.tar")), "/bucket/shards/0.tar")
    in_shard = {f"0.tar/{name}": waveform for name, waveform in waveforms.items()}
    assert_same(opened("memory://bucket/shards", model), in_shard)
    monkeypatch.setattr(places, "_headers", lambda file: pytest.fail("listed again"))
    assert_same(opened("memory://bucket/shards", model), in_shard)
    assert_same(opened("memory://bucket/shards/0.tar", model), waveforms)


@pytest.mark.parametrize("kind", ["url", "archive"])
def test_tables_and_lists_lie_there_too(
    folder: Path, tmp_path: Path, waveforms: dict[str, np.ndarray], model: WaveNetConfig, kind: str
) -> None:
    (folder / "speakers.tsv").write_text("ann/a\tann\nann/b\tann\nbob/c\tbob\n")
    (folder / "held.txt").write_text("ann/b.wav\n")
    if kind == "archive":
        place = str(packed(folder, tmp_path / "speech.tar"))
    else:
        place = "memory://tables"
        fsspec.filesystem("memory").put(f"{folder}/", "/tables", recursive=True)
    data = DataConfig(
        data_dir=(place,), label_from="table", label_table="speakers.tsv", validation_files=("@held.txt",)
    )
    training, held_out, _ = open_sources(data, model)
    assert isinstance(training, FolderSource)
    assert (list(training.names), list(held_out.names)) == (["ann/a.flac", "bob/c.flac"], ["ann/b.wav"])
    assert training.labels == [("class=ann",), ("class=bob",)]
    with pytest.raises(ValueError, match=r"table .*none\.tsv.* cannot be read"):
        opened(place, model, label_from="table", label_table="none.tsv")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("memory://nothing", "there is none at memory://nothing"),
        ("memory://nothing/x.tar", r"there is none at memory://nothing/x\.tar"),
        ("nonsense://x", "nonsense://x cannot be opened: .*nonsense.*; check the URL"),
        ("none.tar", r"there is none at .*none\.tar; check the path"),
    ],
)
def test_a_place_that_is_none_is_refused_in_one_line(place: str, message: str, model: WaveNetConfig) -> None:
    with pytest.raises(ValueError, match=message) as error:
        opened(place, model)
    assert "\n" not in str(error.value)


def test_a_file_system_that_is_not_installed_is_named(model: WaveNetConfig) -> None:
    with pytest.raises(ValueError, match=r"s3://bucket cannot be opened: .*s3fs"):
        opened("s3://bucket", model)


def test_places_mean_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert places.absolute("d") == str(tmp_path / "d")
    assert places.absolute("s3://bucket/x") == places.expanded("s3://bucket/x") == "s3://bucket/x"
    assert places.resolved("s3://bucket/x/") == "s3://bucket/x"
