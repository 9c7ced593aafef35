"""Makes sound with a trained model: 16-bit WAV files, and a picture of them.

    python -m experiments.sample --workdir=DIR --output=out.wav --seconds=4 --plot
    python -m experiments.sample --workdir=DIR --output=out.wav --prime=clip.wav        goes on where a clip ends
    python -m experiments.sample --workdir=DIR --output=out.wav --mel_from=clip.wav     a vocoder's copy of a clip
    python -m experiments.sample --workdir=DIR --output=- --seconds=60 | ffplay -       heard while it is made

The same seed gives the same samples. A file can be played while it grows; Ctrl-C keeps what was made. Sound that falls
silent or into noise is drawn again, and the program says so. Speed, of all files together, is measured after the first
piece, of a tenth of a second, whose time includes the compilation. docs/sampling.md tells more.
"""

import contextlib
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from experiments import flags, runtime
from experiments.conditions import ConditionOptions
from experiments.generation import Generation, file_count, prepare
from experiments.generation_options import GenerationOptions
from experiments.meter import Meter
from experiments.outputs import StandardOutput, WavFiles, check_output, refuse_existing, refuse_terminal
from experiments.signals import StopSignals, exit_code
from wavenet_jax.audio.distances import distances
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import read_audio
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.sampling import Guard
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
    output: str = option(None, "WAV file, or - for standard output; several files are numbered: out_0.wav, ...")
    format: str = option(
        "wav",
        "What standard output gets: wav, of a length that is not known yet, or pcm, mono 16-bit little-endian samples.",
        choices=("wav", "pcm"),
    )
    plot: bool = option(
        False,
        f"Also draw the first {_PLOTTED_SECONDS} s of up to {_PLOTTED_FILES} files into a PNG named as the output.",
    )
    overwrite: bool = option(False, "Replace files that exist.")
    guard: bool = option(
        True,
        "Draw again what falls silent or into noise; the sound is then given out later by --silence_seconds, and with "
        "features, which may say silence, by --noise_seconds.",
    )

    def check_together(self) -> None:
        if self.output == "-" and self.plot:
            raise ValueError("--output=- writes no file, so plot means nothing with it; leave plot out")
        if self.output != "-" and self.format != "wav":
            raise ValueError(f"format={self.format} is for --output=-; leave it out, or write to standard output")


def main(
    options: Options, generation_options: GenerationOptions, condition_options: ConditionOptions, guard: Guard
) -> int:
    paths = _paths(options, generation_options, condition_options)
    runtime.start(cores_as_devices=True)
    run, params, step = load(Path(options.workdir), options.checkpoint)
    generation = prepare(run, params, generation_options, condition_options, guard if options.guard else None)
    names = [path.name for path in paths] or ["standard output"]
    meter = Meter(generation, names, guard.attempts)
    stopped = _generate(options, generation, paths, meter)
    if meter.seconds and generation_options.save_session is not None:
        generation.save(generation_options.save_session)
    if stopped is not None:
        where = f" in {', '.join(map(str, paths))}" if paths and meter.seconds else ""
        print(f"{stopped}: kept {meter.seconds:.2f} s{where}", file=sys.stderr)
        return exit_code(stopped)
    result = {
        "files": [str(path) for path in paths],
        "picture": _picture(options, paths, generation.rate),
        "seconds": max(generation.lengths) / generation.rate,
        **meter.figures(),
        **_likelihoods(generation),
        **_distances(run, generation, paths),
        "redrawn": meter.redrawn,
        "step": step,
        "devices": len(generation.devices),
        "seed": generation_options.seed if generation_options.load_session is None else None,
    }
    print(json.dumps(result), file=sys.stderr if options.output == "-" else sys.stdout)
    return 0


def _paths(options: Options, generation_options: GenerationOptions, condition_options: ConditionOptions) -> list[Path]:
    """The files that will be written; none for standard output.

    Raises:
      ValueError: they must not be written, or standard output cannot take what is asked for.
    """
    count = file_count(generation_options, condition_options)
    session = generation_options.save_session
    if session is not None:
        refuse_existing(
            [check_output(Path(session), ".safetensors", "save_session")], options.overwrite, "save_session"
        )
    elif options.output == "-" and options.overwrite:
        raise ValueError("--output=- writes no file, so overwrite means nothing with it; leave overwrite out")
    if options.output == "-":
        if count > 1 or generation_options.best_of > 1:
            asked = f"{count} of them" if count > 1 else f"best_of={generation_options.best_of}"
            raise ValueError(f"--output=- takes one stream while it is made, got {asked}; write to files instead")
        refuse_terminal()
        return []
    output = check_output(Path(options.output), ".wav")
    paths = [output] if count == 1 else [output.with_stem(f"{output.stem}_{i}") for i in range(count)]
    refuse_existing([*paths, output.with_suffix(".png")] if options.plot else paths, options.overwrite)
    return paths


def _generate(options: Options, generation: Generation, paths: list[Path], meter: Meter) -> str | None:
    """Writes what is made; returns the signal that ended it, if one did."""
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(StopSignals("ending after this piece"))
        if options.output == "-":
            write = StandardOutput(generation.rate, options.format).write
        else:
            files = stack.enter_context(WavFiles(paths, generation.rate, generation.takes))
            stack.callback(lambda: files.keep(generation.best()))
            write = files.write
        stack.enter_context(meter)
        for number, waveforms in enumerate(generation.pieces()):
            if number == 0 and stop(number) is not None:
                break  # the signal came before there was anything to keep
            write(waveforms.rows)
            meter(waveforms)
            if stop(number) is not None:
                break
        return stop(number)


def _likelihoods(generation: Generation) -> dict[str, list]:
    """Bits per sample of each file, and of all its takes."""
    takes = generation.bits_per_sample.reshape(-1, generation.takes).tolist()
    best = generation.best()
    return {"bits_per_sample": [bits[take] for bits, take in zip(takes, best, strict=True)], "takes": takes}


def _distances(run: RunConfig, generation: Generation, paths: list[Path]) -> dict[str, list[dict[str, float]]]:
    """How far each file is from the clip that its features were taken from, where there is one."""
    result = []
    for original, path in zip(generation.originals, paths, strict=bool(paths)):
        if original is not None:
            result.append(distances(original, read_audio(str(path), generation.rate), LogMel.of(run.model)))
    return {"distances": result} if result else {}


def _picture(options: Options, paths: list[Path], rate: int) -> str | None:
    """Draws the files, if that is asked for; returns where."""
    if not options.plot:
        return None
    from experiments import plots  # matplotlib: a second that only pictures need

    sounds = {path.name: read_audio(str(path), rate)[: _PLOTTED_SECONDS * rate] for path in paths[:_PLOTTED_FILES]}
    picture = Path(options.output).with_suffix(".png")
    plots.save_sounds(picture, sounds, rate)
    return str(picture)


if __name__ == "__main__":
    flags.run(main)
