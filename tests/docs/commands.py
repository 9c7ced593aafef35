"""Commands, links and headings of Markdown pages."""

import re
import shlex
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)")
_BEGINNING = re.compile(
    r"^(?:\w+=\S+ +)*(?P<command>wavenet(?! [\w-]+:)|python -m|make|pytest|pip install)\s+(?P<rest>.*)$", re.DOTALL
)
_LINK = re.compile(r"""\]\((?P<markdown>[^)\s]+)\)|\b(?:src|href)="(?P<html>[^"]+)\"""")
_HEADING = re.compile(r"^#{1,6} +(.*?) *#*$", re.MULTILINE)


class Command(NamedTuple):
    """A command that a page shows."""

    name: str
    """``wavenet``, ``python -m``, ``make``, ``pytest`` or ``pip install``."""
    words: list[str]
    """What follows, up to a pipe, a redirection or, after the flags, a remark."""
    whole: bool
    """It stands in a block of code, so that it should run as it is; in a sentence it may be a part."""


def commands(text: str) -> Iterator[Command]:
    """Yields the commands of a page, from its blocks of code and its sentences."""
    for match in _FENCE.finditer(text):
        if match["language"] in ("", "bash", "sh", "console"):
            for line in _lines(match["code"]):
                yield from _command(line, whole=True)
    for match in _INLINE.finditer(_FENCE.sub("", text)):
        yield from _command(" ".join(match[1].split()).replace("\\|", "|"), whole=False)


def usages(docstring: str) -> Iterator[Command]:
    """Yields the commands in the indented lines of a docstring."""
    indented = re.findall(r"^    .*$", docstring, re.MULTILINE)
    for line in _lines("\n".join(line[4:] for line in indented)):
        yield from _command(line, whole=True)


def _lines(code: str) -> Iterator[str]:
    """Yields the commands of a block, one of several lines as one; numbers before them are left out."""
    line = ""
    for text in code.splitlines():
        if line.endswith("\\"):
            line = f"{line[:-1]} {text.strip()}"
        elif line and text.startswith(" ") and text.strip().startswith("--"):
            line += f" {text.strip()}"
        else:
            yield line
            line = re.sub(r"^\d+ +", "", text.strip())
    yield line


def _command(line: str, whole: bool) -> Iterator[Command]:
    line = re.sub(r"<\(.*?\)", "FILE", line)  # a process whose output is read as a file
    found = _BEGINNING.match(re.sub(r"(?<!\S)#.*|[\[\]](?!['\"])(?=[\s-]|$)|(?<=\s)\[| \.\.\.", "", line).strip())
    if not found:
        return
    try:
        words = shlex.split(re.split(r"[|>;&]| - ", found["rest"])[0])
    except ValueError:  # an apostrophe in a remark behind the flags
        words = found["rest"].split()
    name = found["command"]
    subject = 0 if name in ("make", "pytest", "pip install") else 1
    flags = list(words[:subject])
    for word in words[subject:]:
        if name in ("wavenet", "python -m") and not word.startswith("-"):
            break
        flags.append(word)
    yield Command(name, flags, whole)


def links(text: str) -> Iterator[str]:
    """Yields the targets of a page's links and pictures."""
    for match in _LINK.finditer(_INLINE.sub("", _FENCE.sub("", text))):
        yield match["markdown"] or match["html"]


def anchors(text: str) -> set[str]:
    """Returns the anchors of a page's headings, as GitHub names them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
        kept = (c for c in plain.lower() if c in " -_" or unicodedata.category(c)[0] in "LNM")
        name = "".join(kept).replace(" ", "-")
        number = next(n for n in range(99) if (f"{name}-{n}" if n else name) not in found)
        found.add(f"{name}-{number}" if number else name)
    return found
