"""Judges a vocoder: held-out clips, made again from their features, beside what else could be made of them.

    python -m experiments.vocode --workdir=DIR --output=FOLDER

Each clip is made from its own features, from its own features in a random order of time (what the network would make
if it did not listen to them), and by Griffin-Lim from the same log-mel frames. Distances to the original are JSON lines
on standard output, the last one their means; the sounds are WAV files in FOLDER, beside a picture.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from experiments import flags, plots, runtime, sources
from experiments.outputs import refuse_existing
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.distances import distances
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import write_wav
from wavenet_jax.audio.griffin_lim import griffin_lim
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import Describer, Source, stacked
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import Ancestral, sharing, stream, whole_frames
from wavenet_jax.training import load
from wavenet_jax.typing import Conditions, Params

_WAYS = ("original", "copy", "shuffled", "griffin_lim")


@dataclass(frozen=True)
class Options(Checked):
    """Which clips of which run, and where the sounds are written."""

    workdir: str = option(None, "Folder of the run; its network must be conditioned on log-mel.")
    checkpoint: str = option(
        "latest", "Newest checkpoint, or the one with the best validation.", choices=("latest", "best")
    )
    output: str = option(None, "Folder for the WAV files and the picture; made where there is none.")
    split: str = option("validation", "Which files of the run's data.", choices=("validation", "test", "train"))
    clips: int = option(5, "How many clips, spread evenly over the files.", at_least=1)
    seconds: float = option(4.0, "Longest part of a clip that is made, in seconds.", above=0)
    temperature: float = option(1.0, "Below 1 safer, above 1 noisier.", above=0)
    seed: int = option(0, "Seed of the generation and of the random order.", at_least=0, at_most=2**31 - 1)
    overwrite: bool = option(False, "Replace files that exist.")


def main(options: Options) -> None:
    runtime.start(cores_as_devices=True)
    run, params, _ = load(Path(options.workdir), options.checkpoint)
    if "mel" not in run.model.features.local_features:
        raise ValueError(
            f"{options.workdir} is no vocoder: its network does not listen to log-mel (local_features=mel)"
        )
    source = sources.opened(run.data, run.model, options.split)
    if len(source) < options.clips:
        raise ValueError(f"clips must be at most the {len(source)} of {options.split}, got {options.clips}")
    clips = [int(clip) for clip in np.linspace(0, len(source) - 1, options.clips)]
    folder = Path(options.output)
    paths = {(clip, way): folder / f"{number}_{way}.wav" for number, clip in enumerate(clips) for way in _WAYS}
    picture = folder / "spectrograms.png"
    refuse_existing([*paths.values(), picture], options.overwrite)
    folder.mkdir(parents=True, exist_ok=True)

    sounds = _sounds(options, run, params, source, clips)
    rate = run.model.sample_rate
    for key, sound in sounds.items():
        write_wav(str(paths[key]), sound, rate)
    plots.save_spectrograms(
        picture, {source.names[clip]: {way: sounds[clip, way] for way in _WAYS} for clip in clips}, rate
    )
    for line in _judged(run, source, clips, sounds):
        print(json.dumps(line))


def _sounds(
    options: Options, run: RunConfig, params: Params, source: Source, clips: list[int]
) -> dict[tuple[int, str], np.ndarray]:
    """The waveform ``[T]`` of each clip in each way."""
    model, rate = run.model, run.model.sample_rate
    lengths = [min(int(source.lengths[clip]), round(options.seconds * rate)) for clip in clips]
    samples = whole_frames(model, max(lengths))
    describer, order = Describer(model, source), np.random.default_rng(options.seed)
    told = [describer(clip, 0, samples) for clip in clips]
    shuffled = [_shuffled(run, one, length, order) for one, length in zip(told, lengths, strict=True)]
    pieces = stream(
        WaveNet(model),
        params,
        jax.random.key(options.seed),
        Ancestral(options.temperature),
        batch_size=2 * len(clips),
        length=samples,
        conditions=stacked([*told, *shuffled]),
        devices=sharing(jax.local_devices(), 2 * len(clips)),
    )
    made = Grid.of(model).decode(np.concatenate([piece.codes for piece in pieces], axis=1))
    measure, before = LogMel.of(model), model.conditioning.frames_before
    result = {}
    for number, (clip, length) in enumerate(zip(clips, lengths, strict=True)):
        assert told[number].frames is not None
        mel = told[number].frames[before : before + -(-length // measure.hop_samples), : model.features.mel_channels]
        result[clip, "original"] = source.read(clip, 0, length)
        result[clip, "copy"] = made[number, :length]
        result[clip, "shuffled"] = made[len(clips) + number, :length]
        result[clip, "griffin_lim"] = griffin_lim(mel, measure)[:length]
    coefficient = run.data.pre_emphasis
    if coefficient is None:
        return result
    return {key: deemphasize(waveform, coefficient) for key, waveform in result.items()}


def _shuffled(run: RunConfig, told: Conditions, length: int, order: np.random.Generator) -> Conditions:
    """The same conditions with the frames of the first ``length`` samples in a random order."""
    before, count = run.model.conditioning.frames_before, -(-length // run.model.features.hop_samples)
    frames = told.frames.copy()
    frames[before : before + count] = order.permutation(frames[before : before + count])
    return told._replace(frames=frames)


def _judged(
    run: RunConfig, source: Source, clips: list[int], sounds: dict[tuple[int, str], np.ndarray]
) -> Iterator[dict[str, object]]:
    """A line for each clip and way, then the means over the clips."""
    measure = LogMel.of(run.model)
    for way in _WAYS[1:]:
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
