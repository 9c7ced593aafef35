"""The run directories that the page shows."""

import contextlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wavenet_jax.audio.files import show
from wavenet_jax.config import RunConfig
from wavenet_jax.runs import Record, RunDirectory, read_records


@dataclass(frozen=True)
class RunEntry:
    """A run directory that the page offers."""

    name: str
    """Unique among the runs that are shown."""
    path: Path

    @property
    def directory(self) -> RunDirectory:
        """The directory with everything of it."""
        return RunDirectory(self.path)

    def config(self) -> RunConfig:
        """Its configuration; raises ``ValueError`` where there is none that can be read."""
        return self.directory.read_config()

    def records(self) -> list[Record]:
        """Reads what it measured so far; nothing before its first step."""
        return read_records(self.directory) if self.directory.metrics_file.is_file() else []

    @property
    def version(self) -> int | None:
        """Another number whenever its checkpoints have changed; None while there is none."""
        with contextlib.suppress(OSError):
            if self.directory.checkpoint_steps():
                return self.directory.checkpoints.stat().st_mtime_ns
        return None

    def samples(self) -> list[Path]:
        """The WAV files that its probe made, in the order of their steps."""
        return sorted(self.directory.samples.glob("step_*.wav"))


def find_runs(folders: Sequence[str]) -> list[RunEntry]:
    """The run directories in some folders, or that these folders are; the one that changed last comes first."""
    found: dict[Path, Path] = {}  # where it really is, and below which folder
    for folder in map(Path, folders):
        candidates = [folder]
        with contextlib.suppress(OSError):
            candidates += sorted(folder.iterdir())
        for path in candidates:
            run = RunDirectory(path)
            if (run.config_file.is_file() and not _is_acoustic(run)) or run.page_state.is_file():
                found.setdefault(path.resolve(), path)
    names = unique_names([str(path) for path in found.values()])
    runs = [RunEntry(name, path) for name, path in zip(names, found.values(), strict=True)]
    return sorted(runs, key=lambda run: -_changed(run.path))


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


def _is_acoustic(run: RunDirectory) -> bool:
    """Tells a run that trains an acoustic model, which is no network that this page shows."""
    try:
        return "acoustic" in json.loads(run.config_file.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):
        return False  # whoever reads it says what is wrong


def _changed(path: Path) -> float:
    run = RunDirectory(path)
    files = [run.metrics_file, run.config_file, run.page_state]
    return max((file.stat().st_mtime for file in files if file.is_file()), default=-math.inf)
