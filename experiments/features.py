"""Measures the features of a recording as a network wants them, into a .npy file with a description beside it.

    python -m experiments.features --workdir=DIR --audio=clip.wav --output=frames.npy

``experiments.sample --mel_from=frames.npy`` takes such a file, and so may an acoustic model be compared with it: the
description, frames.json, holds everything that decides the numbers.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments import flags
from experiments.conditions import description, frames_of_clip, sidecar
from experiments.outputs import check_output, refuse_existing
from wavenet_jax.config import Checked, option
from wavenet_jax.training.directory import read_config


@dataclass(frozen=True)
class Options(Checked):
    """Which recording, for which network."""

    workdir: str = option(None, "Folder of the run whose network is told of features.")
    audio: str = option(None, "Recording to measure.")
    output: str = option(None, "File to write, .npy: float32 [frames, channels].")
    overwrite: bool = option(False, "Replace files that exist.")


def main(options: Options) -> None:
    output = check_output(Path(options.output), ".npy")
    refuse_existing([output, sidecar(output)], options.overwrite)
    run = read_config(Path(options.workdir))
    if not run.model.is_local:
        raise ValueError(f"the network in {options.workdir} is not told of features; choose a run with local_features")
    frames, _, _ = frames_of_clip(options.audio, run)
    around = run.model.conditioning
    frames = frames[around.frames_before : len(frames) - around.frames_after]
    np.save(output, frames)
    sidecar(output).write_text(json.dumps(description(run.model), indent=2) + "\n", encoding="utf-8")
    print(json.dumps({"file": str(output), "frames": len(frames), "channels": frames.shape[1]}))


if __name__ == "__main__":
    flags.run(main)
