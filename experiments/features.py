"""Measures the features of a recording into a .npy file, or writes those of a whole folder.

    wavenet features --workdir=DIR --audio=clip.wav --output=frames.npy
    wavenet features --acoustic=RUN --data_dir=DIR --output=DIR
    wavenet features --phones --flagfile=speech/direct.flags --data_dir=DIR --output=DIR

``wavenet sample --mel_from=frames.npy`` reads such a file. The description, frames.json, holds every parameter of the
features, so that those of another program, such as an acoustic model, can be checked against it.

With ``--acoustic`` the frames of aligned recordings are predicted from what is said in them, with the lengths and the
pitch that they have, and --output is a folder: ``wavenet train --feature_dir`` trains a vocoder on them, which then
meets in training what it gets in speaking. A folder that has some of the files already gets the others.

With ``--phones`` they are those of a network that is told phones (--local_features=phones), whose flags are given: what
is said in each frame, as it was aligned, beside what is measured. Such a network cannot be trained without them. Either
way aligns the recordings as ``wavenet align`` does.
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import wavenet_jax
from experiments.support import console, flags, sources
from experiments.support.alignment import aligned_for, aligner_option
from experiments.support.outputs import check_output, refuse_existing
from wavenet_jax.acoustic import AcousticConfig, AcousticRunConfig, Speaker
from wavenet_jax.acoustic.beginning import read_source
from wavenet_jax.acoustic.data import AcousticClips, AlignedClip
from wavenet_jax.acoustic.linguistic import whole_frames
from wavenet_jax.alignment import with_transcripts
from wavenet_jax.config import Checked, RunConfig, option, override
from wavenet_jax.data import Describer, description, sidecar
from wavenet_jax.storage import replacing, write_whole
from wavenet_jax.text import ENGLISH, LANGUAGES

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
    flow_temperature: float | None = override(AcousticConfig, "flow_temperature", "that of the model")
    language: str = option(ENGLISH.code, "Language of the transcripts, for phones.", choices=tuple(LANGUAGES))
    phones: bool = option(
        False, "Write what is said in the recordings of data_dir, for the network of the flags below."
    )
    aligner: str = aligner_option()
    output: str = option(
        None,
        "File (.npy) to write: float32 [frames, channels]; with acoustic or phones, a folder of them (float16 with "
        "phones).",
        path=True,
    )
    overwrite: bool = option(False, "Replace existing files.")

    def check_together(self) -> None:
        if self.acoustic is not None and self.phones:
            raise ValueError("acoustic predicts features, and phones are those of the alignment; leave one of them out")
        of_folder = "acoustic" if self.acoustic is not None else "phones"
        if self.acoustic is None and not self.phones and (self.workdir is None or self.audio is None):
            raise ValueError("workdir and audio are needed, or acoustic or phones with the data_dir of recordings")
        if not self.phones and self.language != ENGLISH.code:
            raise ValueError(
                f"language is for phones, got {self.language}; leave it out, an acoustic model has its own"
            )
        if self.acoustic is None and self.flow_temperature is not None:
            raise ValueError("flow_temperature is for acoustic; leave it out")
        if (self.acoustic is not None or self.phones) and (self.workdir is not None or self.audio is not None):
            raise ValueError(f"{of_folder} is for all recordings of data_dir; leave workdir and audio out")


def main(options: Options, config: RunConfig) -> None:
    if options.phones:
        _tell(options, config)
        return
    data = dataclasses.replace(config.data, data_dir=())
    if dataclasses.replace(config, data=data) != RunConfig():
        raise ValueError("flags of a network are for phones; others have theirs from workdir or acoustic")
    if options.acoustic is not None:
        _predict(options, Path(options.acoustic), config.data.data_dir)
    elif config.data.data_dir:
        raise ValueError("data_dir is for acoustic and phones; a single recording is named by audio")
    else:
        _measure(options)


def _predict(options: Options, acoustic: Path, data_dir: tuple[str, ...]) -> None:
    trained = read_source(acoustic)
    config = trained.config
    if data_dir:
        config = dataclasses.replace(config, data=dataclasses.replace(config.data, data_dir=data_dir))
    clips = _clips(options, config)
    if options.flow_temperature is not None:
        config = dataclasses.replace(
            config, acoustic=dataclasses.replace(config.acoustic, flow_temperature=options.flow_temperature)
        )
    speaker = Speaker(trained._replace(config=config))
    written = _write(options, clips, lambda number, clip: speaker.follow(clip, (_SEED, number)))
    console.result({"folder": options.output, "clips": len(clips), "written": written, "acoustic_step": trained.step})


def _tell(options: Options, config: RunConfig) -> None:
    names = config.model.features.local_features
    if "phones" not in names:
        raise ValueError(
            f"phones needs a network with local_features=phones, got {', '.join(names) or 'none'}; give its flags, as "
            "--flagfile=speech/direct.flags has them"
        )
    described = AcousticRunConfig.of_vocoder(config)
    described = dataclasses.replace(
        described, acoustic=dataclasses.replace(described.acoustic, language=options.language)
    )
    clips = _clips(options, described)

    def frames(number: int, clip: AlignedClip) -> np.ndarray:
        return whole_frames(described, clip.symbols, clip.lengths, clip.frames).astype(np.float16)

    written = _write(options, clips, frames)
    channels = config.model.features.channels
    console.result({"folder": options.output, "clips": len(clips), "written": written, "channels": channels})


def _clips(options: Options, config: AcousticRunConfig) -> AcousticClips:
    if Path(options.output).exists() and not Path(options.output).is_dir():
        raise ValueError(f"output must be a folder, got {options.output}")
    config = dataclasses.replace(config, data=with_transcripts(config.data))
    source = sources.opened(config.data, config.measured, "all")
    found = aligned_for(config, (source,), None, options.aligner)
    return AcousticClips(config, source, found.clips, Describer(config.measured, source))


def _write(options: Options, clips: AcousticClips, frames: Callable[[int, AlignedClip], np.ndarray]) -> int:
    """Writes the frames of each clip, unless there are some; returns how many files it wrote."""
    written = 0
    with sources.counting("describing clips") as progress:
        for number, name in enumerate(clips.names):
            path = (Path(options.output) / name).with_suffix(".npy")
            if options.overwrite or not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                with replacing(path) as file:
                    np.save(file, frames(number, clips.clip(number)))
                written += 1
            progress(number + 1, len(clips))
    return written


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
