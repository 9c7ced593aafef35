"""Draws the learning curve of a run, with the baselines.

    wavenet curve --workdir=DIR --output=curve.png [--compare=DIR]

Other runs, such as one from scratch beside one that began from a trained network, are drawn as their held-out bits. The
JSON result names the picture.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import wavenet_jax
from experiments.support import console, flags, plots
from experiments.support.outputs import check_output, refuse_existing
from wavenet_jax.audio.files import show
from wavenet_jax.config import Checked, option

Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Options(Checked):
    """The run, and the picture."""

    workdir: str = option(None, "Run directory.", path=True)
    compare: tuple[str, ...] = option((), "Run directory to draw in the same picture; repeat for several.", path=True)
    output: str = option(None, "PNG file to write.", path=True)
    overwrite: bool = option(False, "Replace an existing file.")


def main(options: Options) -> None:
    output = check_output(Path(options.output), ".png")
    refuse_existing([output], options.overwrite)
    training, validation, baselines = points_of(options.workdir)
    others = {name: points_of(other)[1] for name, other in _named(options.compare)}
    plots.save_curve(output, training, validation, baselines, others)
    console.result({"picture": str(output)})


def _named(paths: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names runs by their folders, and by their paths where several folders have the same name."""
    names = [Path(os.path.abspath(path)).name for path in paths]
    for name, path in zip(names, paths, strict=True):
        yield show(name if names.count(name) == 1 else path), path


def points_of(workdir: str) -> tuple[Points, Points, dict[str, float]]:
    """Returns the points of a run in training and in validation, and its baselines."""
    run = wavenet_jax.load(workdir, checkpoint=None)
    records, data = run.records(), run.config.data
    millions_per_step = data.batch_size * data.crop_samples / 1e6
    training, validation = (
        [
            (record["step"] * millions_per_step, record["bits_per_sample"])
            for record in records
            if record["kind"] == kind and record["bits_per_sample"] is not None  # where the loss was not finite
        ]
        for kind in ("train", "validation")
    )
    starts = [record for record in records if record["kind"] == "start"]
    if not starts or not (training or validation):
        raise ValueError(f"{workdir} has no finite loss to draw yet; train until the first line of metrics")
    return training, validation, starts[-1]["baselines"]


if __name__ == "__main__":
    flags.run(main)
