"""The scans of the files below a folder, kept from one program to the next."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from wavenet_jax.config import DataConfig
from wavenet_jax.data.files.cache import CacheFolder, PcmCache, cache_errors
from wavenet_jax.data.files.listing import LeftOut, find_audio
from wavenet_jax.data.files.places import Found, resolved
from wavenet_jax.data.files.scan import Listening, Scan, cache_key, scan
from wavenet_jax.storage import write_whole

_VERSION = 2
_SAVE_SECONDS = 30.0

Progress = Callable[[int, int], None]
"""Is called with the bytes of the files that have been read, and of all that have to be."""


class ScannedFile(NamedTuple):
    """A file, and what it holds."""

    file: Found
    scan: Scan


def survey(
    folder: str,
    data: DataConfig,
    listening: Listening,
    place: CacheFolder,
    cache: PcmCache,
    progress: Progress | None = None,
) -> tuple[list[ScannedFile], list[LeftOut]]:
    """Scans all audio files below a folder; reads only those that are new, have changed, or have left the cache.

    Args:
      folder: is searched to any depth.
      data: says which files count.
      listening: how they are read.
      place: where what was learnt is kept.
      cache: of decoded audio.
      progress: see ``Progress``.

    Returns:
      The files, in the order of their names, and what is left out of the folder.

    Raises:
      ValueError: there is no such folder, or the disk of the cache is full.
    """
    # Links are resolved once for the folder: whoever comes by another name finds the same cache.
    folder = resolved(folder)
    files, left_out = find_audio(folder, data.include, data.exclude, place)
    name = f"manifests/{_key(folder, data, listening)}.json"
    kept = _load([readable / name for readable in place.readable])
    scans = [_still_true(kept.get(file.name), file, listening, cache) for file in files]
    waiting = [index for index, result in enumerate(scans) if result is None]
    if waiting:
        try:
            saved = time.monotonic()
            for _ in _scan_all(files, scans, waiting, listening, cache, progress):
                if time.monotonic() > saved + _SAVE_SECONDS and place.lasts:  # what is killed has not lost it all
                    _save(place.writable() / name, files, scans)
                    saved = time.monotonic()
        finally:
            if place.lasts:
                _save(place.writable() / name, files, scans)
    return [
        ScannedFile(file, result) for file, result in zip(files, scans, strict=True) if result is not None
    ], left_out


def _scan_all(
    files: Sequence[Found],
    scans: list[Scan | None],
    waiting: Sequence[int],
    listening: Listening,
    cache: PcmCache,
    progress: Progress | None,
) -> Iterator[None]:
    """Fills in the scans that are missing; yields after each."""
    total = sum(files[index].size for index in waiting)
    done = 0
    with ThreadPoolExecutor(os.cpu_count(), "scan") as pool:
        try:
            results = pool.map(lambda index: scan(files[index], listening, cache), waiting)
            for index, result in zip(waiting, results, strict=True):
                scans[index] = result
                done += files[index].size
                if progress is not None:
                    progress(done, total)
                yield
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _key(folder: str, data: DataConfig, listening: Listening) -> str:
    identity = (_VERSION, folder, data.include, data.exclude, tuple(listening))
    return hashlib.blake2b(os.fsencode(repr(identity)), digest_size=20).hexdigest()


def _load(paths: Sequence[Path]) -> dict[str, Any]:
    """Rows of size, times and a scan's fields, by the file's name, from the first of the files that can be read."""
    for path in paths:
        try:
            rows = json.loads(path.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(rows, dict):
            return rows
    return {}


def _save(path: Path, files: Sequence[Found], scans: Sequence[Scan | None]) -> None:
    # A file that could not be opened is tried again each time: permissions change without a trace in its times.
    rows = {
        file.name: [file.size, file.mtime_ns, file.ctime_ns, *result]
        for file, result in zip(files, scans, strict=True)
        if result is not None and result.sample_rate
    }
    with cache_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(rows).encode())


def _still_true(row: Any, file: Found, listening: Listening, cache: PcmCache) -> Scan | None:
    """Returns the scan that a row holds; None where the file has changed since, or the row is damaged."""
    if not isinstance(row, list) or row[:3] != [file.size, file.mtime_ns, file.ctime_ns]:
        return None
    if len(row) != 3 + len(Scan._fields):
        return None
    kept = Scan(*row[3:])
    if kept.cached and kept.problem is None and not cache.has(cache_key(file, listening), kept.samples):
        return None
    return kept
