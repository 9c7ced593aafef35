"""How fast batches are made, and how long a training step would wait for one; JSON lines on standard output.

    python -m experiments.bench_data --data_dir=DIR [--step_seconds=0.1]

One line for each number of threads: crops and samples per second when nothing else is done, and the time that a step of
the given length waits for its batch, median and longest.
"""

import contextlib
import itertools
import json
import time
from dataclasses import dataclass

import numpy as np

from experiments import flags
from experiments.sources import opened
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import Batches, prefetch


@dataclass(frozen=True)
class Options(Checked):
    """What is measured."""

    num_batches: int = option(100, "Batches that are timed.", at_least=2)
    step_seconds: float = option(0.1, "Length of the training step that the batches are made for, in seconds.", above=0)


def main(config: RunConfig, options: Options) -> None:
    data = config.data
    source = opened(data, config.model, "train")
    batches = Batches(
        source,
        Grid.of(config.model),
        batch_size=data.batch_size,
        crop_samples=data.crop_samples,
        seed=config.train.seed,
        gain_db=data.gain_db,
        flip_polarity=data.flip_polarity,
    )
    for threads in (0, 1, 2):
        seconds = _seconds(batches, threads, options.num_batches)
        waits = _waits(batches, threads, options.step_seconds)
        crops = options.num_batches * data.batch_size / seconds
        result = {
            "threads": threads,
            "batch": data.batch_size,
            "crop": data.crop_samples,
            "crops_per_second": round(crops, 1),
            "samples_per_second": round(crops * data.crop_samples),
            "step_seconds": options.step_seconds,
            "wait_ms_median": round(float(np.median(waits)) * 1e3, 3),
            "wait_ms_longest": round(max(waits) * 1e3, 3),
        }
        print(json.dumps(result))


def _seconds(batches: Batches, threads: int, count: int) -> float:
    """Time for ``count`` batches after the first."""
    with contextlib.closing(prefetch(batches, threads=threads)) as made:
        next(made)
        began = time.perf_counter()
        for _ in itertools.islice(made, count):
            pass
        return time.perf_counter() - began


def _waits(batches: Batches, threads: int, step_seconds: float) -> list[float]:
    """How long each of 20 steps, which only take time, waits for its batch; the first one does not count."""
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
