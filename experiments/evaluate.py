"""Evaluates a network: bits per sample of held-out audio, as JSON.

    wavenet evaluate --workdir=DIR [--data_dir=DIR] [--checkpoint=best] [--weights=int8]

Each sample is scored with its full receptive field, in memory that does not grow with the length of the audio. Networks
with a finer grid are also scored on 256 µ-law levels (``bits_per_sample_mu_law_256``): the probability of all their
levels that fall on the same µ-law level. Heads and bit depths compare that way.

With --weights=int8 (or float32), the native engine runs the network in the arithmetic that it samples in, and
``bits_lost`` says what that costs, against convolutions in float32.

The audio is the run's own, or that in --data_dir, split and prepared in the same way.
"""

import math
from dataclasses import dataclass

import wavenet_jax
from experiments.support import console, flags, runtime, sources
from experiments.support.options import checkpoint_option, data_dir_option
from wavenet_jax.config import Checked, option
from wavenet_jax.data import SPLITS
from wavenet_jax.engine import FORMATS


@dataclass(frozen=True)
class Options(Checked):
    """The run, and the audio to evaluate on."""

    workdir: str = option(None, "Run directory, or model folder.", path=True)
    checkpoint: str = checkpoint_option()
    split: str = option("validation", "Files to evaluate.", choices=SPLITS)
    data_dir: tuple[str, ...] = data_dir_option()
    weights: str | None = option(
        None,
        "Number format of weights with which the native engine (C++, on CPUs) runs the network; none: convolutions.",
        choices=FORMATS,
    )


def main(options: Options) -> None:
    runtime.start(cores_as_devices=options.weights is not None)
    run = wavenet_jax.load(options.workdir, options.checkpoint)
    figures = run.evaluate(sources.opened_for(run, options.data_dir, options.split), weights=options.weights)
    if not math.isfinite(figures["bits_per_sample"]):
        raise ValueError(
            f"the likelihoods of checkpoint {run.step} in {options.workdir} are not finite: it diverged in training; "
            "use another checkpoint"
        )
    console.result(figures)


if __name__ == "__main__":
    flags.run(main)
