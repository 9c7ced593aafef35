"""Figures in the README and in docs/ and the JSON files that they come from: docs/contributing.md explains the marks.

python -m tests.docs.figures                                    writes every figure as its file has it
python -m tests.docs.figures --add=NAME RESULT.json "COMMAND"   takes a result in, as docs/figures/NAME.json: an object,
                                                                or the lines of a benchmark
"""

import datetime
import json
import re
import sys
from pathlib import Path
from typing import Any

from experiments.support.figures import digits, read_report, report, table
from wavenet_jax.storage import write_whole

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "docs" / "figures"

_NUMBER = r"-?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?:e-?\d+)?"
_FIGURE = re.compile(
    rf"(?P<number>{_NUMBER})(?P<bold>\*{{0,2}})<!-- figure: (?P<place>[^*>]+?)(?: \*(?P<factor>[\d.]+))? -->"
)
_MARK = re.compile(r"<!-- figure:.*?-->")
_MACHINES = re.compile(r"<!-- machines: (?P<names>[^>]+?) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
_TABLE = re.compile(r"<!-- table: (?P<place>[^\s>]+) -->\n(?P<table>.*?)<!-- end -->", re.DOTALL)
_BAR = re.compile(r"(?<!\\)\|")
_IN_CELL = re.compile(
    rf"`[^`]*`|{_NUMBER}\*{{0,2}}<!--.*?-->|<!--.*?-->|(?<![\w.])(?<!\w-)(?P<number>{_NUMBER})(?![.,]?\w)"
)
"""What a cell has: code, marked figures and comments, which stay, and numbers of its own."""
_PASSED_OVER = re.compile(rf"{_NUMBER}\*{{0,2}}<!-- figure:.*?-->|<!--.*?-->|`[^`]*`|\]\([^)]*\)|\*\*")
_MEASURED = re.compile(
    rf"^{_NUMBER}(?:(?:,? to |[,; ()]+){_NUMBER})*\)?$"
    rf"|{_NUMBER} ?(?:%|[a-z-]+/s\b|(?:s|ms|µs|min|minutes|seconds|[KMG]i?B|bits|dB|cents|GFLOP/s)\b)"
    rf"|{_NUMBER} x(?: real time| the\b| as\b|$)"
)
"""A cell of numbers alone, or a number with a unit that something is measured in."""
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

    def numbers(match: re.Match) -> str:
        lines = _table_written(match["place"], match["table"], folder)
        return f"<!-- table: {match['place']} -->\n{lines}<!-- end -->"

    return _MACHINES.sub(machines, _TABLE.sub(numbers, _FIGURE.sub(figure, text)))


def _marks(text: str) -> list[list[str]]:
    return [_MARK.findall(match.group()) for match in _FIGURE.finditer(text)]


def value_at(place: str, folder: Path = FIGURES) -> float:
    """Returns the number at a place: the name of a file, then keys, or names of a report's figures, after dots.

    Raises:
      ValueError: there is none.
    """
    value = _at(place.split("."), folder)
    if not _is_number(value):
        raise ValueError(f"there is no number at {place}: {folder.name}/{place.split('.')[0]}.json has no such place")
    return float(value)


def _at(keys: list[str], folder: Path) -> Any:
    """Returns what a file has at a place, None where there is nothing."""
    try:
        value: Any = json.loads((folder / f"{keys[0]}.json").read_text(encoding="utf-8"))
        if "figures" in value:
            value = {**value, **{one["name"]: one for one in value["figures"]}}
        for key in keys[1:]:
            value = value[int(key)] if isinstance(value, list) else value[key]
    except (OSError, KeyError, IndexError, TypeError, ValueError):
        return None
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _like(number: str, value: float) -> str:
    """Writes a value in the form that a number has: its decimals; of large whole numbers the digits that count."""
    if "e" in number:
        mantissa, exponent = f"{value:.{len(number.partition('e')[0].partition('.')[2])}e}".split("e")
        return f"{mantissa}e{int(exponent)}"
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
    for name, each in zip(names, reports, strict=True):
        whole = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        loads = [one["load"] for one in each.figures.values() if one.get("load") is not None]
        busy = f", load {' to '.join(dict.fromkeys(map(digits, (min(loads), max(loads)))))}" if loads else ""
        lines.append(f"- {name}: {each.about}; {whole['date'][:10]}{busy}; `{whole['command']}`")
        lines += [f"  - left out: {one} ({reason})" for one, reason in each.left_out.items()]
    return "\n".join(lines) + "\n"


def _table_written(place: str, text: str, folder: Path) -> str:
    """Writes the numbers of a table as the file has them for the row's first cell and the column's heading."""
    keys = place.split(".")
    if not {"{row}", "{column}"} & set(keys):
        keys += ["{row}", "{column}"]
    columns: list[str] = []
    lines = []
    for line in text.splitlines(keepends=True):
        cells = _BAR.split(line)
        if len(cells) > 2 and not columns:
            columns = [_plain(cell) for cell in cells]
        elif len(cells) > 2:
            for number, (column, cell) in enumerate(zip(columns[2:], cells[2:], strict=False), start=2):
                of_cell = {"{row}": _plain(cells[1]), "{column}": column}
                cells[number] = _cell_written(cell, [of_cell.get(key, key) for key in keys], folder)
        lines.append("|".join(cells))
    return "".join(lines)


def _cell_written(text: str, keys: list[str], folder: Path) -> str:
    """Writes the numbers of a cell: the one that the file has there, or all of a list, in order."""
    found = [match["number"] for match in _IN_CELL.finditer(text) if match["number"]]
    if not found:
        return text
    value = _at(keys, folder)
    values = value if isinstance(value, list) else [value]
    if len(values) != len(found) or not all(map(_is_number, values)):
        where = f"{keys[0]}.json at {' > '.join(keys[1:])}"
        raise ValueError(f"there are {len(found)} numbers in the cell '{text.strip()}', and not as many in {where}")
    new = iter(values)
    return _IN_CELL.sub(lambda match: _like(match["number"], next(new)) if match["number"] else match.group(), text)


def _plain(text: str) -> str:
    """Returns a cell without comments and marks of emphasis or code."""
    return re.sub(r"<!--.*?-->|[*`]", "", text).strip()


def unmarked(text: str) -> list[tuple[str, str, str]]:
    """Returns the cells of a page's tables that look measured, with neither a mark nor a file.

    First cells are names, a column of commands and code are none, and what stands outside tables is not looked at.

    Returns:
      Of each cell the first heading of its table, the first cell of its row, and the cell.
    """
    found = []
    columns: list[str] = []
    for line in _TABLE.sub("", _MACHINES.sub("", _CODE.sub("", text))).splitlines():
        cells = _BAR.split(line.strip())
        if len(cells) < 3 or cells[0]:
            columns = []
        elif not columns:
            columns = [_plain(cell) for cell in cells]
        else:
            found += [
                (columns[1], _plain(cells[1]), cell.strip())
                for column, cell in zip(columns[2:], cells[2:], strict=False)
                if column != "command" and _MEASURED.search(_PASSED_OVER.sub("", cell).strip())
            ]
    return found


def add(name: str, result: Path, command: str, folder: Path = FIGURES) -> Path:
    """Takes a result in with the command that made it and its date; returns the file.

    Args:
      result: a JSON object, or the lines of a benchmark, each an object, which become one.

    Raises:
      ValueError: it is something else.
    """
    try:
        whole = _read(result.read_text(encoding="utf-8"))
        made = datetime.datetime.fromtimestamp(result.stat().st_mtime, datetime.UTC).isoformat(timespec="seconds")
        content = {**{"date": made}, **whole, "command": command}
    except (json.JSONDecodeError, KeyError, TypeError):
        raise ValueError(f"{result} is neither one JSON object nor lines of a benchmark") from None
    path = folder / f"{name}.json"
    write_whole(path, f"{json.dumps(content, indent=1, ensure_ascii=False)}\n".encode())
    return path


def _read(text: str) -> dict[str, Any]:
    lines = text.strip().splitlines()
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        if len(lines) < 2:
            raise
        return report(json.loads(line) for line in lines if line)


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
