"""Trains a network, or goes on with a run where it ended.

    python -m experiments.train --flagfile=base.flags --workdir=DIR --data_dir=DIR

The same command goes on from the newest checkpoint. SIGTERM and Ctrl-C save after the step that is under way.
Exit codes: 0 finished or stopped early without gain; 1 bad input, or no finite loss for max_skipped_steps steps; 143
saved after SIGTERM; 130 saved after Ctrl-C.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jax

from experiments import flags, runtime
from experiments.reporting import Reporter
from experiments.signals import StopSignals, exit_code
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import open_source
from wavenet_jax.training import DIVERGED, FINISHED, NO_GAIN, Event, Started, Stopped, train


@dataclass(frozen=True)
class Options(Checked):
    """Where the run is kept."""

    workdir: str = option(None, "Folder of the run: its configuration, metrics and checkpoints.")


def main(config: RunConfig, options: Options, hosts: runtime.Hosts) -> int:
    runtime.start(hosts)
    workdir = Path(options.workdir)
    training, held_out = (open_source(config.data, config.model, split) for split in ("train", "validation"))
    with (
        StopSignals() as stop,
        contextlib.closing(train(config, workdir, training, held_out, stop=stop)) as events,
        _reporter(workdir, config, next(events)) as report,
    ):
        for event in events:
            report(event)
    return _ending(event, config)


@contextlib.contextmanager
def _reporter(workdir: Path, config: RunConfig, started: Event) -> Iterator[Callable[[Event], None]]:
    """Takes events; of several processes, only the first one tells of them."""
    assert isinstance(started, Started)
    if jax.process_index() != 0:
        yield lambda event: None
        return
    (workdir / "run.flags").write_text(flags.flag_lines(config), encoding="utf-8")
    with Reporter(workdir, config, started) as report:
        yield report


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
