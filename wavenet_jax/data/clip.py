"""One recording outside of any data set, prepared as the recordings of a run are."""

import os
import stat
import tempfile
import weakref
from pathlib import Path

from wavenet_jax.audio.files import AudioFileError, header, show
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data.files.cache import CacheFolder, PcmCache
from wavenet_jax.data.files.listing import found_file
from wavenet_jax.data.files.scan import Listening, scan
from wavenet_jax.data.folder import Clip, FolderSource, Recording
from wavenet_jax.data.prepare import preparation

MOST_PIPED_BYTES = 1 << 30
"""The most that is read from a pipe, so that an endless one does not fill the disk."""

_LEAST_SAMPLES = 2
_BLOCK = 1 << 20


def open_clip(path: str, data: DataConfig, model: WaveNetConfig) -> FolderSource:
    """Opens the one clip at ``path``, prepared as ``data`` says, but neither trimmed nor labelled.

    Only this file is looked at, and nothing is kept: what has to be decoded first lies in a temporary folder as long as
    the source is in use. A pipe is read to its end.

    Args:
      path: of a file or pipe; ``~`` is the home folder.
      data: of the run.
      model: its sample rate.

    Raises:
      ValueError: it cannot be used; the message says why.
    """
    given = os.path.expanduser(path)
    try:
        status = os.stat(given)
    except FileNotFoundError:
        raise ValueError(f"there is no file at {show(path)}; check the path") from None
    except OSError as error:
        raise ValueError(f"{show(path)} cannot be opened: {error.strerror}; check the path") from None
    copy = None if stat.S_ISREG(status.st_mode) else _copied(given, status.st_mode)
    try:
        source = _source(given, given if copy is None else str(copy), data, model)
    except BaseException:
        _remove(copy)
        raise
    weakref.finalize(source, _remove, copy)
    return source


def _source(name: str, path: str, data: DataConfig, model: WaveNetConfig) -> FolderSource:
    file = found_file(path, name, os.stat(path))
    try:
        mono = header(path).channels == 1  # which has no channel to choose
    except AudioFileError as error:
        raise ValueError(f"{show(name)} {error}") from None
    channel = None if mono else data.channel
    listening = Listening(model.sample_rate, channel, 10 ** (data.trim_threshold_db / 20))
    cache = PcmCache(CacheFolder(), data.cache_gib)
    result = scan(file, listening, cache)
    problem = result.problem
    if problem is None and result.samples < _LEAST_SAMPLES:
        problem = f"is too short: {result.samples / model.sample_rate:g} s, a single sample"
    if problem is not None:
        raise ValueError(f"{show(name)} {problem}")
    # What a network needs to learn from a clip, it does not need to continue one: any length is accepted.
    prepared = preparation(result, data, model.sample_rate)._replace(start=0, stop=result.samples)
    shown = show(os.path.basename(name))
    recording = Recording(shown, "train", (), None, file, result, prepared, None)
    return FolderSource([Clip(shown, "train", recording, prepared)], listening, cache)


def _copied(path: str, mode: int) -> Path:
    """A temporary copy of what comes through a pipe."""
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        kind = "a folder" if stat.S_ISDIR(mode) else "neither a file nor a pipe"
        raise ValueError(f"{show(path)} is {kind}; give a recording")
    handle, name = tempfile.mkstemp(prefix="wavenet_jax-")
    copy = Path(name)
    try:
        with open(path, "rb") as pipe, os.fdopen(handle, "wb") as file:
            while block := pipe.read(_BLOCK):
                if file.tell() + len(block) > MOST_PIPED_BYTES:
                    raise ValueError(
                        f"{show(path)} sends more than {MOST_PIPED_BYTES // 2**20} MiB; write it to a file first"
                    )
                file.write(block)
    except OSError as error:
        _remove(copy)
        raise ValueError(f"{show(path)} cannot be read: {error.strerror}") from None
    except BaseException:
        _remove(copy)
        raise
    return copy


def _remove(copy: Path | None) -> None:
    if copy is not None:
        copy.unlink(missing_ok=True)
