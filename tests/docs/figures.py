"""Figures in the README and in docs/ and the JSON files that they come from: docs/contributing.md explains the marks.

python -m tests.docs.figures                                    writes every figure as its file has it
python -m tests.docs.figures --add=NAME RESULT.json "COMMAND"   takes a result in, as docs/figures/NAME.json
"""

import datetime
import json
import re
import sys
from pathlib import Path
from typing import Any

from experiments.support.figures import digits, read_report, table
from wavenet_jax.storage import write_whole

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "figures"

_FIGURE = re.compile(
    r"(?P<number>-?(?:\d[\d,]*(?:\.\d+)?|\.\d+))(?P<bold>\*{0,2})"
    r"<!-- figure: (?P<place>[^\s*]+)(?: \*(?P<factor>[\d.]+))? -->"
)
_MARK = re.compile(r"<!-- figure:.*?-->")
_MACHINES = re.compile(r"<!-- machines: (?P<names>[^>]+?) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
_CODE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def pages() -> list[Path]:
    """Returns the README and the pages of docs/."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def written(text: str, folder: Path = FIGURES) -> str:
    """Returns a page with every marked figure and table as the files in ``folder`` have it; code blocks stay.

    Raises:
      ValueError: a mark has no number before it, or no figure.
    """
    return "".join(
        piece if number % 2 else _pieces_written(piece, folder) for number, piece in enumerate(_CODE.split(text))
    )


def _pieces_written(text: str, folder: Path) -> str:
    understood = len(_FIGURE.findall(text))
    if understood != len(_MARK.findall(text)):
        wrong = next(mark for mark in _MARK.finditer(text) if mark.group() not in {m[0] for m in _marks(text)})
        raise ValueError(f"{wrong.group()} has to stand right behind a number")

    def figure(match: re.Match) -> str:
        value = value_at(match["place"], folder) * float(match["factor"] or 1)
        mark = match.group()[len(match["number"]) :]
        return _like(match["number"], value) + mark

    def machines(match: re.Match) -> str:
        lines = _machines(match["names"].split(), folder)
        return f"<!-- machines: {match['names']} -->\n{lines}<!-- end -->"

    return _MACHINES.sub(machines, _FIGURE.sub(figure, text))


def _marks(text: str) -> list[list[str]]:
    return [_MARK.findall(match.group()) for match in _FIGURE.finditer(text)]


def value_at(place: str, folder: Path = FIGURES) -> float:
    """Returns the number at a place: the name of a file, then keys, or names of a report's figures, after dots.

    Raises:
      ValueError: there is none.
    """
    name, *keys = place.split(".")
    path = folder / f"{name}.json"
    try:
        value: Any = json.loads(path.read_text(encoding="utf-8"))
        if "figures" in value:
            value = {**value, **{one["name"]: one for one in value["figures"]}}
        for key in keys:
            value = value[int(key)] if isinstance(value, list) else value[key]
    except (OSError, KeyError, IndexError, TypeError, ValueError):
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"there is no number at {place}: {path.relative_to(folder.parent)} has no such place")
    return float(value)


def _like(number: str, value: float) -> str:
    """Writes a value in the form that a number has: its decimals; of large whole numbers the digits that count."""
    if "." in number:
        text = f"{value:,.{len(number.partition('.')[2])}f}"
        return text.replace("0.", ".", 1) if number.lstrip("-").startswith(".") and abs(value) < 1 else text
    figures = number.replace(",", "").lstrip("-")
    if len(figures) > 3:
        value = float(f"{value:.{max(3, len(figures.rstrip('0')))}g}")
    return f"{value:,.0f}" if "," in number or len(figures) <= 3 else f"{value:.0f}"


def _machines(names: list[str], folder: Path) -> str:
    """Writes reports as a table, with a line about each machine."""
    reports = [read_report(folder / f"{name}.json") for name in names]
    columns, rows = table(reports)
    lines = [f"| {' | '.join(row)} |" for row in (columns, *rows)]
    lines.insert(1, "|---" * len(columns) + "|")
    lines.append("")
    for name, report in zip(names, reports, strict=True):
        whole = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        loads = [one["load"] for one in report.figures.values() if one.get("load") is not None]
        busy = f", load {' to '.join(dict.fromkeys(map(digits, (min(loads), max(loads)))))}" if loads else ""
        lines.append(f"- {name}: {report.about}; {whole['date'][:10]}{busy}; `{whole['command']}`")
        lines += [f"  - left out: {one} ({reason})" for one, reason in report.left_out.items()]
    return "\n".join(lines) + "\n"


def add(name: str, result: Path, command: str, folder: Path = FIGURES) -> Path:
    """Takes a result in, a JSON object, with the command that made it and its date; returns the file.

    Raises:
      ValueError: it is something else.
    """
    try:
        whole = json.loads(result.read_text(encoding="utf-8"))
        made = datetime.datetime.fromtimestamp(result.stat().st_mtime, datetime.UTC).isoformat(timespec="seconds")
        content = {**{"date": made}, **whole, "command": command}
    except (json.JSONDecodeError, TypeError):
        raise ValueError(f"{result} is not one JSON object") from None
    path = folder / f"{name}.json"
    write_whole(path, f"{json.dumps(content, indent=1, ensure_ascii=False)}\n".encode())
    return path


def main(arguments: list[str]) -> int:
    if arguments and arguments[0].startswith("--add=") and len(arguments) == 3:
        print(add(arguments[0].removeprefix("--add="), Path(arguments[1]), arguments[2]))
        return 0
    if arguments:
        print(__doc__, file=sys.stderr)
        return 1
    for page in pages():
        text = page.read_text(encoding="utf-8")
        if (new := written(text)) != text:
            write_whole(page, new.encode())
            print(f"{page.relative_to(ROOT)}: figures written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
