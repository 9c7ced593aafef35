"""Bits per sample of held-out audio, judged sample by sample with the full receptive field; JSON on standard output.

Networks on a finer grid than 256 µ-law levels are also judged on that one (``bits_per_sample_mu_law_256``): the
probability of all their levels that fall on the same µ-law level. So heads and bit depths compare.

    python -m experiments.evaluate --workdir=DIR [--data_dir=DIR] [--checkpoint=best]

The audio is that of the run's configuration unless flags choose another. Memory does not grow with its length.
"""

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from experiments import flags, runtime, sources
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import Checked, option
from wavenet_jax.data import SPLITS, baselines
from wavenet_jax.training import Evaluator, load, make_mesh

_COMMON = Grid(256, "mu_law")


@dataclass(frozen=True)
class Options(Checked):
    """What is evaluated, on which audio."""

    workdir: str = option(None, "Folder of the run.")
    checkpoint: str = option(
        "latest", "Newest checkpoint, or the one with the best validation.", choices=("latest", "best")
    )
    split: str = option("validation", "Which files.", choices=SPLITS)
    data_dir: tuple[str, ...] = option((), "Folder of recordings instead of the run's; repeat for several.")


def main(options: Options) -> None:
    runtime.start()
    config, params, step = load(Path(options.workdir), options.checkpoint)
    data = dataclasses.replace(config.data, data_dir=options.data_dir) if options.data_dir else config.data
    source = sources.opened(data, config.model, options.split)
    # One lane per crop of the run's batches, and chunks as long: what fitted in training fits here.
    mesh = make_mesh()
    lanes = -(-data.batch_size // mesh.size) * mesh.size
    grid = Grid.of(config.model)
    bits = {
        name: Evaluator(config.model, lanes, data.crop_samples, mesh, coarser).bits_per_sample(params, source)
        for name, coarser in _grids(grid).items()
    }
    result = {
        **bits,
        "samples": int(source.lengths.sum()),
        "files": len(source),
        "baselines": baselines(source, grid),
        "step": step,
    }
    print(json.dumps(result))


def _grids(own: Grid) -> dict[str, Grid | None]:
    """What is reported, and the grid that it is judged on; None is the network's own."""
    grids: dict[str, Grid | None] = {"bits_per_sample": None}
    if own != _COMMON:
        with contextlib.suppress(ValueError):  # too coarse to stand for it
            own.cells(_COMMON)
            grids["bits_per_sample_mu_law_256"] = _COMMON
    return grids


if __name__ == "__main__":
    flags.run(main)
