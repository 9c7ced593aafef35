"""Makes sound with a trained model: 16-bit WAV files, and a picture of them.

    python -m experiments.sample --workdir=DIR --output=out.wav --seconds=4 --plot
    python -m experiments.sample --workdir=DIR --output=out.wav --mel_from=clip.wav     a vocoder's copy of a clip

The same seed gives the same samples. Speed, of all files together, is measured after the first quarter of a second of
audio, whose time includes the compilation.
"""

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from experiments import flags, plots, runtime
from experiments.conditions import ConditionOptions, told
from experiments.outputs import check_output, refuse_existing, wav_files
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.distances import distances
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import read_audio
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.model import WaveNet, head_of
from wavenet_jax.sampling import Ancestral, Mode, Strategy, stream, whole_frames
from wavenet_jax.training import load
from wavenet_jax.typing import Conditions, Params

_PLOTTED_FILES = 8
_PLOTTED_SECONDS = 30
_CHUNKS_PER_SECOND = 4
_SECONDS = 2.0
_MOST_SAMPLES = 2**31 - 1024  # of a WAV file, whose header counts bytes in 32 bits


@dataclass(frozen=True)
class Options(Checked):
    """What is made, and where it is written."""

    workdir: str = option(None, "Folder of the run.")
    checkpoint: str = option(
        "latest", "Newest checkpoint, or the one with the best validation.", choices=("latest", "best")
    )
    output: str = option(None, "WAV file to write; several are numbered: out_0.wav, out_1.wav, ...")
    seconds: float | None = option(None, "Length of each file, in seconds; none: 2, or that of the features.", above=0)
    num_samples: int = option(1, "How many files to make at once.", at_least=1)
    temperature: float = option(1.0, "Below 1 safer and quieter, above 1 more adventurous and noisier.", above=0)
    top_k: int | None = option(None, "Draw among so many of the most probable levels; none: all.", at_least=1)
    top_p: float | None = option(
        None, "Draw among the fewest levels that hold this share of the probability; none: all.", above=0, at_most=1
    )
    min_p: float | None = option(
        None,
        "Draw among levels at least this share as probable as the most probable; none: all.",
        at_least=0,
        at_most=1,
    )
    mode: bool = option(False, "Always take the most probable level; no draw.")
    seed: int = option(0, "Seed of the generation.", at_least=0, at_most=2**31 - 1)
    plot: bool = option(
        False,
        f"Also draw the first {_PLOTTED_SECONDS} s of up to {_PLOTTED_FILES} files into a PNG named as the output.",
    )
    overwrite: bool = option(False, "Replace files that exist.")


def main(options: Options, condition_options: ConditionOptions) -> None:
    output = check_output(Path(options.output), ".wav")
    paths = _numbered(output, options.num_samples)
    picture = output.with_suffix(".png")
    refuse_existing([*paths, picture] if options.plot else paths, options.overwrite)
    runtime.start()
    run, params, step = load(Path(options.workdir), options.checkpoint)
    rate = run.model.sample_rate
    strategy = _strategy(options, run)
    known = told(condition_options, run, options.num_samples)
    length = _length(options.seconds, known.samples, rate)

    timing = _generate(options, run, params, length, paths, strategy, known.conditions, condition_options.guidance)
    if options.plot:
        sounds = {path.name: read_audio(str(path), rate)[: _PLOTTED_SECONDS * rate] for path in paths[:_PLOTTED_FILES]}
        plots.save_sounds(picture, sounds, rate)
    result = {
        "files": [str(path) for path in paths],
        "picture": str(picture) if options.plot else None,
        "seconds": length / rate,
        **timing,
        **({} if known.original is None else _distances(run, known.original[:length], paths)),
        "step": step,
        "seed": options.seed,
    }
    print(json.dumps(result))


def _generate(
    options: Options,
    run: RunConfig,
    params: Params,
    length: int,
    paths: list[Path],
    strategy: Strategy,
    conditions: Conditions,
    guidance: float | None,
) -> dict[str, float | None]:
    """Writes the files; returns how fast that was."""
    rate = run.model.sample_rate
    chunk = whole_frames(run.model, math.ceil(rate / _CHUNKS_PER_SECOND))
    began = time.monotonic()
    first_chunk: float | None = None
    speed = None
    pieces = stream(
        WaveNet(run.model),
        params,
        jax.random.key(options.seed),
        strategy,
        batch_size=options.num_samples,
        length=length,
        chunk=chunk,
        conditions=conditions,
        guidance=guidance,
    )
    with wav_files(paths, rate) as write, _progress() as progress:
        task = progress.add_task("compiling", total=length, speed="")
        for count, waveforms in enumerate(_waveforms(run, pieces, options.num_samples)):
            write(waveforms)
            elapsed = time.monotonic() - began
            if first_chunk is None:
                first_chunk = elapsed
            else:
                speed = count * chunk * options.num_samples / (elapsed - first_chunk)
            progress.update(
                task,
                description="sampling",
                advance=waveforms.shape[1],
                speed=f"{speed / rate:.2f} x real time" if speed else "",
            )
    return {
        "samples_per_second": speed,
        "times_real_time": speed and speed / rate,
        "first_chunk_seconds": first_chunk,
    }


def _waveforms(run: RunConfig, pieces: Iterator[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Codes ``[count, T]`` as audio, float32 ``[count, T]``, with the pre-emphasis of the run's data undone."""
    grid, coefficient = Grid.of(run.model), run.data.pre_emphasis
    latest = np.zeros(count)
    for codes in pieces:
        waveforms = grid.decode(codes)
        if coefficient is not None:
            rows = zip(waveforms, latest, strict=True)
            waveforms = np.stack([deemphasize(waveform, coefficient, previous) for waveform, previous in rows])
            latest = waveforms[:, -1]
        yield waveforms


def _numbered(output: Path, count: int) -> list[Path]:
    return [output] if count == 1 else [output.with_stem(f"{output.stem}_{i}") for i in range(count)]


def _strategy(options: Options, run: RunConfig) -> Strategy:
    truncation = {name: getattr(options, name) for name in ("top_k", "top_p", "min_p")}
    given = [name for name, value in truncation.items() if value is not None]
    if given and not head_of(run.model).truncates:
        raise ValueError(
            f"{given[0]} needs a head that gives probabilities of levels, not {run.model.head}; leave it out"
        )
    if not options.mode:
        return Ancestral(options.temperature, **truncation)
    if given:
        raise ValueError(f"mode draws nothing, so {given[0]} means nothing with it; leave one of them out")
    return Mode()


def _length(seconds: float | None, told: int | None, rate: int) -> int:
    """Samples of each file."""
    if seconds is None:
        return told or round(_SECONDS * rate)
    length = round(seconds * rate)
    longest = _MOST_SAMPLES // rate if told is None else told / rate
    if not 1 <= length <= longest * rate:
        what = "" if told is None else ", which is how long the features last"
        raise ValueError(f"seconds must be between {1 / rate:g} and {longest:g} at {rate} Hz{what}, got {seconds:g}")
    return length


def _distances(run: RunConfig, original: np.ndarray, paths: list[Path]) -> dict[str, list[dict[str, float]]]:
    """How far each file is from the clip that its features were taken from."""
    if run.data.pre_emphasis is not None:
        original = deemphasize(original, run.data.pre_emphasis)
    measure = LogMel.of(run.model)
    copies = [read_audio(str(path), run.model.sample_rate) for path in paths]
    return {"distances": [distances(original, copy, measure) for copy in copies]}


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


if __name__ == "__main__":
    flags.run(main)
