"""Command-line flags generated from config dataclasses, and the entry point of every program.

A program is a ``main`` that takes config dataclasses; ``run(main)`` makes a flag of each of their fields::

    def main(config: RunConfig, options: Options) -> None: ...

    if __name__ == "__main__":
        flags.run(main)

Bad input ends with one line on standard error and exit code 1: a flag that cannot be read, and any ``ValueError`` or
``OSError`` of ``main``; so does too little memory. Every other exception is a bug and keeps its traceback.
"""

import contextlib
import dataclasses
import difflib
import itertools
import os
import re
import signal
import sys
import textwrap
import threading
import typing
from collections.abc import Callable, Iterator, Sequence, Set
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple, NoReturn

from absl import flags

from experiments.support import console
from experiments.support.early import INTERRUPTED, leave_to_the_system
from experiments.support.presets import find_flagfile
from wavenet_jax.audio.files import show
from wavenet_jax.config import base_type, check

_NUMBERS = {int: "a whole number", float: "a number"}
_BOUND_WORDS = {"at_least": ">=", "at_most": "<=", "above": ">", "below": "<"}
_REMEDY_WORDS = "another|give|lower|raise|change|leave out|set|new|widen"
_SAVES_MEMORY = {
    "batch_size": "lower --batch_size",
    "microbatches": "raise --microbatches, which divide a batch",
    "rematerialize": "give --rematerialize, which computes activations again instead of keeping them",
    "num_samples": "lower --num_samples",
    "clips": "lower --clips",
}
"""Remedies where memory runs out, by the flag that a program has."""

_OUT_OF_MEMORY = re.compile("RESOURCE_EXHAUSTED|Out of memory")
"""XLA's words for too little memory: a status of its own, or part of an internal error of asynchronous work."""

COMMAND = "wavenet"
"""Name of the command that ``pip install`` brings."""


