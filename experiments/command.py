"""The command ``wavenet``: every program of this package as a subcommand.

    wavenet PROGRAM [--flagfile=FILE] [--FLAG=VALUE ...]

The same programs as ``python -m experiments.PROGRAM``.
"""

import ast
import difflib
import importlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

PROGRAMS = (
    "demo",
    "say",
    "train",
    "sample",
    "evaluate",
    "audit",
    "curve",
    "app",
    "vocode",
    "judge",
    "features",
    "align",
    "train-acoustic",
    "voice",
    "own-voice",
    "export",
    "import-model",
    "classify",
    "listen",
    "bench",
    "bench-train",
    "bench-sample",
    "bench-data",
    "bench-speech",
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs the program that the first argument names with the rest of them."""
    name, *rest = (list(sys.argv[1:]) if arguments is None else list(arguments)) or ["--help"]
    name = name.replace("_", "-")
    if name in PROGRAMS:
        sys.argv = [f"wavenet {name}", *rest]
        module = importlib.import_module(module_of(name))
        from experiments.support import flags

        flags.run(module.main, sys.argv)
    sys.exit(_without_program(name))


def overview() -> str:
    """Returns the list of all programs, with a line about each."""
    width = max(map(len, PROGRAMS)) + 2
    lines = [f"  {name:{width}}{_first_line(name)}" for name in PROGRAMS]
    usage = "usage: wavenet PROGRAM [--flagfile=FILE] [--FLAG=VALUE ...]"
    more = "wavenet PROGRAM --help lists the flags of a program; wavenet --version says which version this is."
    return "\n".join([usage, "", *lines, "", more])


def _without_program(name: str) -> int:
    """Handles --help, --version and names that are not programs; returns the exit code."""
    from experiments.support import console

    with console.speaking():
        if name in ("--help", "-h", "help"):
            console.output(overview())
            return console.finished(0)
        if name in ("--version", "version"):
            from wavenet_jax.versions import version

            console.output(f"wavenet {version()}")
            return console.finished(0)
        near = difflib.get_close_matches(name, PROGRAMS, n=1)
        hint = f"did you mean {near[0]}?" if near else "wavenet --help lists all programs"
        console.say(f"error: there is no program {name!r}; {hint}")
        return console.finished(1)


def module_of(name: str) -> str:
    """Returns the name of the module of a program."""
    return "experiments.app.__main__" if name == "app" else f"experiments.{name.replace('-', '_')}"


def _first_line(name: str) -> str:
    """Returns the first line of a program's docstring, read without importing it."""
    spec = importlib.util.find_spec(module_of(name))
    assert spec is not None
    assert spec.origin is not None
    text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return text.splitlines()[0]


if __name__ == "__main__":
    main()
