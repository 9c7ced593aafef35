"""All output of the programs to the terminal.

A message never ends a run: a terminal that is gone, a pipe without a reader, a full disk under a log or a closed stream
lose the message and nothing else. The exception is a program's result on standard output: where it cannot be delivered,
the program finishes its work and ends with exit code 1.
"""

import contextlib
import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TextIO, TypeVar, cast

from wavenet_jax.runs.records import finite

T = TypeVar("T")

_TROUBLE = (OSError, ValueError)  # ValueError: the stream has been closed


class _Forgiving:
    """A text stream that keeps its failures to itself."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with contextlib.suppress(*_TROUBLE):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(*_TROUBLE):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Results:
    """True once something meant for standard output did not arrive there."""

    lost = False


@contextlib.contextmanager
def speaking() -> Iterator[None]:
    """Makes standard error forgiving until the end of the block: for everybody who writes there, libraries included.

    Characters that a stream's encoding lacks are replaced on both streams.
    """
    before = sys.stdout, sys.stderr
    _Results.lost = False
    with contextlib.ExitStack() as stack:
        output, errors = (
            stack.enter_context(open(os.devnull, "w", encoding="utf-8")) if stream is None else stream
            for stream in before
        )
        _replace_unencodable(output, "replace")
        _replace_unencodable(errors, "backslashreplace")
        sys.stdout, sys.stderr = output, cast(TextIO, _Forgiving(errors))
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def say(text: str) -> None:
    """Writes a line to standard error."""
    print(text, file=sys.stderr)


def result(values: Mapping[str, Any]) -> None:
    """Prints a result on standard output, as a line of JSON; numbers that are not finite become null."""
    line = json.dumps(finite(values), allow_nan=False)
    if not has_output():
        say(line)
        return
    try:
        print(line, flush=True)
    except OSError as error:
        lose_output()
        if not is_gone(error):
            say(f"standard output: {reason(error)}; the result was: {line}")


def output(text: str) -> None:
    """Prints a text that was asked for on standard output."""
    try:
        print(text, flush=True)
    except OSError as error:
        lose_output()
        if not is_gone(error):
            say(f"standard output: {reason(error)}")


def has_output() -> bool:
    """Returns whether the program was started with an open standard output."""
    return sys.__stdout__ is not None


def lose_output() -> None:
    """Takes note that standard output did not get everything, and sends whatever else is written there nowhere."""
    _Results.lost = True
    _drain(sys.stdout)


def finished(code: int | None) -> int:
    """Returns the exit code of a program whose work ended with ``code``: 1 instead of 0 where a result was lost."""
    try:
        sys.stdout.flush()
    except _TROUBLE:
        lose_output()
    _flush_errors()
    return (code or 0) or int(_Results.lost)


def is_gone(error: OSError) -> bool:
    """Returns true where the reader of a pipe, or the terminal, is gone, so that nobody misses anything."""
    return isinstance(error, ConnectionError) or error.errno == errno.EIO


def reason(error: BaseException) -> str:
    """Returns an error as one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror if error.filename is None else f"{error.strerror}: {error.filename}"
    text = " ".join(str(error).split())
    if isinstance(error, ValueError | OSError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class Channels:
    """Ways of reporting; one that fails is named and dropped, and the work continues."""

    def __init__(self) -> None:
        self._dropped: set[str] = set()

    def attempt(self, name: str, action: Callable[[], T]) -> T | None:
        """Returns what ``action`` returns; None where the channel has failed, now or before."""
        if name in self._dropped:
            return None
        try:
            return action()
        except Exception as error:
            self._dropped.add(name)
            say(f"{name}: {reason(error)}; continuing without it")
            return None


def _replace_unencodable(stream: TextIO, how: str) -> None:
    if hasattr(stream, "reconfigure"):
        with contextlib.suppress(*_TROUBLE):
            stream.reconfigure(errors=how)


def _flush_errors() -> None:
    stream = getattr(sys.stderr, "_stream", sys.stderr)
    try:
        stream.flush()
    except _TROUBLE:
        _drain(stream)


def _drain(stream: TextIO) -> None:
    """Leads a stream to the null device; Python flushes it again at its end, and would take a failure for its own."""
    with contextlib.suppress(*_TROUBLE, AttributeError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)
    with contextlib.suppress(*_TROUBLE):
        stream.flush()