def run(main: Callable[..., int | None], argv: Sequence[str] | None = None) -> NoReturn:
    """Calls ``main`` with its dataclasses read from ``argv``, and exits; every program ends here.

    Exit codes: what ``main`` returns (0 for None); 1 for bad input, for too little memory, and where standard output
    did not get the result; 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
    """
    argv = sys.argv if argv is None else argv
    with console.speaking(), _interruptible() as interrupted:
        try:
            code = _help(main, argv[0]) if "--help" in argv or "-h" in argv else main(*read(config_classes(main), argv))
        except KeyboardInterrupt as error:
            code = _interrupted(error, interrupted())
        except Exception as error:
            # Libraries turn Ctrl-C into errors of their own.
            code = _interrupted(error, interrupted()) if interrupted() else _explain(error, _flag_names(main))
        code = console.finished(code)
    sys.exit(code)


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], int]]:
    """Has Ctrl-C, SIGTERM and SIGHUP raise ``KeyboardInterrupt``, so that everything is put in order on the way out.

    The function returns the number of the signal that came, or 0. A second SIGTERM ends the program at once; a signal
    that was ignored before, as by nohup, stays ignored.
    """
    came: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        came.append(number)
        if number != signal.SIGINT:
            leave_to_the_system(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    numbers = [number for number in numbers if number == signal.SIGINT or signal.getsignal(number) != signal.SIG_IGN]
    before = [signal.signal(number, interrupt) for number in numbers]
    try:
        yield lambda: came[-1] if came else 0
    finally:
        for number, handler in zip(numbers, before, strict=True):
            if handler is not None:  # one that was not set from Python cannot be put back
                signal.signal(number, handler)


def _interrupted(error: BaseException, number: int) -> int:
    console.say(_with_notes("interrupted", error))
    return 128 + number if number else INTERRUPTED


def _explain(error: Exception, names: Set[str]) -> int:
    """Reports in one line what went wrong; an error that is a bug of ours keeps its traceback."""
    if isinstance(error, BrokenPipeError):  # the reader of standard output is gone
        console.lose_output()
        return 1
    if _is_out_of_memory(error):
        remedies = [text for name, text in _SAVES_MEMORY.items() if name in names]
        remedy = ", or ".join(remedies) or "close other programs, or use a larger machine"
        return _fail(_with_notes(f"out of memory; {remedy}", error))
    if isinstance(error, OSError | ValueError):
        return _fail(_with_notes(_with_dashes(console.reason(error), names), error))
    raise error


def _with_notes(message: str, error: BaseException) -> str:
    """Returns a message with the notes of its error, such as that the run was saved."""
    return "; ".join([message, *getattr(error, "__notes__", [])])


def _is_out_of_memory(error: Exception) -> bool:
    # By its name: this module does not import jax.
    of_jax = type(error).__name__ in ("JaxRuntimeError", "XlaRuntimeError")
    return isinstance(error, MemoryError) or (of_jax and bool(_OUT_OF_MEMORY.search(str(error))))


def _with_dashes(message: str, names: Set[str]) -> str:
    """Rewrites field names in a message of the library as flags, where the program has such flags.

    A field is recognised as the first word, by an underscore, or as the object of a remedy (give, lower, change, ...).
    """
    flag = "|".join(sorted(map(re.escape, names), key=len, reverse=True))
    if not flag:
        return message
    message = re.sub(rf"^({flag})(?=[ =,])", r"--\1", message)
    message = re.sub(rf"\b({_REMEDY_WORDS}) ({flag})(?=$|[ =;,.:])", r"\1 --\2", message)
    message = re.sub(rf"\bleave ({flag}) out\b", r"leave --\1 out", message)
    return re.sub(rf"(?<![\w/.'\"-])(?=\w*_)({flag})(?![\w/.'\"-]\w)", r"--\1", message)


def _flag_names(main: Callable[..., int | None]) -> set[str]:
    return {field.name for kind in config_classes(main) for field in _leaves(kind)}


def config_classes(main: Callable[..., int | None]) -> list[type]:
    """Returns the dataclasses that ``main`` takes, in order."""
    hints = typing.get_type_hints(main)
    hints.pop("return", None)
    return list(hints.values())


def read(kinds: Sequence[type], argv: Sequence[str]) -> list[Any]:
    """Reads an instance of each dataclass of ``kinds``, nested ones included, from ``argv`` (program name first).

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
    repeatable = {field.name for kind in kinds for field in _leaves(kind) if field.type == tuple[str, ...]}
    try:
        stray = values([argv[0], *_expanded(argv[1:], repeatable)])[1:]
    except flags.UnrecognizedFlagError as error:
        near = difflib.get_close_matches(error.flagname, list(values), n=1)
        hint = f"did you mean --{near[0]}=VALUE?" if near else "--help lists all flags"
        raise ValueError(f"unknown flag '--{error.flagname}'; {hint}") from None
    except flags.IllegalFlagValueError as error:
        flag, of_boolean, _ = str(error).partition(": (")
        raise ValueError(f"{flag}: expected true or false" if of_boolean else flag) from None
    except flags.Error as error:
        raise ValueError(str(error).removeprefix("ERROR:: ")) from None
    if stray:
        raise ValueError(
            f"unexpected argument {stray[0]!r}; flags are written --name=value, also in a flagfile"
            + (", which must not begin with a byte order mark" if stray[0].startswith("\ufeff") else "")
        )
    return [_build(kind, values) for kind in kinds]


class _Argument(NamedTuple):
    """One argument, and the file that it comes from."""

    text: str
    source: int  # 0 for the command line, else the number of the flagfile, in the order of reading
    depth: int  # flagfiles around it

    @property
    def name(self) -> str:
        return self.text.lstrip("-").partition("=")[0] if self.text.startswith("-") else ""


def _expanded(arguments: Sequence[str], repeatable: Set[str]) -> list[str]:
    """Replaces flagfiles among the arguments by their lines.

    The values of a repeatable flag all come from one place: the command line overrides flagfiles, a flagfile overrides
    those that it includes, and of two at the same depth the later overrides the earlier.

    Raises:
      ValueError: a flagfile cannot be found or read, or includes itself.
    """
    sources = itertools.count(1)

    def expand(lines: Sequence[str], source: int, including: tuple[Path, ...]) -> Iterator[_Argument]:
        waiting = iter(lines)
        for text in waiting:
            name, separator, value = text.partition("=")
            if name not in ("--flagfile", "-flagfile"):
                yield _Argument(text, source, len(including))
                continue
            value = value if separator else next(waiting, "")
            if not value:
                raise ValueError("--flagfile needs a file, got none")
            path = find_flagfile(value, including[-1].parent if including else None)
            if path in including:
                raise ValueError(f"flagfile {show(str(path))} includes itself")
            yield from expand(_read_lines(path), next(sources), (*including, path))

    found = list(expand(arguments, 0, ()))
    speaks: dict[str, _Argument] = {}  # for each repeatable flag, from where its values are taken
    for argument in found:
        if argument.name in repeatable:
            before = speaks.get(argument.name, argument)
            speaks[argument.name] = argument if argument.depth <= before.depth else before
    return [a.text for a in found if a.name not in speaks or a.source == speaks[a.name].source]


def _read_lines(path: Path) -> list[str]:
    """Reads the arguments of a flagfile: lines that are neither empty nor comments."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"flagfile {show(str(path))} is not UTF-8 text: {error}") from None
    return [line for line in map(str.strip, lines) if line and not line.startswith(("#", "//"))]


def help_text(main: Callable[..., int | None], program: str = "") -> str:
    """Returns what ``--help`` prints: the program's docstring, then its flags by dataclass.

    ``program`` is the way it was started: ``wavenet train``, or the path of its module.
    """
    module = sys.modules[main.__module__]
    name = module.__spec__.name if module.__spec__ else module.__name__
    started = program if program.startswith(f"{COMMAND} ") else f"python -m {name.removesuffix('.__main__')}"
    lines = [f"usage: {started} [--flagfile=FILE] [--FLAG=VALUE ...]", "", (module.__doc__ or "").strip()]
    for kind in config_classes(main):
        for group in groups(kind):
            lines += ["", (group.__doc__ or group.__name__).splitlines()[0]]
            for field in options(group):
                left, text = described(field)
                lines += [f"  {left}", *textwrap.wrap(text, 110, initial_indent=" " * 6, subsequent_indent=" " * 6)]
    return "\n".join(lines)


def _help(main: Callable[..., int | None], program: str) -> int:
    console.output(help_text(main, program))
    return 0


def _fail(message: str) -> int:
    console.say(f"error: {' '.join(message.split())}")
    return 1


def groups(kind: Any) -> Iterator[Any]:
    """Yields the dataclasses that hold the options of ``kind``: itself, then its nested ones."""
    if any(not dataclasses.is_dataclass(field.type) for field in dataclasses.fields(kind)):
        yield kind
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.type):
            yield from groups(field.type)


