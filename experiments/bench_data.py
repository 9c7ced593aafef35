"""Measures how fast batches are loaded, and how long training would wait for them.

    wavenet bench-data --data_dir=DIR [--step_seconds=0.1]

Prints a figure for each number of threads: samples per second when nothing else runs, and how long a step of the given
length waits for its batch, median and longest. It takes the flags of training.
"""

import contextlib
import dataclasses
import itertools
import time
from dataclasses import dataclass

import numpy as np

from experiments.support import console, flags
from experiments.support.figures import figure
from experiments.support.sources import opened
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import Batches, prefetch, with_classes

_GROUPS = 5


@dataclass(frozen=True)
class Options(Checked):
    """Size of the measurement."""

    num_batches: int = option(100, "Number of batches to time.", at_least=2)
    step_seconds: float = option(0.1, "Length of the training step that waits for the batches, in seconds.", above=0)


def main(config: RunConfig, options: Options) -> None:
    data = config.data
    source = opened(data, config.model, "train")
    config = dataclasses.replace(config, model=with_classes(config.model, source))
    batches = Batches.of(config, source)
    for threads in (0, 1, 2):
        seconds = _seconds(batches, threads, options.num_batches)
        waits = _waits(batches, threads, options.step_seconds)
        crops = [data.batch_size / each for each in seconds]
        result = figure(
            f"data/{threads}-threads",
            "samples/s",
            [data.crop_samples * each for each in crops],
            threads=threads,
            batch=data.batch_size,
            crop=data.crop_samples,
            crops_per_second=round(float(np.median(crops)), 1),
            step_seconds=options.step_seconds,
            wait_ms_median=round(float(np.median(waits)) * 1e3, 3),
            wait_ms_longest=round(max(waits) * 1e3, 3),
        )
        console.result(result)


def _seconds(batches: Batches, threads: int, count: int) -> list[float]:
    """Times ``count`` batches after the first, in up to five groups: seconds a batch of each group."""
    groups = min(_GROUPS, count)
    seconds = []
    with contextlib.closing(prefetch(batches, threads=threads)) as made:
        next(made)
        for group in range(groups):
            size = count // groups + (group < count % groups)
            began = time.perf_counter()
            for _ in itertools.islice(made, size):
                pass
            seconds.append((time.perf_counter() - began) / size)
    return seconds


def _waits(batches: Batches, threads: int, step_seconds: float) -> list[float]:
    """Times how long each of 20 dummy steps waits for its batch; the first batch is not counted."""
    waits = []
    with contextlib.closing(prefetch(batches, threads=threads)) as made:
        next(made)
        for _ in range(20):
            time.sleep(step_seconds)
            began = time.perf_counter()
            next(made)
            waits.append(time.perf_counter() - began)
    return waits


if __name__ == "__main__":
    flags.run(main)
