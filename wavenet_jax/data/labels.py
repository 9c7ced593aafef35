"""What is known of a file besides its sound: its class and its transcript, by its relative name."""

import os
import re
from collections.abc import Callable

from wavenet_jax.audio.files import show
from wavenet_jax.config import DataConfig

Lookup = Callable[[str], str | None]
"""From a relative name to a text, or None where there is none."""


def labeller(folder: str, data: DataConfig) -> Lookup:
    """The class of a file: the first folder of its name, a group of a pattern found in its name, or a table's entry.

    Raises:
      ValueError: the expression or the table cannot be read.
    """
    if data.label_from == "folder":
        return lambda name: show(name.split("/")[0]) if "/" in name else None
    if data.label_from == "pattern":
        return _by_pattern(str(data.label_pattern))
    if data.label_from == "table":
        return _by_table(folder, str(data.label_table))
    return lambda name: None


def transcriber(folder: str, data: DataConfig) -> Lookup:
    """The transcript of a file.

    Raises:
      ValueError: the table cannot be read.
    """
    if data.transcript_table is None:
        return lambda name: None
    return _by_table(folder, data.transcript_table)


def _by_pattern(pattern: str) -> Lookup:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"label_pattern {pattern!r} is no regular expression: {error}") from None
    if not expression.groups:
        raise ValueError(f"label_pattern needs a group in round brackets that holds the class, got {pattern!r}")

    def label(name: str) -> str | None:
        match = expression.search(name)
        return show(match[1]) if match and match[1] else None

    return label


def _by_table(folder: str, table: str) -> Lookup:
    rows = read_table(os.path.join(folder, table))

    def text(name: str) -> str | None:
        stem = os.path.splitext(name)[0]
        for key in (name, stem, os.path.basename(name), os.path.basename(stem)):
            if key in rows:
                return rows[key]
        return None

    return text


def read_table(path: str) -> dict[str, str]:
    """First and last column of a text file of columns separated by tabs, or by | where it has no tabs.

    The first column names a file: relative to its folder or on its own, with or without its extension.

    Raises:
      ValueError: it cannot be read as such a table.
    """
    try:
        with open(path, encoding="utf-8-sig", errors="backslashreplace", newline=None) as file:
            lines = file.read().splitlines()
    except OSError as error:
        raise ValueError(f"table {show(path)} cannot be read: {error.strerror}; check its name") from None
    separator = "\t" if any("\t" in line for line in lines) else "|"
    rows = {}
    for number, line in enumerate(lines, 1):
        columns = line.split(separator)
        if len(columns) > 1:
            rows[columns[0].strip()] = columns[-1].strip()
        elif line.strip():
            raise ValueError(
                f"table {show(path)}, line {number}: columns separated by tabs or | were expected, got none"
            )
    return rows
