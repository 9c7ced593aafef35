"""Makes sound with a trained model: 16-bit WAV files, and a picture of them.

    python -m experiments.sample --workdir=DIR --output=out.wav --seconds=4 --plot

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
from experiments.outputs import check_output, refuse_existing, wav_files
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.audio.files import read_audio
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import Ancestral, stream
from wavenet_jax.training import load
from wavenet_jax.typing import Params

_PLOTTED_FILES = 8
_PLOTTED_SECONDS = 30
_CHUNKS_PER_SECOND = 4
_MOST_SAMPLES = 2**31 - 1024  # of a WAV file, whose header counts bytes in 32 bits


@dataclass(frozen=True)
class Options(Checked):
    """What is made, and where it is written."""

    workdir: str = option(None, "Folder of the run.")
    checkpoint: str = option(
        "latest", "Newest checkpoint, or the one with the best validation.", choices=("latest", "best")
    )
    output: str = option(None, "WAV file to write; several are numbered: out_0.wav, out_1.wav, ...")
    seconds: float = option(2.0, "Length of each file, in seconds.", above=0)
    num_samples: int = option(1, "How many files to make at once.", at_least=1)
    temperature: float = option(1.0, "Below 1 safer and quieter, above 1 more adventurous and noisier.", above=0)
    seed: int = option(0, "Seed of the generation.", at_least=0, at_most=2**31 - 1)
    plot: bool = option(
        False,
        f"Also draw the first {_PLOTTED_SECONDS} s of up to {_PLOTTED_FILES} files into a PNG named as the output.",
    )
    overwrite: bool = option(False, "Replace files that exist.")


def main(options: Options) -> None:
    output = check_output(Path(options.output), ".wav")
    paths = _numbered(output, options.num_samples)
    picture = output.with_suffix(".png")
    refuse_existing([*paths, picture] if options.plot else paths, options.overwrite)
    runtime.start()
    run, params, step = load(Path(options.workdir), options.checkpoint)
    rate = run.model.sample_rate
    length = _length(options.seconds, rate)

    timing = _generate(options, run, params, length, paths)
    if options.plot:
        sounds = {path.name: read_audio(str(path), rate)[: _PLOTTED_SECONDS * rate] for path in paths[:_PLOTTED_FILES]}
        plots.save_sounds(picture, sounds, rate)
    result = {
        "files": [str(path) for path in paths],
        "picture": str(picture) if options.plot else None,
        "seconds": length / rate,
        **timing,
        "step": step,
        "seed": options.seed,
    }
    print(json.dumps(result))


def _generate(
    options: Options, run: RunConfig, params: Params, length: int, paths: list[Path]
) -> dict[str, float | None]:
    """Writes the files; returns how fast that was."""
    rate = run.model.sample_rate
    chunk = math.ceil(rate / _CHUNKS_PER_SECOND)
    began = time.monotonic()
    first_chunk: float | None = None
    speed = None
    pieces = stream(
        WaveNet(run.model),
        params,
        jax.random.key(options.seed),
        Ancestral(options.temperature),
        batch_size=options.num_samples,
        length=length,
        chunk=chunk,
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


def _length(seconds: float, rate: int) -> int:
    length = round(seconds * rate)
    if not 1 <= length <= _MOST_SAMPLES:
        raise ValueError(
            f"seconds must be between {1 / rate:g} and {_MOST_SAMPLES // rate} at {rate} Hz, got {seconds:g}"
        )
    return length


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


if __name__ == "__main__":
    flags.run(main)
