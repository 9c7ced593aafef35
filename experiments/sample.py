"""Makes sound with a trained model: 16-bit WAV files, and a picture of them.

    python -m experiments.sample --workdir=DIR --output=out.wav --seconds=4 --plot
    python -m experiments.sample --workdir=DIR --output=out.wav --mel_from=clip.wav     a vocoder's copy of a clip

The same seed gives the same samples. Speed, of all files together, is measured after the first quarter of a second of
audio, whose time includes the compilation.
"""

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from experiments import flags, runtime
from experiments.conditions import ConditionOptions
from experiments.generation import Generation, GenerationOptions, prepare
from experiments.outputs import check_output, refuse_existing, wav_files
from wavenet_jax.audio.distances import distances
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import read_audio
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.training import load

_PLOTTED_FILES = 8
_PLOTTED_SECONDS = 30


@dataclass(frozen=True)
class Options(Checked):
    """What makes the sound, and where it is written."""

    workdir: str = option(None, "Folder of the run.")
    checkpoint: str = option(
        "latest", "Newest checkpoint, or the one with the best validation.", choices=("latest", "best")
    )
    output: str = option(None, "WAV file to write; several are numbered: out_0.wav, out_1.wav, ...")
    plot: bool = option(
        False,
        f"Also draw the first {_PLOTTED_SECONDS} s of up to {_PLOTTED_FILES} files into a PNG named as the output.",
    )
    overwrite: bool = option(False, "Replace files that exist.")


def main(options: Options, generation_options: GenerationOptions, condition_options: ConditionOptions) -> None:
    output = check_output(Path(options.output), ".wav")
    paths = _numbered(output, generation_options.num_samples)
    picture = output.with_suffix(".png")
    refuse_existing([*paths, picture] if options.plot else paths, options.overwrite)
    runtime.start()
    run, params, step = load(Path(options.workdir), options.checkpoint)
    generation = prepare(run, params, generation_options, condition_options)
    timing = _generate(generation, paths)
    rate = generation.rate
    if options.plot:
        from experiments import plots  # matplotlib: a second that only pictures need

        sounds = {path.name: read_audio(str(path), rate)[: _PLOTTED_SECONDS * rate] for path in paths[:_PLOTTED_FILES]}
        plots.save_sounds(picture, sounds, rate)
    result = {
        "files": [str(path) for path in paths],
        "picture": str(picture) if options.plot else None,
        "seconds": generation.lengths[0] / rate,
        **timing,
        **_distances(run, generation, paths),
        "step": step,
        "seed": generation_options.seed,
    }
    print(json.dumps(result))


def _generate(generation: Generation, paths: list[Path]) -> dict[str, float | None]:
    """Writes the files; returns how fast that was."""
    rate = generation.rate
    began = time.monotonic()
    first_chunk: float | None = None
    speed = None
    made = 0
    with wav_files(paths, rate) as write, _progress() as progress:
        task = progress.add_task("compiling", total=sum(generation.lengths), speed="")
        for waveforms in generation.pieces():
            write(np.stack(waveforms.rows))
            elapsed = time.monotonic() - began
            new = sum(map(len, waveforms.rows))
            if first_chunk is None:
                first_chunk = elapsed
            else:
                made += new
                speed = made / (elapsed - first_chunk)
            progress.update(
                task,
                description="sampling",
                advance=new,
                speed=f"{speed / rate:.2f} x real time" if speed else "",
            )
    return {
        "samples_per_second": speed,
        "times_real_time": speed and speed / rate,
        "first_chunk_seconds": first_chunk,
    }


def _numbered(output: Path, count: int) -> list[Path]:
    return [output] if count == 1 else [output.with_stem(f"{output.stem}_{i}") for i in range(count)]


def _distances(run: RunConfig, generation: Generation, paths: list[Path]) -> dict[str, list[dict[str, float]]]:
    """How far each file is from the clip that its features were taken from, where there is one."""
    result = []
    for original, path in zip(generation.originals, paths, strict=True):
        if original is not None:
            result.append(distances(original, read_audio(str(path), generation.rate), LogMel.of(run.model)))
    return {"distances": result} if result else {}


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[speed]}"), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


if __name__ == "__main__":
    flags.run(main)
