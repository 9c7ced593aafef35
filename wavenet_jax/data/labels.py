"""What is known of a file besides its sound: its class and its transcript, by its relative name."""

import os
import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from wavenet_jax.audio.files import show
from wavenet_jax.config import DataConfig

T = TypeVar("T")

Lookup = Callable[[str], str | None]
"""From a relative name to a text, or None where there is none."""


Labels = Callable[[str], tuple[str, ...] | None]
"""From a relative name to the clip's class in each family, as FAMILY=NAME, or None where one is missing."""

FAMILY = "class"
"""The family of classes that nothing gives a name to."""

_HEADERS = ("file", "clip", "name", "path")


def labeller(folder: str, data: DataConfig) -> Labels:
    """The classes of a file: the first folder of its name, the groups of a pattern found in it, or entries of a table.

    Raises:
      ValueError: the expression or the table cannot be read.
    """
    if data.label_from == "folder":
        return lambda name: (f"{FAMILY}={show(name.split('/')[0])}",) if "/" in name else None
    if data.label_from == "pattern":
        return _by_pattern(str(data.label_pattern))
    if data.label_from == "table":
        return _by_class_table(folder, str(data.label_table))
    return lambda name: None


def transcriber(folder: str, data: DataConfig) -> Lookup:
    """The transcript of a file.

    Raises:
      ValueError: the table cannot be read.
    """
    if data.transcript_table is None:
        return lambda name: None
    return _by_table(folder, data.transcript_table)


def _by_pattern(pattern: str) -> Labels:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"label_pattern {pattern!r} is no regular expression: {error}") from None
    if not expression.groups:
        raise ValueError(f"label_pattern needs a group in round brackets that holds the class, got {pattern!r}")
    groups: dict[str, int] = dict(expression.groupindex) or {FAMILY: 1}

    def labels(name: str) -> tuple[str, ...] | None:
        match = expression.search(name)
        if not match or not all(match[group] for group in groups.values()):
            return None
        return tuple(f"{family}={show(match[group])}" for family, group in groups.items())

    return labels


def _by_class_table(folder: str, table: str) -> Labels:
    rows = _read_columns(os.path.join(folder, table))
    header = next(iter(rows), "")
    families = rows.pop(header) if header.lower() in _HEADERS else None

    def labels(name: str) -> tuple[str, ...] | None:
        columns = _entry(rows, name)
        if columns is None:
            return None
        if families is None:
            return (f"{FAMILY}={columns[-1]}",)
        if len(columns) < len(families) or not all(columns):
            return None
        return tuple(f"{family}={value}" for family, value in zip(families, columns, strict=False))

    return labels


def _by_table(folder: str, table: str) -> Lookup:
    rows = read_table(os.path.join(folder, table))
    return lambda name: _entry(rows, name)


def _entry(rows: Mapping[str, T], name: str) -> T | None:
    """The row of a file, which may be named in full or in short."""
    stem = os.path.splitext(name)[0]
    for key in (name, stem, os.path.basename(name), os.path.basename(stem)):
        if key in rows:
            return rows[key]
    return None


def read_table(path: str) -> dict[str, str]:
    """First and last column of a text file of columns separated by tabs, or by | where it has no tabs.

    The first column names a file: relative to its folder or on its own, with or without its extension.

    Raises:
      ValueError: it cannot be read as such a table.
    """
    return {name: columns[-1] for name, columns in _read_columns(path).items()}


def _read_columns(path: str) -> dict[str, list[str]]:
    """The columns behind the first, by the first."""
    try:
        with open(path, encoding="utf-8-sig", errors="backslashreplace", newline=None) as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise ValueError(f"table {show(path)} cannot be read: {error.strerror}; check its name") from None
    separator = "\t" if any("\t" in line for line in lines) else "|"
    rows = {}
    for number, line in enumerate(lines, 1):
        first, *others = (column.strip() for column in line.split(separator))
        if others:
            rows[first] = others
        elif line.strip():
            raise ValueError(
                f"table {show(path)}, line {number}: columns separated by tabs or | were expected, got none"
            )
    return rows
