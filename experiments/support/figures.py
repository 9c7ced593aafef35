"""Figures of benchmarks: one form for all of them, their files, and machines side by side.

A figure is a JSON object: ``name``, ``unit``, ``median``, ``spread`` (least and largest), ``repeats``, what else is
known about it, and ``date``, ``load``, ``machine`` and ``versions``. Where something cannot be measured, ``skipped``
says why instead. A benchmark prints them as lines; a report is one JSON object whose ``figures`` share its machine and
versions.
"""

import datetime
import functools
import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import jax

from experiments.support import console
from experiments.support.benchmarks import show
from wavenet_jax.audio.files import show as shown
from wavenet_jax.engine import kinds
from wavenet_jax.processors import processors
from wavenet_jax.versions import versions

Figure: TypeAlias = dict[str, Any]

SHARED = ("machine", "versions")
"""What the figures of a report have in common."""

DURATIONS = ("s", "ms", "µs")
"""Units of which less is faster."""


def figure(name: str, unit: str, values: Sequence[float], **details: Any) -> Figure:
    """Returns what was measured.

    Args:
      name: says what it is; the same on every machine.
      unit: of the values.
      values: one for each repeat.
      details: anything else that is known about it.
    """
    return {
        "name": name,
        "unit": unit,
        "median": statistics.median(values),
        "spread": [min(values), max(values)],
        "repeats": len(values),
        **details,
        **_circumstances(),
    }


def skipped(name: str, reason: str) -> Figure:
    """Returns that something could not be measured, and why."""
    return {"name": name, "skipped": reason, **_circumstances()}


def _circumstances() -> Figure:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"date": now, "load": load(), "machine": machine(), "versions": versions()}


def load() -> float | None:
    """Returns how many processes want to run, on average over the last minute, where the system tells it."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


@functools.cache
def machine() -> dict[str, Any]:
    """Describes this machine: processor, cores that this process may use, instruction set, memory, accelerators."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": processors(),
        "instructions": kinds()[0],
        "memory_gib": _memory_gib(),
        "accelerators": [device.device_kind for device in jax.devices() if device.platform != "cpu"],
    }


def _processor() -> str:
    """Returns the name of the processor, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    try:
        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return platform.processor() or "unknown"


def _memory_gib() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, OSError, ValueError):
        return None


class Report(NamedTuple):
    """The figures of one machine."""

    title: str
    """The name of its file."""
    machine: Mapping[str, Any]
    figures: Mapping[str, Figure]
    """By name, in the order of the file, without those that were skipped."""
    left_out: Mapping[str, str]
    """Reasons, by name."""

    @property
    def about(self) -> str:
        """The machine in a line."""
        names = dict.fromkeys(self.machine["accelerators"])
        accelerators = ", ".join(f"{self.machine['accelerators'].count(name)} x {name}" for name in names)
        cores = f"{self.machine['cores']} cores of {self.machine['processor']} ({self.machine['instructions']})"
        memory = "" if self.machine["memory_gib"] is None else f", {self.machine['memory_gib']:g} GiB"
        return cores + memory + (f", {accelerators}" if accelerators else "")


def report(figures: Iterable[Figure], **header: Any) -> Figure:
    """Returns a report, as ``write_whole`` gets it, of lines from one machine: ``header``, what they share, figures."""
    lines = list(figures)
    own = [{name: value for name, value in line.items() if name not in SHARED} for line in lines]
    return {**header, **{name: lines[0][name] for name in SHARED}, "figures": own}


def read_report(path: str | os.PathLike[str]) -> Report:
    """Reads a report, or the lines of a benchmark.

    Raises:
      ValueError: the file holds something else.
    """
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    try:
        whole = json.loads(text)
        header, lines = whole, whole.get("figures", [whole])
    except (json.JSONDecodeError, AttributeError):
        header, lines = None, [_line(text, number, path) for text, number in _numbered(text)]
    try:
        about = (header or lines[0])["machine"]
        left_out = {line["name"]: line["skipped"] for line in lines if "skipped" in line}
        figures = {line["name"]: line for line in lines if "skipped" not in line}
        made = Report(Path(path).stem, about, figures, left_out)
        made.about, [(line["median"], line["unit"], *line["spread"]) for line in figures.values()]
    except (KeyError, IndexError, TypeError):
        raise ValueError(f"{shown(str(path))} is not a result of wavenet bench or of another benchmark") from None
    return made


def _numbered(text: str) -> list[tuple[str, int]]:
    return [(line, number) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


def _line(text: str, number: int, path: str | os.PathLike[str]) -> Figure:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise ValueError(f"line {number} of {shown(str(path))} is not a result of a benchmark") from None


class Compared(NamedTuple):
    """A figure on several machines."""

    name: str
    unit: str
    figures: tuple[Figure | None, ...]
    """Of each report; None where it lacks it."""

    @property
    def times_as_fast(self) -> list[float | None]:
        """How much faster than the first machine each of them is."""
        first = self.figures[0]
        ratios = [None if first is None or one is None else one["median"] / first["median"] for one in self.figures]
        slower_is_more = self.unit in DURATIONS
        return [None if ratio is None else 1 / ratio if slower_is_more else ratio for ratio in ratios]


def compared(reports: Sequence[Report]) -> list[Compared]:
    """Puts the figures of several machines side by side, in the order in which they were measured."""
    units: dict[str, str] = {}
    for each in reports:
        for name, one in each.figures.items():
            units.setdefault(name, one["unit"])
    return [Compared(name, unit, tuple(each.figures.get(name) for each in reports)) for name, unit in units.items()]


def table(reports: Sequence[Report]) -> tuple[list[str], list[list[str]]]:
    """Returns the columns and the rows of a table of one or several machines."""
    several = len(reports) > 1
    columns = ["figure", "unit"]
    for number, each in enumerate(reports):
        columns += [each.title, *(["spread"] if not several else []), *(["times as fast"] if number else [])]
    rows = []
    for one in compared(reports):
        row = [one.name, one.unit]
        for number, (found, ratio) in enumerate(zip(one.figures, one.times_as_fast, strict=True)):
            row.append("" if found is None else digits(found["median"]))
            if not several:
                row.append("" if found is None else " to ".join(map(digits, found["spread"])))
            if number:
                row.append("" if ratio is None else f"{ratio:.2f}")
        rows.append(row)
    return columns, rows


def digits(value: float) -> str:
    """Returns a number with three digits that count, as text: 30,800 or 0.0123."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:#.3g}"


def show_reports(reports: Sequence[Report]) -> None:
    """Shows machines and their figures on standard error, and names what was left out."""
    for each in reports:
        console.say(f"{each.title}: {each.about}")
    columns, rows = table(reports)
    if rows:
        show("", columns, rows)
    for each in reports:
        for name, reason in each.left_out.items():
            console.say(f"{each.title} has no {name}: {reason}")
