"""Bits per sample of held-out audio, judged sample by sample with the full receptive field; JSON on standard output.

    python -m experiments.evaluate --workdir=DIR [--data_dir=DIR] [--checkpoint=best]

The audio is that of the run's configuration unless flags choose another. Memory does not grow with its length.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from experiments import flags, runtime, sources
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import Checked, option
from wavenet_jax.data import SPLITS, baselines
from wavenet_jax.training import Evaluator, load, make_mesh


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
    evaluator = Evaluator(config.model, lanes, data.crop_samples, mesh)
    result = {
        "bits_per_sample": evaluator.bits_per_sample(params, source),
        "samples": int(source.lengths.sum()),
        "files": len(source),
        "baselines": baselines(source, Grid.of(config.model)),
        "step": step,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    flags.run(main)
