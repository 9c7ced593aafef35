"""Trains a network, or goes on with a run where it ended.

    python -m experiments.train --flagfile=base.flags --workdir=DIR --data_dir=DIR

The same command goes on from the newest checkpoint. SIGTERM and Ctrl-C save after the step that is under way.
Exit codes: 0 finished or stopped early without gain; 1 bad input, or no finite loss for max_skipped_steps steps; 143
saved after SIGTERM; 130 saved after Ctrl-C.
"""

import contextlib
import dataclasses
import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jax

from experiments import flags, runtime, sources
from experiments.probe import Probe
from experiments.reporting import Reporter
from experiments.signals import StopSignals, exit_code
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import Source, with_classes
from wavenet_jax.training import DIVERGED, FINISHED, NO_GAIN, Event, Started, Stopped, train


@dataclass(frozen=True)
class Options(Checked):
    """Where the run is kept."""

    workdir: str = option(None, "Folder of the run: its configuration, metrics and checkpoints.")
    probe_seconds: float = option(
        1.0, "Audio that the network makes at each validation, kept in samples/, in seconds; 0: none.", at_least=0
    )
    profile_steps: int | None = option(
        None, "Steps of which a JAX trace is written to profile/, once it is warm; none: no trace.", at_least=1
    )


def main(config: RunConfig, options: Options, hosts: runtime.Hosts) -> int:
    runtime.start(hosts)
    workdir = Path(options.workdir)
    training, held_out = (sources.opened(config.data, config.model, split) for split in ("train", "validation"))
    config = dataclasses.replace(config, model=with_classes(config.model, training))
    with (
        StopSignals() as stop,
        contextlib.closing(train(config, workdir, training, held_out, stop=stop)) as events,
        _reporter(config, options, next(events), held_out if len(held_out) else training) as report,
    ):
        for event in _profiled(events, options):
            report(event)
    return _ending(event, config)


@contextlib.contextmanager
def _reporter(config: RunConfig, options: Options, started: Event, real: Source) -> Iterator[Callable[[Event], None]]:
    """Takes events; of several processes, only the first one tells of them."""
    assert isinstance(started, Started)
    if jax.process_index() != 0:
        yield lambda event: None
        return
    workdir = Path(options.workdir)
    (workdir / "run.flags").write_text(flags.flag_lines(config), encoding="utf-8")
    probe = Probe(workdir, config, options.probe_seconds, real) if options.probe_seconds else None
    with Reporter(workdir, config, started, probe) as report:
        yield report


def _profiled(events: Iterator[Event], options: Options) -> Iterator[Event]:
    """The events, with a trace of the steps after the second, which no longer compile."""
    if options.profile_steps is None:
        yield from events
        return
    folder = str(Path(options.workdir) / "profile")
    yield from itertools.islice(events, 2)
    with jax.profiler.trace(folder):
        yield from itertools.islice(events, options.profile_steps)
    yield from events


def _ending(stopped: Event, config: RunConfig) -> int:
    """Says how the run ended; returns the exit code."""
    assert isinstance(stopped, Stopped)
    step, reason = stopped.step, stopped.reason
    if reason == DIVERGED:
        raise ValueError(
            f"no finite loss for {config.train.max_skipped_steps} steps up to step {step}; the parameters from before "
            "them are saved: lower --learning_rate or --clip_norm in a new --workdir"
        )
    if reason in (FINISHED, NO_GAIN):
        print(f"{reason} at step {step}", file=sys.stderr)
        return 0
    print(f"{reason}: saved at step {step}; the same command goes on from there", file=sys.stderr)
    return exit_code(reason)


if __name__ == "__main__":
    flags.run(main)
