"""The run directories that the page shows."""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.records import METRICS, Record, read_records
from wavenet_jax.audio.files import show
from wavenet_jax.config import RunConfig
from wavenet_jax.training.directory import CHECKPOINTS, CONFIG, read_config


@dataclass(frozen=True)
class Run:
    """A run directory."""

    name: str
    """Unique among the runs that are shown."""
    path: Path

    def config(self) -> RunConfig:
        """Its configuration; raises ``ValueError`` where there is none that can be read."""
        return read_config(self.path)

    def records(self) -> list[Record]:
        """What it measured so far; nothing before its first step."""
        return read_records(self.path) if (self.path / METRICS).is_file() else []

    @property
    def version(self) -> int | None:
        """Another number whenever its checkpoints have changed; None while there is none."""
        folder = self.path / CHECKPOINTS
        with contextlib.suppress(OSError):
            if any(path.name.isdecimal() for path in folder.iterdir()):
                return folder.stat().st_mtime_ns
        return None

    def samples(self) -> list[Path]:
        """The WAV files that its probe made, in the order of their steps."""
        return sorted((self.path / "samples").glob("step_*.wav"))


def find_runs(folders: Sequence[str]) -> list[Run]:
    """The run directories in some folders, or that these folders are; the one that changed last comes first."""
    found: dict[Path, Path] = {}  # where it really is, and below which folder
    for folder in map(Path, folders):
        candidates = [folder]
        with contextlib.suppress(OSError):
            candidates += sorted(folder.iterdir())
        for path in candidates:
            if (path / CONFIG).is_file() or (path / JOB).is_file():
                found.setdefault(path.resolve(), path)
    names = unique_names([str(path) for path in found.values()])
    runs = [Run(name, path) for name, path in zip(names, found.values(), strict=True)]
    return sorted(runs, key=lambda run: -_changed(run.path))


JOB = "page.json"
"""What the page knows of the process that trains; such a directory has no config.json before its first step."""


def latest(records: Sequence[Record], kind: str) -> Record | None:
    """The last record of a kind."""
    return next((record for record in reversed(records) if record["kind"] == kind), None)


def points(records: Sequence[Record], kind: str) -> list[tuple[int, float]]:
    """Steps and bits per sample of the records of a kind that have a finite loss."""
    return [(r["step"], r["bits_per_sample"]) for r in records if r["kind"] == kind and r["bits_per_sample"]]


def unique_names(paths: Sequence[str]) -> list[str]:
    """The last parts of different paths, as many as it takes to tell each from the others; printable."""
    parts = [Path(path).parts for path in paths]

    def name(mine: tuple[str, ...]) -> str:
        for length in range(1, len(mine)):
            if sum(other[-length:] == mine[-length:] for other in parts) == 1:
                return "/".join(mine[-length:])
        return str(Path(*mine))

    return [show(name(mine)) for mine in parts]


def _changed(path: Path) -> float:
    files = [path / name for name in (METRICS, CONFIG, JOB)]
    return max((file.stat().st_mtime for file in files if file.is_file()), default=-math.inf)
