"""Measures the features of a recording into a .npy file, or predicts those of a folder.

    wavenet features --workdir=DIR --audio=clip.wav --output=frames.npy
    wavenet features --acoustic=RUN --data_dir=DIR --output=DIR

``wavenet sample --mel_from=frames.npy`` reads such a file. The description, frames.json, holds every parameter of the
features, so that those of another program, such as an acoustic model, can be checked against it.

With ``--acoustic`` the frames of aligned recordings are predicted from what is said in them, with the lengths and the
pitch that they have, and --output is a folder: ``wavenet train --feature_dir`` trains a vocoder on them, which then
meets in training what it gets in speaking. A folder that has some of the files already gets the others.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import wavenet_jax
from experiments.support import console, flags, sources
from experiments.support.options import data_dir_option
from experiments.support.outputs import check_output, refuse_existing
from wavenet_jax.acoustic import Speaker
from wavenet_jax.acoustic.beginning import read_source
from wavenet_jax.acoustic.data import AcousticClips
from wavenet_jax.alignment import align, with_transcripts
from wavenet_jax.config import Checked, option
from wavenet_jax.data import Describer, description, sidecar
from wavenet_jax.storage import replacing, write_whole
from wavenet_jax.text import Lexicon

_SEED = 20


@dataclass(frozen=True)
class Options(Checked):
    """The recording, and the network to measure it for."""

    workdir: str | None = option(
        None, "Run directory, or model folder, of a network conditioned on features.", path=True
    )
    audio: str | None = option(None, "Recording to measure.", path=True)
    acoustic: str | None = option(
        None, "Run directory of an acoustic model, or voice folder, that predicts.", path=True
    )
    flow_temperature: float | None = option(
        None,
        "Share of the flow's noise in predictions; none: as in speaking.",
        at_least=0,
        at_most=2,
    )
    data_dir: tuple[str, ...] = data_dir_option()
    output: str = option(
        None, "File (.npy) to write: float32 [frames, channels]; with acoustic, a folder of them.", path=True
    )
    overwrite: bool = option(False, "Replace existing files.")

    def check_together(self) -> None:
        if self.acoustic is None:
            if self.workdir is None or self.audio is None:
                raise ValueError("workdir and audio are needed, or acoustic with the data_dir of recordings")
            if self.flow_temperature is not None:
                raise ValueError("flow_temperature is for acoustic; leave it out")
            if self.data_dir:
                raise ValueError("data_dir is for acoustic; a single recording is named by audio")
        elif self.workdir is not None or self.audio is not None:
            raise ValueError("acoustic predicts the features of data_dir; leave workdir and audio out")


def main(options: Options) -> None:
    if options.acoustic is not None:
        _predict(options, Path(options.acoustic), Path(options.output))
    else:
        _measure(options)


def _predict(options: Options, acoustic: Path, output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise ValueError(f"output must be a folder, got {options.output}")
    trained = read_source(acoustic)
    config = trained.config
    if options.data_dir:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir=options.data_dir))
    config = dataclasses.replace(config, data=with_transcripts(config.data))
    with sources.counting("aligning clips") as progress:
        aligned = align(config.data, Lexicon(), progress)
    source = sources.opened(config.data, config.model, "all")
    clips = AcousticClips(config, source, aligned.clips, Describer(config.model, source))
    if options.flow_temperature is not None:
        config = dataclasses.replace(
            config, acoustic=dataclasses.replace(config.acoustic, flow_temperature=options.flow_temperature)
        )
    speaker, written = Speaker(trained._replace(config=config)), 0
    with sources.counting("predicting clips") as progress:
        for number, name in enumerate(clips.names):
            path = (output / name).with_suffix(".npy")
            if options.overwrite or not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path) as file:
                    np.save(file, speaker.follow(clips.clip(number), (_SEED, number)))
                written += 1
            progress(number + 1, len(clips))
    console.result({"folder": str(output), "clips": len(clips), "written": written, "acoustic_step": trained.step})


def _measure(options: Options) -> None:
    output = check_output(Path(options.output), ".npy")
    refuse_existing([output, sidecar(output)], options.overwrite)
    run = wavenet_jax.load(str(options.workdir), checkpoint=None)
    frames = run.features(str(options.audio))
    with replacing(output) as file:
        np.save(file, frames)
    write_whole(sidecar(output), (json.dumps(description(run.config.model), indent=2) + "\n").encode())
    console.result({"file": str(output), "frames": len(frames), "channels": frames.shape[1]})


if __name__ == "__main__":
    flags.run(main)
