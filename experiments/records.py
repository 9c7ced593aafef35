"""metrics.jsonl: what a run measured, one JSON object a line.

Every record has a ``step`` and a ``kind``: ``start`` (baselines, devices, versions), ``train``, ``validation``,
``probe``.
"""

import json
import os
from pathlib import Path
from typing import Any

Record = dict[str, Any]
METRICS = "metrics.jsonl"


def read_records(workdir: Path) -> list[Record]:
    """The records of a run, in order; a last line that was cut short by a crash is left out.

    Raises:
      ValueError: there are none, or a line in the middle is not a record.
    """
    path = workdir / METRICS
    if not path.is_file():
        raise ValueError(f"{workdir} has no {METRICS}; train into it first")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            if number < len(lines):
                raise ValueError(f"line {number} of {path} is not JSON; delete it") from None
    return records


class Records:
    """metrics.jsonl of a run that goes on from ``step``: what was recorded later is taken back."""

    def __init__(self, workdir: Path, step: int) -> None:
        path = workdir / METRICS
        kept = [record for record in read_records(workdir) if record["step"] <= step] if path.exists() else []
        part = path.with_name(METRICS + ".part")
        part.write_text("".join(map(_line, kept)), encoding="utf-8")
        os.replace(part, path)
        self._file = path.open("a", encoding="utf-8")

    def add(self, kind: str, step: int, **values: Any) -> None:
        """Appends a record, at once visible to readers of the file."""
        self._file.write(_line({"kind": kind, "step": step, **values}))
        self._file.flush()

    def close(self) -> None:
        """Ends the writing."""
        self._file.close()


def _line(record: Record) -> str:
    return json.dumps(record, allow_nan=False) + "\n"
