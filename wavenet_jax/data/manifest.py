"""What was learnt of the files below a folder, kept from one program to the next."""

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from wavenet_jax.config import DataConfig
from wavenet_jax.data.cache import PcmCache, replacing
from wavenet_jax.data.listing import Found, find_audio
from wavenet_jax.data.scan import Listening, Scan, cache_key, scan

_VERSION = 1

Progress = Callable[[int, int], None]
"""Is told the bytes of the files that have been listened to, and of all that have to be."""


class Known(NamedTuple):
    """A file, and what it holds."""

    file: Found
    scan: Scan


def survey(
    folder: str,
    data: DataConfig,
    listening: Listening,
    cache_dir: Path,
    cache: PcmCache,
    progress: Progress | None = None,
) -> list[Known]:
    """All audio files below a folder; listens only to those that are new, have changed, or have left the cache.

    Args:
      folder: is searched to any depth.
      data: says which files count.
      listening: how they are listened to.
      cache_dir: where what was learnt is kept.
      cache: of decoded audio.
      progress: see ``Progress``.

    Raises:
      ValueError: there is no such folder, or the cache cannot be written to.
    """
    # Links are resolved once for the folder: whoever comes by another name finds the same cache.
    folder = os.path.realpath(folder)
    files = find_audio(folder, data.include, data.exclude)
    path = cache_dir / "manifests" / f"{_key(folder, data, listening)}.json"
    kept = _load(path)
    scans = [_still_true(kept.get(file.name), file, listening, cache) for file in files]
    waiting = [index for index, heard in enumerate(scans) if heard is None]
    if waiting:
        try:
            _listen(files, scans, waiting, listening, cache, progress)
        finally:
            _save(path, files, scans)
    return [Known(file, heard) for file, heard in zip(files, scans, strict=True) if heard is not None]


def _listen(
    files: Sequence[Found],
    scans: list[Scan | None],
    waiting: Sequence[int],
    listening: Listening,
    cache: PcmCache,
    progress: Progress | None,
) -> None:
    """Fills in the scans that are missing."""
    total = sum(files[index].size for index in waiting)
    done = 0
    with ThreadPoolExecutor(os.cpu_count(), "listen") as pool:
        try:
            results = pool.map(lambda index: scan(files[index], listening, cache), waiting)
            for index, heard in zip(waiting, results, strict=True):
                scans[index] = heard
                done += files[index].size
                if progress is not None:
                    progress(done, total)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _key(folder: str, data: DataConfig, listening: Listening) -> str:
    identity = (_VERSION, folder, data.include, data.exclude, tuple(listening))
    return hashlib.blake2b(os.fsencode(repr(identity)), digest_size=20).hexdigest()


def _load(path: Path) -> dict[str, list]:
    """Rows of size, mtime and a scan's fields, by the file's name; nothing if there are none that can be read."""
    try:
        rows = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return rows if isinstance(rows, dict) else {}


def _save(path: Path, files: Sequence[Found], scans: Sequence[Scan | None]) -> None:
    # A file that could not be opened is tried again each time: permissions change without a trace in the mtime.
    rows = {
        file.name: [file.size, file.mtime_ns, *heard]
        for file, heard in zip(files, scans, strict=True)
        if heard is not None and heard.sample_rate
    }
    with replacing(path) as out:
        out.write(json.dumps(rows).encode())


def _still_true(row: list | None, file: Found, listening: Listening, cache: PcmCache) -> Scan | None:
    if row is None or row[:2] != [file.size, file.mtime_ns]:
        return None
    kept = Scan(*row[2:])
    if kept.cached and kept.problem is None and not cache.has(cache_key(file, listening), kept.samples):
        return None
    return kept
