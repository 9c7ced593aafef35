"""The audio files below a folder, and what is left out of it."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from fnmatch import translate
from typing import NamedTuple

from wavenet_jax.audio.files import FOREIGN_EXTENSIONS, AudioFileError, show
from wavenet_jax.data.files.cache import CacheFolder
from wavenet_jax.data.files.places import Found, entries_of, is_archive, is_url, members_of

EXTENSIONS = (
    FOREIGN_EXTENSIONS
    | frozenset(
        (".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".aif", ".aiff", ".aifc")
    )
    | frozenset(
        (
            ".caf",
            ".au",
            ".snd",
            ".sph",
            ".nist",
            ".voc",
            ".8svx",
            ".svx",
            ".avr",
            ".paf",
            ".pvf",
            ".sf",
            ".ircam",
            ".sds",
        )
    )
)
"""Lower-case ends of the names that are taken for audio; some cannot be read, and are listed so that they get named."""

_SYSTEM = frozenset(("$RECYCLE.BIN", "System Volume Information", "__MACOSX", "@eaDir", "lost+found"))
"""Folders that systems keep beside a user's own: what was thrown away, thumbnails, forks."""

HIDDEN = "hidden file or folder"
RUN = "run directory"
GENERATED = "file of generated sound"
_PLURALS = {HIDDEN: "hidden files and folders", RUN: "run directories", GENERATED: "files of generated sound"}


class LeftOut(NamedTuple):
    """A kind of things in a data folder that are no data."""

    kind: str
    total: int
    example: str
    """The first name, printable."""

    def __str__(self) -> str:
        if self.total == 1:
            return f"left out: 1 {self.kind} ({self.example})"
        return f"left out: {self.total:,} {_PLURALS[self.kind]} ({self.example}, ...)"


def find_audio(
    folder: str, include: Sequence[str] = (), exclude: Sequence[str] = (), keeping: CacheFolder | None = None
) -> tuple[list[Found], list[LeftOut]]:
    """Finds the audio files below a folder, in the order of their names, and counts what is left out.

    Links are followed; a folder that several lead to is searched once. A tar archive counts as a folder. Left out are
    names that begin with a dot, folders that systems keep for themselves, and run directories.

    Args:
      folder: is searched to any depth; or a tar archive, or a URL that fsspec opens.
      include: globs on the relative name, one of which must fit (``*`` also stands for slashes); none: every file whose
        name ends as audio does.
      exclude: globs on the relative name, none of which may fit.
      keeping: where the contents of archives elsewhere are kept; default: nowhere.

    Raises:
      ValueError: there is no such folder.
    """
    search = _Search(matcher(include) if include else _has_audio_extension, matcher(exclude))
    if is_url(folder):
        search.sort(entries_of(folder, keeping or CacheFolder()))
    elif os.path.isfile(folder) and is_archive(folder):
        try:
            search.sort(members_of(folder))
        except AudioFileError as error:
            raise ValueError(f"data_dir {show(folder)} {error}") from None
    elif os.path.isdir(folder):
        search.walk(folder)
    else:
        raise ValueError(f"data_dir must be a folder, and there is none at {show(folder)}; check the path")
    found = sorted(search.found, key=lambda file: os.fsencode(file.name))
    return found, left_out({RUN: search.runs, HIDDEN: search.hidden})


class _Search:
    """What has been found, and the names of what is left out."""

    def __init__(self, included: Callable[[str], bool], excluded: Callable[[str], bool]):
        self._included, self._excluded = included, excluded
        self.found: list[Found] = []
        self.hidden: list[str] = []
        self.runs: list[str] = []

    def walk(self, folder: str) -> None:
        """Searches a local folder, and the archives in it."""
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
                self.found.append(Found(path, prefix or "./", 0, 0, 0, f"cannot be listed: {error.strerror}"))
                continue
            if _is_run({entry.name for entry in entries}):
                self.runs.append(prefix or "./")
                continue
            for entry in entries:
                name = prefix + entry.name
                is_folder = _is_folder(entry)
                packed = not is_folder and is_archive(name)
                wanted = (is_folder or packed or self._included(name)) and not self._excluded(name)
                if _is_hidden(entry.name):
                    if wanted:
                        self.hidden.append(name)
                elif is_folder:
                    waiting.append((entry.path, name + "/"))
                elif wanted and packed:
                    self._unpack(entry.path, name)
                elif wanted:
                    self.found.append(_found(entry, name))

    def sort(self, files: Sequence[Found]) -> None:
        """Looks through files that come in one list, as those of an archive do."""
        inside: dict[str, set[str]] = defaultdict(set)
        for file in files:
            parts = file.name.split("/")
            for depth, part in enumerate(parts):
                inside["".join(f"{above}/" for above in parts[:depth])].add(part)
        runs = [folder for folder, names in inside.items() if _is_run(names)]
        self.runs += [folder or "./" for folder in runs]
        for file in files:
            if not self._included(file.name) or self._excluded(file.name) or file.name.startswith(tuple(runs)):
                continue
            hidden = any(_is_hidden(part) for part in file.name.split("/"))
            self.hidden.append(file.name) if hidden else self.found.append(file)

    def _unpack(self, path: str, name: str) -> None:
        try:
            self.sort(members_of(path, f"{name}/"))
        except AudioFileError as error:
            self.found.append(Found(path, name, 0, 0, 0, str(error)))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in _SYSTEM


def left_out(names: dict[str, list[str]]) -> list[LeftOut]:
    """Counts the names of each kind."""
    return [LeftOut(kind, len(listed), show(min(listed))) for kind, listed in names.items() if listed]


def matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    """Makes a function that is true of names that one of the globs fits as a whole, case included."""
    fits = re.compile("|".join(translate(glob) for glob in globs) or r"(?!)").match
    return lambda name: fits(name) is not None


def _has_audio_extension(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def _is_run(names: set[str]) -> bool:
    """Tells a run directory, also of a run that has not saved yet, by the names in it."""
    return "config.json" in names and ("checkpoints" in names or "run.lock" in names)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _found(entry: os.DirEntry[str], name: str) -> Found:
    try:
        status = entry.stat()
    except OSError as error:
        return Found(entry.path, name, 0, 0, 0, f"cannot be opened: {error.strerror}")
    return found_file(entry.path, name, status)


def found_file(path: str, name: str, status: os.stat_result) -> Found:
    """Describes a file that the file system gives."""
    return Found(path, name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, None)
