"""Generates audio with a trained network: WAV files, or a stream on standard output.

    wavenet sample --workdir=DIR --output=out.wav --seconds=4 --plot
    wavenet sample --workdir=DIR --output=out.wav --prime=clip.wav        continues a clip
    wavenet sample --workdir=DIR --output=out.wav --mel_from=clip.wav     a vocoder's copy of a clip
    wavenet sample --workdir=DIR --output=- --seconds=60 | ffplay -       plays while it generates

The same seed gives the same samples. A file can be played while it grows, and after Ctrl-C or on a full disk it keeps
what was generated. Sound that falls silent or into noise is drawn again, and standard error says so. The speed, of all
files together, is measured after the first piece (a tenth of a second), whose time includes compilation. See also
docs/sampling.md.
"""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import wavenet_jax
from experiments.support import console, flags, plots, runtime
from experiments.support.meter import Meter
from experiments.support.options import checkpoint_option
from experiments.support.outputs import (
    StandardOutput,
    WavFiles,
    check_output,
    check_standard_output,
    refuse_existing,
    reserved,
)
from experiments.support.signals import StopSignals, exit_code
from wavenet_jax.audio.distances import distances
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import read_audio, show
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.generation import ConditionOptions, Generation, GenerationOptions, SavedSession, file_count
from wavenet_jax.sampling import Guard

_PLOTTED_FILES = 8
_PLOTTED_SECONDS = 30


@dataclass(frozen=True)
class Options(Checked):
    """The run, and where the sound is written."""

    workdir: str = option(None, "Run directory, or model folder.", path=True)
    checkpoint: str = checkpoint_option()
    output: str = option(
        None, "WAV file, or - for standard output; several files are numbered: out_0.wav, ...", path=True
    )
    format: str = option(
        "wav",
        "Format of standard output: wav, with an open length, or pcm, mono 16-bit little-endian samples.",
        choices=("wav", "pcm"),
    )
    plot: bool = option(
        False,
        f"Also draw the first {_PLOTTED_SECONDS} s of up to {_PLOTTED_FILES} files into a PNG named as the output.",
    )
    overwrite: bool = option(False, "Replace existing files.")
    guard: bool = option(
        True,
        "Draw again what falls silent or into noise. Sound comes later by silence_seconds; with features, which "
        "may ask for silence, by noise_seconds.",
    )

    def check_together(self) -> None:
        if self.output == "-" and self.plot:
            raise ValueError("--output=- writes no file, so plot has no effect; leave plot out")
        if self.output != "-" and self.format != "wav":
            raise ValueError(f"format={self.format} is for --output=-; leave it out, or write to standard output")


def main(
    options: Options, generation_options: GenerationOptions, condition_options: ConditionOptions, guard: Guard
) -> int:
    paths = _paths(options, generation_options, condition_options)
    runtime.start(cores_as_devices=True)
    run = wavenet_jax.load(options.workdir, options.checkpoint)
    generation = run.generation(generation_options, condition_options, guard if options.guard else None)
    for doubt in generation.doubts:
        console.say(f"warning: {doubt}")
    names = [path.name for path in paths] or ["standard output"]
    meter = Meter(generation, names, guard.attempts)
    session_file = None if generation_options.save_session is None else Path(generation_options.save_session)
    with reserved(session_file, options.overwrite, "save_session"):
        made = _generate(options, generation, paths, meter, keeps_session=session_file is not None)
        if made.session is not None and session_file is not None:
            made.session.save(session_file, run.config)
    if made.signal is not None:
        where = f" in {_listed(paths)}" if paths and meter.seconds else ""
        console.say(f"{made.signal}: kept {meter.seconds:.2f} s{where}")
        return exit_code(made.signal)
    if made.error is not None:
        if not isinstance(made.error, BrokenPipeError):  # that a player was closed is no error
            so_far = f"kept {meter.seconds:.2f} s in {_listed(paths)}" if paths else f"sent {meter.seconds:.2f} s"
            console.say(f"error: {console.reason(made.error)}; {so_far}")
        return 1
    result = {
        "files": [str(path) for path in paths],
        "picture": _picture(options, paths, generation.rate),
        "seconds": max(generation.lengths) / generation.rate,
        **meter.figures(),
        "lookahead_seconds": generation.lookahead / generation.rate,
        **_likelihoods(generation),
        **_distances(run.config, generation, paths),
        "redrawn": meter.redrawn,
        "step": run.step,
        "devices": len(generation.devices),
        "engine": generation.engine,
        "seed": generation_options.seed if generation_options.load_session is None else None,
    }
    if options.output == "-":
        console.say(json.dumps(console.finite(result)))
    else:
        console.result(result)
    return 0


