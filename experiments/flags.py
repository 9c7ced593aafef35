"""Command-line flags made from config dataclasses, and the one entry point of every program.

A program is a ``main`` that takes config dataclasses; ``run(main)`` makes a flag of each of their fields::

    def main(config: RunConfig, options: Options) -> None: ...

    if __name__ == "__main__":
        flags.run(main)

Bad input ends with one line on standard error and exit code 1: a flag that cannot be read, and any
``ValueError`` or ``OSError`` of ``main``. Every other exception is a bug and keeps its traceback.
"""

import dataclasses
import difflib
import os
import sys
import textwrap
import typing
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NoReturn

from absl import flags

from wavenet_jax.config import base_type, check

_NUMBERS = {int: "a whole number", float: "a number"}
_BOUND_WORDS = {"at_least": ">=", "at_most": "<=", "above": ">", "below": "<"}


def run(main: Callable[..., int | None], argv: Sequence[str] | None = None) -> NoReturn:
    """Calls ``main`` with its dataclasses read from ``argv``, and exits.

    Exit codes: what ``main`` returns (0 for None); 1 for bad input; 130 after Ctrl-C.
    """
    argv = sys.argv if argv is None else argv
    kinds = config_classes(main)
    try:
        code = _help(main) if "--help" in argv or "-h" in argv else main(*read(kinds, argv))
        sys.stdout.flush()
        sys.exit(code)
    except BrokenPipeError:  # who reads standard output has seen enough; Python would flush it again at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        what = error.strerror or str(error)
        _fail(what if error.filename is None else f"{what}: {error.filename}")
    except ValueError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def config_classes(main: Callable[..., int | None]) -> list[type]:
    """The dataclasses that ``main`` takes, in order."""
    hints = typing.get_type_hints(main)
    hints.pop("return", None)
    return list(hints.values())


def read(kinds: Sequence[type], argv: Sequence[str]) -> list[Any]:
    """An instance of each dataclass of ``kinds``, nested ones included, from ``argv`` (program name first).

    Later flags win; ``--flagfile=FILE`` stands for the lines of FILE; a flag that is not given keeps the default
    of its field. An empty value means none.

    Raises:
      ValueError: in one line, for an unknown flag, a value that its field does not accept, an argument that is
        not a flag, or a flagfile that cannot be read.
    """
    values = flags.FlagValues()
    for kind in kinds:
        for field in _leaves(kind):
            if field.type is bool:
                flags.DEFINE_bool(field.name, None, "", flag_values=values)
            elif field.type == tuple[str, ...]:
                flags.DEFINE_multi_string(field.name, None, "", flag_values=values)
            else:
                flags.DEFINE_string(field.name, None, "", flag_values=values)
    try:
        stray = values(list(argv))[1:]
    except flags.UnrecognizedFlagError as error:
        near = difflib.get_close_matches(error.flagname, list(values), n=1)
        hint = f"did you mean --{near[0]}=VALUE?" if near else "--help lists all flags"
        raise ValueError(f"unknown flag '--{error.flagname}'; {hint}") from None
    except flags.IllegalFlagValueError as error:
        flag, of_boolean, _ = str(error).partition(": (")
        raise ValueError(f"{flag}: expected true or false" if of_boolean else flag) from None
    except flags.Error as error:
        raise ValueError(str(error).removeprefix("ERROR:: ")) from None
    except UnicodeDecodeError as error:
        raise ValueError(f"flagfile is not UTF-8 text: {error}") from None
    if stray:
        raise ValueError(
            f"unexpected argument {stray[0]!r}; flags are written --name=value, also in a flagfile"
            + (", which must not begin with a byte order mark" if stray[0].startswith("\ufeff") else "")
        )
    return [_build(kind, values) for kind in kinds]


def flag_lines(config: Any) -> str:
    """A config dataclass, nested ones included, as the text of a flagfile that reads back to an equal one.

    Raises:
      ValueError: a string that a line of a flagfile cannot hold.
    """
    lines = []
    for field, value in _leaf_values(config):
        if field.type == tuple[str, ...]:
            lines += [f"--{field.name}={_line_text(field.name, element)}" for element in value]
        elif value is None:
            lines.append(f"--{field.name}=")
        elif isinstance(value, bool):
            lines.append(f"--{field.name}={str(value).lower()}")
        elif isinstance(value, tuple):
            lines.append(f"--{field.name}={','.join(map(str, value))}")
        else:
            lines.append(f"--{field.name}={_line_text(field.name, str(value))}")
    return "".join(f"{line}\n" for line in lines)


