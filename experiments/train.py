"""Trains a network, or resumes a run.

    wavenet train --flagfile=base.flags --workdir=DIR --data_dir=DIR [--init_from=DIR]

--init_from begins with the parameters of a trained network, by name, and shows in a table what becomes of each.
The same command resumes from the newest intact checkpoint, also after the data has moved. Ctrl-C, SIGTERM and SIGHUP
save after the current step. Exit codes: 0 finished, or ended early by --patience or --most_seconds; 1 bad input, or no
finite loss for --max_skipped_steps steps; 130 saved after Ctrl-C; 143 after SIGTERM; 129 after SIGHUP.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import jax

import wavenet_jax
from experiments.support import console, flags, runtime, sources
from experiments.support.ending import TIME_IS_UP, report_ending
from experiments.support.probe import Probe
from experiments.support.reporting import Reporter
from experiments.support.signals import StopSignals
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import Source
from wavenet_jax.engine import STACKS
from wavenet_jax.runs import RunDirectory
from wavenet_jax.training import Event, Opened, Started, Stopped


@dataclass(frozen=True)
class Options(Checked):
    """The run directory, and what is kept there besides metrics and checkpoints."""

    workdir: str = option(
        None, "Run directory, for the configuration, metrics and checkpoints; made where there is none.", path=True
    )
    probe_seconds: float = option(
        1.0,
        "Length of the sound that the network generates at each validation, kept in samples/, in seconds; 0: none.",
        at_least=0,
    )
    stack: str = option(
        "auto",
        "Gated stack: native (C++, on a CPU), jax (on every device), or auto (native where it can run).",
        choices=STACKS,
    )
    most_seconds: float | None = option(
        None,
        "Seconds of training, compiling included, after which the run is saved and ends; the same command resumes; "
        "none: no limit.",
        above=0,
    )
    profile_steps: int | None = option(
        None, "Number of warm steps to write a JAX trace of, to profile/; none: no trace.", at_least=1
    )


def main(config: RunConfig, options: Options, hosts: runtime.Hosts) -> int:
    runtime.start(hosts)
    with sources.scanning() as progress, _Watch(config, options) as watch:
        wavenet_jax.train(
            config, options.workdir, progress=progress, on_event=watch, stop=watch.stop, stack=options.stack
        )
    return report_ending(watch.stopped, config.train)


class _Watch:
    """Takes the events of a run: reports them, and listens for signals while there is something to save.

    A context manager.
    """

    def __init__(self, config: RunConfig, options: Options) -> None:
        self.stopped: Stopped | None = None
        """The end of the run; None before it."""
        self._config, self._options = config, options
        self._run = RunDirectory(Path(options.workdir))
        self._closing = contextlib.ExitStack()
        self._signals: StopSignals | None = None
        self._real: Source | None = None
        self._report: Callable[[Event], None] = lambda event: None
        self._trace = _Trace(self._run, options.profile_steps)
        self._began = time.monotonic()

    def __enter__(self) -> "_Watch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def stop(self, step: int) -> str | None:
        """Returns why the run should end here: the signal that came, or that its time is up."""
        signal = None if self._signals is None else self._signals(step)
        limit = self._options.most_seconds
        return TIME_IS_UP if signal is None and limit and time.monotonic() - self._began > limit else signal

    def __call__(self, event: Event) -> None:
        match event:
            case Opened():
                sources.describe_opened({"train": event.training, "validation": event.held_out})
                self._real = event.held_out if len(event.held_out) else event.training
                self._signals = self._closing.enter_context(StopSignals())
            case Started():
                # Of several processes, only the first one reports.
                if jax.process_index() == 0:
                    self._report = self._closing.enter_context(self._reporter(event))
                self._closing.enter_context(self._trace)
                self._began = time.monotonic()
            case _:
                self._report(event)
                self._trace.next()
        if isinstance(event, Stopped):
            self.stopped = event

    def _reporter(self, started: Started) -> Reporter:
        config = self._run.read_config()  # with the classes that the data has
        seconds, real = self._options.probe_seconds, self._real
        assert real is not None
        probe = (lambda: Probe(self._run.path, config, seconds, real)) if seconds else None
        return Reporter(self._run.path, config, started, probe)


class _Trace:
    """A JAX trace of some steps after the second, which no longer compile. A context manager."""

    _SKIPPED = 2

    def __init__(self, run: RunDirectory, steps: int | None) -> None:
        self._folder, self._steps = str(run.profile), steps
        self._channels = console.Channels()
        self._events, self._runs = 0, False

    def __enter__(self) -> "_Trace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def next(self) -> None:
        """Counts an event, and begins or ends the trace after it."""
        self._events += 1
        if self._steps is None:
            return
        if self._events == self._SKIPPED:
            self._runs = True
            self._channels.attempt("profile", lambda: jax.profiler.start_trace(self._folder))
        elif self._events == self._SKIPPED + self._steps:
            self._end()

    def _end(self) -> None:
        if self._runs:
            self._runs = False
            self._channels.attempt("profile", jax.profiler.stop_trace)


if __name__ == "__main__":
    flags.run(main)
