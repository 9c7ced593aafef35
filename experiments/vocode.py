"""Judges a vocoder: copies held-out clips from their features.

    wavenet vocode --workdir=DIR --output=FOLDER

Each clip is generated from its features, from the same frames in random order (as good as it gets for a network that
ignores them), and by Griffin-Lim from the same log-mel frames; with --mel_equalization, there is also the copy after
it. Standard output gets JSON lines of distances to the original: for each of these ways, one per clip and one of their
means. FOLDER gets a picture, and WAV files in a folder for each way, with the names of the clips, as ``wavenet judge``
takes them.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import wavenet_jax
from experiments.support import console, flags, plots, runtime, sources
from experiments.support.options import checkpoint_option, data_dir_option
from experiments.support.outputs import refuse_existing, reserved
from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.audio.distances import distances
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.griffin_lim import griffin_lim
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import Describer, Source
from wavenet_jax.generation import MOST_PASSES, Conditioned, GenerationOptions, Given, equalized, mel_of
from wavenet_jax.typing import Conditions


@dataclass(frozen=True)
class Options(Checked):
    """The run, its clips, and where the sounds are written."""

    workdir: str = option(None, "Run directory, or model folder, of a network conditioned on log-mel.", path=True)
    checkpoint: str = checkpoint_option()
    output: str = option(None, "Folder for the WAV files and the picture; made where there is none.", path=True)
    split: str = option("validation", "Which files to copy.", choices=("validation", "test", "train"))
    data_dir: tuple[str, ...] = data_dir_option()
    clips: int = option(5, "Number of clips, spread evenly over the files.", at_least=1)
    seconds: float = option(4.0, "Longest part of a clip to copy, in seconds.", above=0)
    temperature: float = option(1.0, "Sampling temperature: below 1 safer, above 1 noisier.", above=0)
    mel_equalization: int = option(
        0,
        "Passes of mel equalisation, for one more way: the copy after them. 0: none.",
        at_least=0,
        at_most=MOST_PASSES,
    )
    unvoiced_temperature: float | None = option(
        None, "Temperature where the features f0 say that there is no pitch; none: as elsewhere.", above=0
    )
    seed: int = option(0, "Seed of the generation and of the random order.", at_least=0, at_most=2**31 - 1)
    overwrite: bool = option(False, "Replace existing files.")

    @property
    def ways(self) -> tuple[str, ...]:
        """The names of what there is of each clip, the original first."""
        return ("original", "copy", *(["equalized"] if self.mel_equalization else []), "shuffled", "griffin_lim")


def main(options: Options) -> None:
    runtime.start(cores_as_devices=True)
    run = wavenet_jax.load(options.workdir, options.checkpoint)
    if "mel" not in run.config.model.features.local_features:
        raise ValueError(
            f"{options.workdir} is not a vocoder: its network is not conditioned on log-mel (local_features=mel)"
        )
    source = sources.opened_for(run, options.data_dir, options.split)
    if len(source) < options.clips:
        raise ValueError(f"clips must be at most the {len(source)} of {options.split}, got {options.clips}")
    clips = [int(clip) for clip in np.linspace(0, len(source) - 1, options.clips)]
    folder = Path(options.output)
    names = {clip: f"{os.path.splitext(source.names[clip])[0]}.wav" for clip in clips}
    paths = {(clip, way): folder / way / names[clip] for clip in clips for way in options.ways}
    picture = folder / "spectrograms.png"
    refuse_existing([*paths.values(), picture], options.overwrite)
    folder.mkdir(parents=True, exist_ok=True)

    with reserved(picture, options.overwrite, "output"):
        sounds = _sounds(options, run, source, clips)
        for key, sound in sounds.items():
            paths[key].parent.mkdir(parents=True, exist_ok=True)
            write_wav(str(paths[key]), sound, run.sample_rate, generated=True)
        by_clip = {source.names[clip]: {way: sounds[clip, way] for way in options.ways} for clip in clips}
        console.Channels().attempt("picture", lambda: plots.save_spectrograms(picture, by_clip, run.sample_rate))
    for line in _judged(options, run.config, source, clips, sounds):
        console.result(line)


def _sounds(
    options: Options, run: wavenet_jax.Run, source: Source, clips: list[int]
) -> dict[tuple[int, str], np.ndarray]:
    """Generates the waveform ``[T]`` of each clip in each way."""
    model, order = run.config.model, np.random.default_rng(options.seed)
    lengths = [min(int(source.lengths[clip]), round(options.seconds * run.sample_rate)) for clip in clips]
    samples = model.whole_frames(max(lengths))
    describer = Describer(model, source)
    conditions = [describer(clip, 0, samples) for clip in clips]
    shuffled = [_shuffled(run.config, one, length, order) for one, length in zip(conditions, lengths, strict=True)]
    made = run.generation(
        GenerationOptions(
            temperature=options.temperature, unvoiced_temperature=options.unvoiced_temperature, seed=options.seed
        ),
        given=Given(conditions=[Conditioned(one, samples) for one in (*conditions, *shuffled)]),
    ).whole()
    measure, result = LogMel.of(model), {}
    for number, (clip, length) in enumerate(zip(clips, lengths, strict=True)):
        frames = conditions[number].frames
        mel = mel_of(frames, run.config)[: ceil_div(length, measure.hop_samples)]
        result[clip, "original"] = run.audible(source.read(clip, 0, length))
        result[clip, "copy"] = made[number][:length]
        if options.mel_equalization:
            result[clip, "equalized"] = equalized(made[number], frames, run.config, options.mel_equalization)[:length]
        result[clip, "shuffled"] = made[len(clips) + number][:length]
        result[clip, "griffin_lim"] = run.audible(griffin_lim(mel, measure)[:length])
    return result


def _shuffled(run: RunConfig, conditions: Conditions, length: int, order: np.random.Generator) -> Conditions:
    """The same conditions with the frames of the first ``length`` samples in a random order."""
    before, count = run.model.conditioning.frames_before, ceil_div(length, run.model.features.hop_samples)
    frames = conditions.frames.copy()
    frames[before : before + count] = order.permutation(frames[before : before + count])
    return conditions._replace(frames=frames)


def _judged(
    options: Options, run: RunConfig, source: Source, clips: list[int], sounds: dict[tuple[int, str], np.ndarray]
) -> Iterator[dict[str, object]]:
    """A line for each clip and way, then the means over the clips."""
    measure = LogMel.of(run.model)
    for way in options.ways[1:]:
        found = [distances(sounds[clip, "original"], sounds[clip, way], measure) for clip in clips]
        for clip, values in zip(clips, found, strict=True):
            yield {"clip": source.names[clip], "way": way, **values}
        yield {
            "clip": "mean",
            "way": way,
            **{name: float(np.mean([values[name] for values in found])) for name in found[0]},
        }


if __name__ == "__main__":
    flags.run(main)
