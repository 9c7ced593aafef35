"""A config as the text of a flagfile, which the programs read back to an equal config."""

import dataclasses
from collections.abc import Iterator
from typing import Any


def to_flagfile(config: Any) -> str:
    """Writes a config dataclass, nested ones included, as lines of the form ``--name=value``.

    What a run records by itself is left out, so that the file begins another run as well.

    Raises:
      ValueError: a text that a line of a flagfile cannot hold; the message names the field.
    """
    lines = []
    for field, value in _leaves(config):
        if field.type == tuple[str, ...]:
            lines += [f"--{field.name}={_checked(field.name, element)}" for element in value]
        elif value is None:
            lines.append(f"--{field.name}=")
        elif isinstance(value, bool):
            lines.append(f"--{field.name}={str(value).lower()}")
        elif isinstance(value, tuple):
            lines.append(f"--{field.name}={','.join(map(str, value))}")
        else:
            lines.append(f"--{field.name}={_checked(field.name, str(value))}")
    return "".join(f"{line}\n" for line in lines)


def _leaves(config: Any) -> Iterator[tuple[dataclasses.Field, Any]]:
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value)
        elif not field.metadata["recorded"]:
            yield field, value


def _checked(name: str, text: str) -> str:
    problem = None
    if not text:
        problem = "is empty"
    elif text != text.strip():
        problem = "begins or ends with a blank"
    elif len(text.splitlines()) != 1:
        problem = "has a line break"
    elif text != text.encode("utf-8", "ignore").decode("utf-8"):
        problem = "is not UTF-8"
    if problem is not None:
        raise ValueError(
            f"{name} {text!r} cannot be kept in run.flags: it {problem}; rename the file or folder it names"
        )
    return text
