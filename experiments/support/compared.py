"""Recordings and what was made of them, found by the names of their files."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments.support import console
from wavenet_jax.audio.files import AudioFileError, header, read_audio, show
from wavenet_jax.data.files.listing import EXTENSIONS, find_audio
from wavenet_jax.data.labels import TABLE_HEADERS, read_table
from wavenet_jax.measures import Sound

Sounds = Mapping[str, Callable[[int], Sound]]
"""Sounds by the names of their clips; each is read at a sample rate in Hz."""


class UnreadableError(ValueError):
    """A sound that was found cannot be read; the message names its file."""


class Folder(NamedTuple):
    """The sounds of a system, or recordings."""

    sounds: Sounds
    rates: frozenset[int]
    """Sample rates of the files, in Hz."""


def folder(path: str) -> Folder:
    """Finds the audio files of a folder, at any depth, or a single file.

    A clip's name is that of its file, relative to the folder and without its extension. Files that cannot be read are
    named and left out.

    Args:
      path: of the folder or file.

    Raises:
      ValueError: there is no such folder or file, two files are of one name, or nothing can be read.
    """
    if os.path.isfile(path):
        files = [(Path(path).stem, path)]
    elif os.path.isdir(path):
        files = [(os.path.splitext(file.name)[0], file.path) for file in find_audio(path)[0]]
    else:
        raise ValueError(f"there is no folder or file at {show(path)}; check the path")
    paths: dict[str, str] = {}
    rates = set()
    for name, place in files:
        if name in paths:
            raise ValueError(f"two files in {show(path)} are called {show(name)}; keep one of them")
        try:
            rates.add(header(place).sample_rate)
        except AudioFileError as error:
            console.say(f"{show(place)}: {error}; left out")
        else:
            paths[name] = place
    if not paths:
        raise ValueError(f"there is no audio to be judged in {show(path)}; check the path")
    return Folder({name: _reader(place) for name, place in paths.items()}, frozenset(rates))


def _reader(path: str) -> Callable[[int], Sound]:
    def read(rate: int) -> Sound:
        try:
            waveform = read_audio(path, rate)
        except ValueError as error:
            raise UnreadableError(str(error)) from None
        if not len(waveform):
            raise UnreadableError(f"{show(path)} has no samples")
        return Sound(waveform, rate)

    return read


def named(flag: str, values: Sequence[str]) -> dict[str, str]:
    """Parses values that are written NAME=PATH; where the name is left out, it is that of the folder or file.

    Raises:
      ValueError: two have one name.
    """
    result: dict[str, str] = {}
    for value in values:
        name, separator, path = value.partition("=")
        if not separator or os.path.exists(value):
            name, path = Path(value).stem, value
        if not name or not path:
            raise ValueError(f"{flag} is written NAME=FOLDER, got {value!r}")
        if name in result:
            raise ValueError(f"two of {flag} are called {name!r}; name them: --{flag}=NAME=FOLDER")
        result[name] = os.path.expanduser(path)
    return result


def transcripts(path: str) -> dict[str, str]:
    """Reads a table of clips and what is said in them, in columns separated by tabs or by |, the text in the last.

    Raises:
      ValueError: it cannot be read.
    """
    rows = read_table(path, os.path.dirname(path), console.say)
    first = next(iter(rows), "")
    if first.lower() in TABLE_HEADERS:
        del rows[first]
    return {os.path.splitext(name)[0] if _is_audio(name) else name: columns[-1] for name, columns in rows.items()}


def _is_audio(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS


def chosen(systems: Mapping[str, Mapping[str, Any]], asked: Sequence[str], most: int | None) -> list[str]:
    """Returns the names of the clips that are judged: those that every system has.

    Args:
      systems: with the names of their clips; those without any do not count.
      asked: names, or files with one a line as @FILE; none: all.
      most: number of clips, spread evenly over the names; None: all.

    Raises:
      ValueError: there are none, or one that is asked for is not there.
    """
    systems = {system: sounds for system, sounds in systems.items() if sounds}
    names = [name for choice in asked for name in (_lines(choice[1:]) if choice.startswith("@") else [choice])]
    for name in names:
        for system, sounds in systems.items():
            if name not in sounds:
                raise ValueError(
                    f"clips must be among the {len(sounds)} of {system}, got {show(name)!r}; check its name"
                )
    shared = set.intersection(*({*sounds} for sounds in systems.values()))
    if not shared:
        examples = ", ".join(f"{show(min(sounds))!r} in {system}" for system, sounds in systems.items())
        raise ValueError(f"no clip is in every folder, by the names of the files ({examples}); give copies those names")
    for system, sounds in systems.items():
        if not names and system != "recording" and (lonely := {*sounds} - shared):
            console.say(
                f"{system}: {len(lonely)} of {len(sounds)} sounds are not in every folder ({show(min(lonely))!r})"
            )
    names = list(dict.fromkeys(names)) or sorted(shared)
    if most is None or most >= len(names):
        return names
    return [names[round(place)] for place in np.linspace(0, len(names) - 1, most)]


def _lines(path: str) -> list[str]:
    try:
        lines = Path(path).expanduser().read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"clips @{show(path)} cannot be read: {console.reason(error)}") from None
    return [line.strip() for line in lines if line.strip()]
