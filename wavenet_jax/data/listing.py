"""Which audio files lie below a folder."""

import os
import re
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import NamedTuple

from wavenet_jax.audio.files import show

EXTENSIONS = frozenset(
    (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".caf", ".au", ".snd")
) | {".rf64", ".w64", ".m4a", ".mp4", ".aac", ".wma", ".ape", ".wv"}
"""Lower-case ends of the names that are taken for audio; some cannot be read, and are listed so that they get named."""


class Found(NamedTuple):
    """An audio file below a folder."""

    path: str
    name: str
    """Relative to the folder, with slashes; bytes that are not UTF-8 as Python's surrogate escapes."""
    size: int
    """Bytes."""
    mtime_ns: int
    """Time of the last change, in nanoseconds."""
    problem: str | None
    """Why the file system does not give it."""


def find_audio(folder: str, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> list[Found]:
    """The audio files below a folder, in the order of their names.

    Links are followed; a folder that several lead to is searched once.

    Args:
      folder: is searched to any depth.
      include: globs on the relative name, one of which must fit (``*`` also stands for slashes); none: every file whose
        name ends as audio does.
      exclude: globs on the relative name, none of which may fit.

    Raises:
      ValueError: there is no such folder.
    """
    if not os.path.isdir(folder):
        raise ValueError(f"data_dir must be a folder, and there is none at {show(folder)}; check the path")
    included = matcher(include) if include else _sounds_like_audio
    excluded = matcher(exclude)
    found = []
    seen = set()
    waiting = [(folder, "")]
    while waiting:
        path, prefix = waiting.pop()
        try:
            status = os.stat(path)
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            entries = list(os.scandir(path))
        except OSError as error:
            found.append(Found(path, prefix or "./", 0, 0, f"cannot be listed: {error.strerror}"))
            continue
        for entry in entries:
            name = prefix + entry.name
            if _is_folder(entry):
                waiting.append((entry.path, name + "/"))
            elif included(name) and not excluded(name):
                found.append(_found(entry, name))
    return sorted(found, key=lambda file: os.fsencode(file.name))


def matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    """A function that says whether any of the globs fits a whole name, case included."""
    fits = re.compile("|".join(translate(glob) for glob in globs) or r"(?!)").match
    return lambda name: fits(name) is not None


def _sounds_like_audio(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _found(entry: os.DirEntry[str], name: str) -> Found:
    try:
        status = entry.stat()
    except OSError as error:
        return Found(entry.path, name, 0, 0, f"cannot be opened: {error.strerror}")
    return Found(entry.path, name, status.st_size, status.st_mtime_ns, None)