def help_text(main: Callable[..., int | None]) -> str:
    """What ``--help`` prints: the program's docstring, then its flags by dataclass."""
    module = sys.modules[main.__module__]
    name = module.__spec__.name if module.__spec__ else module.__name__
    lines = [f"usage: python -m {name} [--flagfile=FILE] [--FLAG=VALUE ...]", "", (module.__doc__ or "").strip()]
    for kind in config_classes(main):
        for group in _groups(kind):
            lines += ["", (group.__doc__ or group.__name__).splitlines()[0]]
            for field in dataclasses.fields(group):
                if not dataclasses.is_dataclass(field.type):
                    lines += _help_lines(field)
    return "\n".join(lines)


def _help(main: Callable[..., int | None]) -> int:
    print(help_text(main))
    return 0


def _fail(message: str) -> NoReturn:
    print("error:", " ".join(message.split()), file=sys.stderr)
    sys.exit(1)


def _groups(kind: Any) -> Iterator[Any]:
    """The dataclasses that hold the options of ``kind``: itself, then its nested ones."""
    if any(not dataclasses.is_dataclass(field.type) for field in dataclasses.fields(kind)):
        yield kind
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.type):
            yield from _groups(field.type)


def _leaves(kind: Any) -> Iterator[dataclasses.Field]:
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.type):
            yield from _leaves(field.type)
        else:
            yield field


def _leaf_values(config: Any) -> Iterator[tuple[dataclasses.Field, Any]]:
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(field.type):
            yield from _leaf_values(value)
        else:
            yield field, value


def _build(kind: Any, values: flags.FlagValues) -> Any:
    arguments = {}
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.type):
            arguments[field.name] = _build(field.type, values)
            continue
        given = values[field.name].value
        if given is not None:
            arguments[field.name] = _value(field, given)
        elif _required(field):
            raise ValueError(f"--{field.name} is required: {field.metadata['help']}")
    return kind(**arguments)


def _value(field: dataclasses.Field, given: Any) -> Any:
    """The value of a field from the text (or truth value, or list of texts) that absl read."""
    if field.type == tuple[str, ...]:
        value: Any = tuple(given)
        if "" in value:
            raise ValueError(f"{field.name} needs a value, got an empty one")
    elif field.type is bool:
        value = given
    elif typing.get_origin(base_type(field)) is tuple:
        element = typing.get_args(base_type(field))[0]
        value = tuple(_scalar(field, element, text) for text in given.split(",")) if given else ()
    else:
        value = _scalar(field, base_type(field), given) if given else None
    check(field, value)
    return value


def _scalar(field: dataclasses.Field, kind: type, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{field.name} must be {_NUMBERS[kind]}, got {text!r}") from None


def _required(field: dataclasses.Field) -> bool:
    return field.default is None and base_type(field) is field.type


def _line_text(name: str, text: str) -> str:
    if text != text.strip() or len(text.splitlines()) != 1 or text != text.encode("utf-8", "ignore").decode("utf-8"):
        raise ValueError(
            f"{name} {text!r} cannot be kept in a flagfile: it is empty, not UTF-8, has line breaks or ends in blanks"
        )
    return text


def _help_lines(field: dataclasses.Field) -> list[str]:
    metadata = field.metadata
    if field.type is bool:
        left = f"--[no]{field.name}"
    else:
        left = f"--{field.name}={'' if field.default is None else _default_text(field.default)}"
    notes = [f"{_BOUND_WORDS[name]} {bound}" for name, bound in metadata["bounds"].items()]
    if metadata["choices"]:
        notes.append(" | ".join(metadata["choices"]))
    if field.type is bool:
        notes.append(f"default {str(field.default).lower()}")
    if field.type == tuple[str, ...]:
        notes.append("may be repeated")
    if _required(field):
        notes.append("required")
    text = metadata["help"] + (f" ({', '.join(notes)})" if notes else "")
    return [f"  {left}", *textwrap.wrap(text, 110, initial_indent=" " * 6, subsequent_indent=" " * 6)]


def _default_text(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
