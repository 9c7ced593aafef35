"""A file's class and transcript, by its relative name."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from wavenet_jax.audio.files import show
from wavenet_jax.config import DataConfig
from wavenet_jax.data.files.names import spellings
from wavenet_jax.data.files.places import exists, joined, read_bytes

T = TypeVar("T")

Lookup = Callable[[str], str | None]
"""From a relative name to a text, or None where there is none."""


Labels = Callable[[str], tuple[str, ...] | None]
"""From a relative name to the clip's class in each family, as FAMILY=NAME, or None where one is missing."""

Note = Callable[[str], None]
"""Is called with a line that a user should read."""

FAMILY = "class"
"""The family of classes that nothing gives a name to."""

_DEEPEST_TABLE = 2

TABLE_HEADERS = ("file", "clip", "name", "path")
"""Names of the first column of a table, in lower case, by which its first row is known as a header."""


def labeller(folder: str, data: DataConfig, names: Sequence[str], note: Note) -> Labels:
    """Finds classes: the first folder of a name, the groups of a pattern found in it, or entries of a table.

    Args:
      folder: the data folder, which holds the table.
      data: says which of them.
      names: of all files of the folder.
      note: see ``Note``.

    Raises:
      ValueError: the expression or the table cannot be read, or no row of the table fits a file.
    """
    if data.label_from == "folder":
        return lambda name: (f"{FAMILY}={show(name.split('/')[0])}",) if "/" in name else None
    if data.label_from == "pattern":
        return _by_pattern(str(data.label_pattern))
    if data.label_from == "table":
        return _by_class_table(folder, str(data.label_table), names, note)
    return lambda name: None


def transcriber(folder: str, data: DataConfig, names: Sequence[str], note: Note) -> Lookup:
    """Finds transcripts, in the table of the folder or, where it has none, in those of folders in it; see ``labeller``.

    Raises:
      ValueError: a table cannot be read, or there is none.
    """
    if data.transcript_table is None:
        return lambda name: None
    path = joined(folder, data.transcript_table)
    parts = [] if exists(path) else _folders_with(data.transcript_table, folder, names)
    rows = {
        prefix + name: columns[-1]
        for prefix in parts or [""]
        for name, columns in read_table(joined(folder, prefix + data.transcript_table), folder, note).items()
    }
    if names and all(_entry(rows, name) is None for name in names):
        note(_no_row_fits("transcript_table", path, rows, names))
    return lambda name: _entry(rows, name)


def _folders_with(table: str, folder: str, names: Sequence[str]) -> list[str]:
    """Returns the folders, such as SPEAKER/LANGUAGE/, that files lie in and that have a table; the outermost ones."""
    found: list[str] = []
    for depth in range(1, 1 + _DEEPEST_TABLE):
        for prefix in sorted({"/".join(name.split("/")[:depth]) + "/" for name in names if name.count("/") >= depth}):
            if not prefix.startswith(tuple(found)) and exists(joined(folder, prefix + table)):
                found.append(prefix)
    return found


def _by_pattern(pattern: str) -> Labels:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"label_pattern {pattern!r} is not a regular expression: {error}") from None
    if not expression.groups:
        raise ValueError(f"label_pattern needs a group in round brackets that holds the class, got {pattern!r}")
    groups: dict[str, int] = dict(expression.groupindex) or {FAMILY: 1}

    def labels(name: str) -> tuple[str, ...] | None:
        match = expression.search(name)
        if not match or not all(match[group] for group in groups.values()):
            return None
        return tuple(f"{family}={show(match[group])}" for family, group in groups.items())

    return labels


def _by_class_table(folder: str, table: str, names: Sequence[str], note: Note) -> Labels:
    path = joined(folder, table)
    rows = read_table(path, folder, note)
    header = next(iter(rows), "")
    families = rows.pop(header) if header.lower() in TABLE_HEADERS else [FAMILY]
    if names and all(_entry(rows, name) is None for name in names):
        raise ValueError(_no_row_fits("label_table", path, rows, names))

    def labels(name: str) -> tuple[str, ...] | None:
        columns = _entry(rows, name)
        if columns is None:
            return None
        if families == [FAMILY]:
            columns = columns[-1:]
        if len(columns) < len(families) or not all(columns):
            return None
        return tuple(f"{family}={value}" for family, value in zip(families, columns, strict=False))

    return labels


def _no_row_fits(field: str, path: str, rows: Mapping[str, object], names: Sequence[str]) -> str:
    first = next(iter(rows), None)
    row = "it has no rows" if first is None else f"its first row is of {show(first)!r}"
    return f"{field}: no row of {show(path)} fits a file; {row}, the first file is {show(min(names))!r}"


def _entry(rows: Mapping[str, T], name: str) -> T | None:
    """The row of a file, which may be named in full or in short."""
    stem = os.path.splitext(name)[0]
    for key in (name, stem, os.path.basename(name), os.path.basename(stem)):
        if key in rows:
            return rows[key]
    return None


def read_table(path: str, folder: str, note: Note) -> dict[str, list[str]]:
    """Reads a text file of columns separated by tabs, or by | where it has no tabs: the others by the first.

    The first column names a file: relative to its folder or on its own, with or without its extension.

    Raises:
      ValueError: it cannot be read as such a table, or says two things of one file.
    """
    lines = _read_text(path, note).splitlines()
    separator = "\t" if any("\t" in line for line in lines) else "|"
    rows: dict[str, list[str]] = {}
    for number, line in enumerate(lines, 1):
        first, *others = (column.strip() for column in line.split(separator))
        if others:
            if rows.setdefault(first, others) != others:
                raise ValueError(
                    f"table {show(path)}, line {number}: a second row of {show(first)!r}, {separator.join(others)!r} "
                    f"after {separator.join(rows[first])!r}; keep one of them"
                )
        elif line.strip():
            raise ValueError(
                f"table {show(path)}, line {number}: columns separated by tabs or | were expected, got none"
            )
    for first, others in list(rows.items()):
        for name in spellings(first, folder):
            rows.setdefault(name, others)
    return rows


def _read_text(path: str, note: Note) -> str:
    try:
        content = read_bytes(path)
    except OSError as error:
        raise ValueError(f"table {show(path)} cannot be read: {error.strerror or error}; check its name") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        note(f"table {show(path)} is not UTF-8; it is read as Latin-1")
        return content.decode("cp1252", "backslashreplace")
