"""Progress and speed of a generation, and the actions of its guard, for the terminal and for the result."""

import time
from collections.abc import Sequence
from types import TracebackType

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from experiments.support import runtime
from wavenet_jax.generation.generation import Generation, Waveforms
from wavenet_jax.sampling import Redrawn


class Meter:
    """Shows a progress line where standard error is a terminal, and measures the speed. A context manager."""

    def __init__(self, generation: Generation, names: Sequence[str], attempts: int) -> None:
        """``names`` are those of the files, ``attempts`` how many the guard has."""
        self.seconds = 0.0
        """Seconds of each file, or of the longest."""
        self.redrawn: list[dict[str, object]] = []
        """The guard's actions, for the result."""
        self._rate, self._written = generation.rate, np.zeros(generation.streams, np.int64)
        self._generation, self._names, self._attempts = generation, names, attempts
        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task("compiling", total=generation.samples, speed="")
        self._untimed_samples = 0
        self._first_chunk: float | None = None
        self._first_sample: float | None = None
        self._speed: float | None = None

    def __enter__(self) -> "Meter":
        self._progress.start()
        self._began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, waveforms: Waveforms) -> None:
        """Takes note of a piece that has been written."""
        elapsed = time.monotonic() - self._began
        made = sum(map(len, waveforms.nats))
        self._written += [len(row) for row in waveforms.rows]
        self.seconds = int(self._written.max()) / self._rate
        if self._first_chunk is None:
            self._first_chunk, self._first_sample = elapsed, runtime.seconds_since_start()
            self._untimed_samples = self._generation.in_hand
        elif self._generation.in_hand > self._untimed_samples:
            # What the guard held back with the first piece was made in its time.
            self._speed = (self._generation.in_hand - self._untimed_samples) / (elapsed - self._first_chunk)
        for event in waveforms.redrawn:
            self._report(event)
        speed = f"{self._speed / self._rate:.2f} x real time" if self._speed else ""
        self._progress.update(self._task, description="sampling", advance=made, speed=speed)

    def figures(self) -> dict[str, float | None]:
        """Returns the speeds, for the result."""
        return {
            "samples_per_second": self._speed,
            "times_real_time": self._speed and self._speed / self._rate,
            "first_chunk_seconds": self._first_chunk,
            "first_sample_seconds": self._first_sample,
        }

    def _report(self, event: Redrawn) -> None:
        """Reports an action of the guard, now and in the result."""
        file, take = divmod(event.stream, self._generation.takes)
        seconds = self._generation.seconds_of(event)
        verdict = {"verdict": event.verdict, "attempt": event.attempt, "accepted": event.accepted}
        self.redrawn.append({"file": file, "take": take, "seconds": seconds, **verdict})
        what = f"take {take} of {self._names[file]}" if self._generation.takes > 1 else self._names[file]
        outcome = (
            f"kept as it is after {event.attempt} attempts"
            if event.accepted
            else f"drawn again ({event.attempt} of {self._attempts})"
        )
        self._progress.console.print(
            f"{what}: {event.verdict} after {seconds:.2f} s, {outcome}", soft_wrap=True, markup=False, highlight=False
        )
