"""metrics.jsonl: the measurements of a run, one JSON object a line.

Every record has a ``step`` and a ``kind``: ``start`` (baselines, devices, versions), ``train``, ``validation``,
``probe``.
"""

import json
import math
from typing import Any

from wavenet_jax.runs.directory import RunDirectory
from wavenet_jax.storage import write_whole

Record = dict[str, Any]


def read_records(run: RunDirectory) -> list[Record]:
    """Reads the records of a run, in order; a last line that was cut short by a crash is left out.

    Raises:
      ValueError: there are none, or a line in the middle is not a record.
    """
    path = run.metrics_file
    if not path.is_file():
        raise ValueError(f"{run.path} has no {path.name}; train into it first")
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    records = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            record = None
        if isinstance(record, dict) and {"kind", "step"} <= record.keys():
            records.append(record)
        elif number < len(lines):
            raise ValueError(f"line {number} of {path} is no record; delete it")
    return records


class Records:
    """Writes metrics.jsonl of a run that begins at ``step``; records of later steps are taken back."""

    def __init__(self, run: RunDirectory, step: int) -> None:
        path = run.metrics_file
        kept = [record for record in read_records(run) if record["step"] <= step] if path.exists() else []
        write_whole(path, "".join(map(_line, kept)).encode())
        self._file = path.open("a", encoding="utf-8")

    def add(self, kind: str, step: int, **values: Any) -> None:
        """Appends a record, at once visible to readers of the file; numbers that are not finite become null."""
        self._file.write(_line({"kind": kind, "step": step, **values}))
        self._file.flush()

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def _line(record: Record) -> str:
    return json.dumps(finite(record), allow_nan=False) + "\n"


def finite(value: Any) -> Any:
    """Returns a JSON value with null in place of numbers that are not finite, which strict readers refuse."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(element) for name, element in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(element) for element in value]
    return value