def options(group: Any) -> list[dataclasses.Field]:
    """Returns the fields of a dataclass that are flags, without those of nested ones."""
    return [
        field
        for field in dataclasses.fields(group)
        if not dataclasses.is_dataclass(field.type) and not field.metadata["recorded"]
    ]


def _leaves(kind: Any) -> Iterator[dataclasses.Field]:
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.type):
            yield from _leaves(field.type)
        elif not field.metadata["recorded"]:
            yield field


def _build(kind: Any, values: flags.FlagValues) -> Any:
    arguments = {}
    for field in dataclasses.fields(kind):
        if dataclasses.is_dataclass(field.type):
            arguments[field.name] = _build(field.type, values)
            continue
        if field.metadata["recorded"]:
            continue
        given = values[field.name].value
        if given is not None:
            arguments[field.name] = _value(field, given)
        elif _required(field):
            raise ValueError(f"--{field.name} is required: {field.metadata['help']}")
    return kind(**arguments)


def _value(field: dataclasses.Field, given: Any) -> Any:
    """Parses a field's value from the text (or truth value, or list of texts) that absl read."""
    if field.type == tuple[str, ...]:
        value: Any = tuple(_text(field, text) for text in given)
        if "" in value:
            raise ValueError(f"{field.name} needs a value, got an empty one")
    elif field.type is bool:
        value = given
    elif typing.get_origin(base_type(field)) is tuple:
        element = typing.get_args(base_type(field))[0]
        value = tuple(_scalar(field, element, text) for text in given.split(",")) if given else ()
    else:
        value = _scalar(field, base_type(field), given) if given else None
        value = _text(field, value) if isinstance(value, str) else value
    check(field, value)
    return value


def _text(field: dataclasses.Field, text: str) -> str:
    """Returns a string's value, with ``~`` expanded in paths, which shells do not do after ``--flag=``."""
    if not field.metadata.get("path") or not text.startswith("~"):
        return text
    path = os.path.expanduser(text)
    if path == text and text.partition("/")[0] == "~":
        raise ValueError(f"{field.name} {text} names the home folder, and there is none; write the whole path")
    return path


def _scalar(field: dataclasses.Field, kind: type, text: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"{field.name} must be {_NUMBERS[kind]}, got {text!r}") from None


def _required(field: dataclasses.Field) -> bool:
    return field.default is None and base_type(field) is field.type


def described(field: dataclasses.Field) -> tuple[str, str]:
    """Returns a flag with its default, as ``--name=default``, and what is said about it, bounds included."""
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
    return left, text


def _default_text(default: Any) -> str:
    return ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
