"""Speaks text with a voice.

    wavenet say --text="Hello." --output=hello.wav
    wavenet say --voice=DIR --text_file=story.txt --output=- | ffplay -
    wavenet say --table=sentences.tsv --output=DIR

Long texts are spoken sentence by sentence, in constant memory. The voice says what language a
text is read in. In a text, {HH AH0 L OW1} gives the phones of a word.
"""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import wavenet_jax
from experiments.support import console, flags, runtime
from experiments.support.compared import chosen, transcripts
from experiments.support.outputs import (
    StandardOutput,
    WavFiles,
    check_output,
    check_standard_output,
    refuse_existing,
)
from experiments.support.signals import StopSignals, exit_code
from wavenet_jax.audio.files import show
from wavenet_jax.config import Checked, Prosody, option

_BLOCK = 4_096


@dataclass(frozen=True)
class Options(Checked):
    """The voice, the text, and where the sound is written."""

    voice: str | None = option(
        None, "Voice folder: see wavenet voice; none: the voice that comes with the package.", path=True
    )
    text: str | None = option(None, "Text to speak.")
    text_file: str | None = option(None, "File of the text to speak, UTF-8, or - for standard input.", path=True)
    table: str | None = option(
        None,
        "Table of names and texts, separated by tabs or |: each text is spoken into a file of its name, in the folder "
        "that output names.",
        path=True,
    )
    clips: tuple[str, ...] = option((), "Name of a text of the table, or @FILE with one a line; none: all.")
    output: str = option(None, "WAV file, or - for standard output; with table, a folder.", path=True)
    format: str = option(
        "wav",
        "Format of standard output: wav, with an open length, or pcm, mono 16-bit little-endian samples.",
        choices=("wav", "pcm"),
    )
    label: tuple[str, ...] = option(
        (),
        "Class of the speech, as NAME, or as FAMILY=NAME where several families have it; one for each family of the "
        "voice; without a language, its first one is spoken.",
    )
    phones: bool = option(False, "The text is phones of its language with blanks between them, and | between words.")
    temperature: float = option(0.8, "Sampling temperature of the vocoder: below 1 safer, above 1 noisier.", above=0)
    seed: int = option(0, "Random seed.", at_least=0, at_most=2**31 - 1)
    overwrite: bool = option(False, "Replace an existing file.")

    def check_together(self) -> None:
        if (self.text, self.text_file, self.table).count(None) != 2:
            raise ValueError("one of text, text_file and table is needed, and no two of them")
        if self.clips and self.table is None:
            raise ValueError("clips are names of texts in table; give table, or leave clips out")
        if self.table is not None and self.output == "-":
            raise ValueError("table writes a file for each text, got output=-; name a folder")
        if self.output == "-" and self.overwrite:
            raise ValueError("--output=- writes no file, so overwrite has no effect; leave overwrite out")
        if self.output != "-" and self.format != "wav":
            raise ValueError(f"format={self.format} is for --output=-; leave it out, or write to standard output")


def main(options: Options, prosody: Prosody) -> int:
    return _say_table(options, prosody) if options.table is not None else _say_text(options, prosody)


def _say_table(options: Options, prosody: Prosody) -> int:
    """Speaks each text of a table into a file of its own."""
    texts = transcripts(str(options.table))
    names = chosen({"table": texts}, options.clips, None)
    paths = [Path(options.output, f"{name}.wav") for name in names]
    refuse_existing(paths, options.overwrite)
    runtime.start()
    voice = wavenet_jax.load_voice(options.voice)
    with StopSignals("ending after this text") as stop:
        for number, (name, path) in enumerate(zip(names, paths, strict=True)):
            reason = stop(number)
            if reason is not None:
                console.say(f"{reason}: spoke {number} of {len(names)} texts")
                return exit_code(reason)
            try:
                sound = np.concatenate(list(_pieces(voice, texts[name], options, prosody)))
            except ValueError as error:
                console.say(f"{show(name)} is left out: {error}")
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            wavenet_jax.write_wav(path, sound, voice.sample_rate, generated=True)
            console.result({"file": str(path), "seconds": len(sound) / voice.sample_rate, "seed": options.seed})
    return 0


def _pieces(
    voice: wavenet_jax.Voice, text: str | Iterator[str], options: Options, prosody: Prosody
) -> Iterator[np.ndarray]:
    return voice.stream(
        text,
        phones=options.phones,
        label=options.label,
        **dataclasses.asdict(prosody),
        temperature=options.temperature,
        seed=options.seed,
    )


def _say_text(options: Options, prosody: Prosody) -> int:
    path = None if options.output == "-" else check_output(Path(options.output), ".wav")
    if path is None:
        check_standard_output()
    else:
        refuse_existing([path], options.overwrite)
    runtime.start()
    voice = wavenet_jax.load_voice(options.voice)
    samples = 0
    with contextlib.ExitStack() as stack:
        stop = stack.enter_context(StopSignals("ending after this piece"))
        text = options.text if options.text is not None else stack.enter_context(_reading(str(options.text_file)))
        write = (
            StandardOutput(voice.sample_rate, options.format).write
            if path is None
            else stack.enter_context(WavFiles([path], voice.sample_rate, replace=options.overwrite)).write
        )
        pieces = _pieces(voice, text, options, prosody)
        reason = stop(0)
        for number, piece in enumerate(pieces):
            try:
                write([piece])
            except OSError as error:
                error.add_note(f"{'kept' if path else 'sent'} {samples / voice.sample_rate:.2f} s")
                raise
            samples += len(piece)
            reason = stop(number)
            if reason is not None:
                break
    seconds = samples / voice.sample_rate
    if reason is not None:
        console.say(f"{reason}: kept {seconds:.2f} s")
        return exit_code(reason)
    if path is not None:
        console.result({"file": str(path), "seconds": seconds, "seed": options.seed})
    return 0


@contextlib.contextmanager
def _reading(name: str) -> Iterator[Iterator[str]]:
    """Opens a text, and gives its pieces; bytes that are no UTF-8 are read as a replacement character.

    Raises:
      ValueError: it cannot be opened.
    """
    if name == "-":
        if sys.stdin is None:
            raise ValueError("text_file=- reads standard input, which is closed; name a file")
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]
        yield iter(lambda: sys.stdin.read(_BLOCK), "")
        return
    try:
        file = open(name, encoding="utf-8-sig", errors="replace")  # noqa: SIM115 - closed below
    except OSError as error:
        raise ValueError(f"text_file {show(name)} cannot be read: {error.strerror}; check its name") from None
    with file:
        yield iter(lambda: file.read(_BLOCK), "")


if __name__ == "__main__":
    flags.run(main)
