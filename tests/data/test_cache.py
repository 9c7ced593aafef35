"""Decoded audio appears whole or not at all, and makes room for itself."""

import gc
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from wavenet_jax.audio.wav import pcm16
from wavenet_jax.data.files.cache import CacheFolder, PcmCache
from wavenet_jax.storage import cache_folder, replacing

MIB = 2**20


def put(cache: PcmCache, key: str, samples: int = 1_000) -> None:
    with cache.writing(key) as file:
        file.write(np.full(samples, len(key), "<i2").tobytes())


def age(folder: Path, key: str, seconds: int) -> None:
    (path,) = folder.glob(f"pcm16/*/{key}.pcm")
    os.utime(path, (seconds, seconds))


def test_samples_come_back_in_pieces(tmp_path: Path) -> None:
    cache = PcmCache(CacheFolder(tmp_path), limit_gib=1)
    waveform = np.arange(-500, 500) / 32_768
    with cache.writing("abc") as file:
        file.write(pcm16(waveform).data)
    assert cache.has("abc", 1_000)
    assert not cache.has("abc", 999)
    assert np.array_equal(cache.read("abc", 100, 300), waveform[100:300].astype(np.float32))


def test_full_scale_does_not_wrap_around() -> None:
    assert pcm16(np.array([-2.0, -1.0, 1.0, 2.0])).tolist() == [-32_768, -32_768, 32_767, 32_767]


def test_an_entry_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    cache = PcmCache(CacheFolder(tmp_path), limit_gib=1)

    def fail() -> None:
        with cache.writing("abc") as file:
            file.write(b"1234")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert not cache.has("abc", 2)
    assert not list(tmp_path.glob("**/*.*"))


def test_what_was_unused_for_longest_makes_room(tmp_path: Path) -> None:
    earlier = PcmCache(CacheFolder(tmp_path), limit_gib=1)
    for number, key in enumerate(["aa", "bb", "cc"]):
        put(earlier, key, MIB // 2)
        age(tmp_path, key, 1_000 + number)
    cache = PcmCache(CacheFolder(tmp_path), limit_gib=3.5 / 1_024)
    assert cache.has("aa", MIB // 2)
    put(cache, "dd", MIB // 2)
    assert [cache.has(key, MIB // 2) for key in ("aa", "bb", "cc", "dd")] == [True, False, True, True]


def test_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    cache = PcmCache(CacheFolder(tmp_path), limit_gib=1.5 / 1_024)
    put(cache, "aa", MIB // 2)
    with pytest.raises(ValueError, match=r"cache_gib=0\.00146484 is too small for the decoded audio of this data set"):
        put(cache, "bb", MIB // 2)


def test_where_nothing_can_be_written_a_folder_is_used_that_goes_with_the_program(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    place = CacheFolder(tmp_path / "file")
    cache = PcmCache(place, limit_gib=1)
    put(cache, "aaa")
    assert cache.has("aaa", 1_000)
    assert len(cache.read("aaa", 100, 200)) == 100
    assert place.note == f"cache: {tmp_path}/file cannot be written to (File exists); nothing is kept instead"
    temporary = place.writable()
    assert not place.lasts
    del cache, place
    gc.collect()
    assert not temporary.exists()


def test_the_next_folder_is_used_and_what_the_first_holds_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    place = CacheFolder(tmp_path / "file", tmp_path / "own")
    put(PcmCache(place, limit_gib=1), "aaa")
    assert len(list(tmp_path.glob("own/pcm16/aa/aaa.pcm"))) == 1
    assert place.note == f"cache: {tmp_path}/file cannot be written to (File exists); {tmp_path}/own is used instead"
    assert PcmCache(CacheFolder(tmp_path / "own", tmp_path / "other"), limit_gib=1).has("aaa", 1_000)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text("before")

    def fill() -> None:
        with replacing(path) as file, open("/dev/full", "wb", buffering=0) as full:
            file.write(b"after")
            full.write(b"x")

    with pytest.raises(OSError, match="No space left on device"):
        fill()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_two_processes_may_write_the_same_entry(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_put_often, args=(tmp_path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert PcmCache(CacheFolder(tmp_path), limit_gib=1).has("same", 1_000)
    assert len(list(tmp_path.glob("pcm16/*/*"))) == 1


def _put_often(folder: Path) -> None:
    cache = PcmCache(CacheFolder(folder), limit_gib=1)
    for _ in range(200):
        put(cache, "same")
        assert cache.has("same", 1_000)


@pytest.mark.parametrize(("variable", "expected"), [("/somewhere", "/somewhere"), ("", "~/.cache"), ("x", "~/.cache")])
def test_the_cache_is_where_users_keep_theirs(variable: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", variable)
    assert cache_folder() == Path(expected).expanduser() / "wavenet_jax"