def _paths(options: Options, generation_options: GenerationOptions, condition_options: ConditionOptions) -> list[Path]:
    """Lists the files to write; none for standard output.

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
        raise ValueError("--output=- writes no file, so overwrite has no effect; leave overwrite out")
    if options.output == "-":
        if count > 1 or generation_options.best_of > 1:
            asked = f"{count} of them" if count > 1 else f"best_of={generation_options.best_of}"
            raise ValueError(f"--output=- takes one stream while it is made, got {asked}; write to files instead")
        check_standard_output()
        return []
    output = check_output(Path(options.output), ".wav")
    paths = [output] if count == 1 else [output.with_stem(f"{output.stem}_{i}") for i in range(count)]
    refuse_existing([*paths, output.with_suffix(".png")] if options.plot else paths, options.overwrite)
    return paths


class _Made(NamedTuple):
    """The end of a generation."""

    signal: str | None
    """The signal that ended it, if one did."""
    error: OSError | None
    """The error that ended writing, if one did."""
    session: SavedSession | None
    """The streams after the last piece that was written, if a session is to be saved."""


def _generate(
    options: Options, generation: Generation, paths: list[Path], meter: Meter, *, keeps_session: bool
) -> _Made:
    """Writes pieces as they are generated.

    Raises:
      OSError: not even the first piece could be written to a file.
    """
    session, error = None, None
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(StopSignals("ending after this piece"))
        if options.output == "-":
            write = StandardOutput(generation.rate, options.format).write
        else:
            files = stack.enter_context(WavFiles(paths, generation.rate, generation.takes, options.overwrite))
            stack.callback(lambda: files.keep(generation.best()))
            write = files.write
        stack.enter_context(meter)
        for number, waveforms in enumerate(generation):
            if number == 0 and stop(number) is not None:
                break  # the signal came before there was anything to keep
            try:
                write(waveforms.rows)
            except OSError as caught:
                if paths and not number:
                    raise
                error = caught
                break
            meter(waveforms)
            if keeps_session:
                session = generation.session()
            if stop(number) is not None:
                break
        return _Made(stop(number), error, session)


def _listed(paths: list[Path]) -> str:
    return ", ".join(show(str(path)) for path in paths)


def _likelihoods(generation: Generation) -> dict[str, list]:
    """Returns the bits per sample of each file, and of all its takes."""
    takes = generation.bits_per_sample.reshape(-1, generation.takes).tolist()
    best = generation.best()
    return {"bits_per_sample": [bits[take] for bits, take in zip(takes, best, strict=True)], "takes": takes}


def _distances(run: RunConfig, generation: Generation, paths: list[Path]) -> dict[str, list[dict[str, float]]]:
    """Measures how far each file is from the clip that its features were taken from, where there is one."""

    def measured() -> list[dict[str, float]]:
        return [
            distances(original, read_audio(str(path), generation.rate), LogMel.of(run.model))
            for original, path in zip(generation.originals, paths, strict=bool(paths))
            if original is not None
        ]

    result = console.Channels().attempt("distances", measured)
    return {"distances": result} if result else {}


def _picture(options: Options, paths: list[Path], rate: int) -> str | None:
    """Draws the files if asked to; returns the path of the picture, if it could be drawn."""
    if not options.plot:
        return None
    picture = Path(options.output).with_suffix(".png")

    def draw() -> str:
        sounds = {path.name: read_audio(str(path), rate)[: _PLOTTED_SECONDS * rate] for path in paths[:_PLOTTED_FILES]}
        plots.save_sounds(picture, sounds, rate)
        return str(picture)

    return console.Channels().attempt(f"picture {show(str(picture))}", draw)


if __name__ == "__main__":
    flags.run(main)
