"""The parts of a config dataclass: options with bounds, their check, and conversion to and from JSON."""

import dataclasses
import json
import math
import types
import typing
from collections.abc import Collection, Iterator
from typing import Any, TypeVar

C = TypeVar("C")


def option(
    default: Any,
    help: str,
    *,
    choices: Collection[str] | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    path: bool = False,
    recorded: bool = False,
) -> Any:
    """Declares a dataclass field with its default, its help text and the values it accepts.

    Bounds hold for every element of a tuple. ``None`` is accepted where the field's type says so. ``path`` marks the
    names of files and folders of this machine, ``recorded`` what a run finds out by itself and keeps: no flag.
    """
    bounds = {"at_least": at_least, "at_most": at_most, "above": above, "below": below}
    return dataclasses.field(
        default=default,
        metadata={
            "help": help,
            "choices": choices,
            "path": path,
            "recorded": recorded,
            "bounds": {name: bound for name, bound in bounds.items() if bound is not None},
        },
    )


def override(kind: type, name: str, otherwise: str) -> Any:
    """Declares a field that replaces one of another dataclass where it is given: ``None``, with its help and bounds.

    Args:
      kind: the other dataclass.
      name: of its field.
      otherwise: what holds without a value, for the help text.
    """
    (field,) = (field for field in dataclasses.fields(kind) if field.name == name)
    text = field.metadata["help"].removesuffix(".")
    return dataclasses.field(default=None, metadata={**field.metadata, "help": f"{text}; none: {otherwise}."})


_HOLDS = {
    "at_least": lambda value, bound: value >= bound,
    "at_most": lambda value, bound: value <= bound,
    "above": lambda value, bound: value > bound,
    "below": lambda value, bound: value < bound,
}


def check(field: dataclasses.Field, value: Any) -> None:
    """Raises ``ValueError``, in one line, when ``value`` is not one that ``field`` accepts."""
    if value is None:
        if type(None) not in typing.get_args(field.type):
            raise ValueError(f"{field.name} needs a value, got none")
        return
    if isinstance(value, str) and typing.get_origin(base_type(field)) is tuple:
        raise ValueError(f"{field.name} must be a tuple, got the text {value!r}; write ({value!r},)")
    choices = field.metadata.get("choices")
    for element in value if isinstance(value, tuple) else (value,):
        if choices is not None and element not in choices:
            raise ValueError(f"{field.name} must be one of {', '.join(choices)}, got {element!r}")
        if isinstance(element, float) and not math.isfinite(element):
            raise ValueError(f"{field.name} must be a finite number, got {element}")
        for name, bound in field.metadata.get("bounds", {}).items():
            if not _HOLDS[name](element, bound):
                raise ValueError(f"{field.name} must be {name.replace('_', ' ')} {bound}, got {element}")


class Checked:
    """Base of dataclasses that check the bounds of their fields when they are made."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            if "help" in field.metadata:
                check(field, getattr(self, field.name))
        self.check_together()

    def check_together(self) -> None:
        """Raises ``ValueError`` for fields that do not fit each other."""


def field_values(config: Any) -> Iterator[tuple[str, object]]:
    """Yields names and values of all fields of a config dataclass, nested ones included."""
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from field_values(value)
        else:
            yield field.name, value


def to_json(config: Any) -> str:
    """Returns a config dataclass, nested ones included, as indented JSON text."""
    return json.dumps(dataclasses.asdict(config), indent=2) + "\n"


def from_json(kind: type[C], text: str) -> C:
    """Returns the config of class ``kind`` that ``to_json`` wrote.

    Raises:
      ValueError: not JSON, a field that ``kind`` does not have, or a value out of its bounds.
    """
    try:
        tree = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"not valid JSON: {error}") from None
    return _from_tree(kind, tree)


def _from_tree(kind: Any, tree: Any) -> Any:
    if not isinstance(tree, dict):
        raise ValueError(f"{kind.__name__} must be a JSON object, got {tree!r}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = sorted(set(tree) - set(fields))
    if unknown:
        raise ValueError(f"{kind.__name__} has no field {unknown[0]!r}; it was written by another version")
    return kind(**{name: _from_value(fields[name], value) for name, value in tree.items()})


def _from_value(field: dataclasses.Field, value: Any) -> Any:
    if dataclasses.is_dataclass(field.type):
        return _from_tree(field.type, value)
    if value is None:
        return None
    kind = base_type(field)
    if typing.get_origin(kind) is tuple:
        element = typing.get_args(kind)[0]
        if isinstance(value, list) and all(_is_a(item, element) for item in value):
            return tuple(value)
    elif _is_a(value, kind):
        return kind(value)
    raise ValueError(f"{field.name} must be of type {getattr(kind, '__name__', kind)}, got {value!r}")


def _is_a(value: Any, kind: type) -> bool:
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    return isinstance(value, (int, float) if kind is float else kind)


def base_type(field: dataclasses.Field) -> Any:
    """Returns the field's type without its ``| None``."""
    if isinstance(field.type, types.UnionType):
        (kind,) = (kind for kind in typing.get_args(field.type) if kind is not type(None))
        return kind
    return field.type
