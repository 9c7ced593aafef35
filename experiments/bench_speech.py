"""Measures how soon and how fast a vocoder copies a recording, or a voice says a text.

    wavenet bench-speech --vocoder=examples/vocoder --recording=clip.flac
    wavenet bench-speech --voice=DIR --text="Hello." --weights=float32 --weights=int8

From the call to the last sample, features of the recording, text and frames included: seconds of sound in a second, and
seconds until the first piece, a tenth of a second, is there. The first call, which compiles, is a figure of its own.
Where there is a native engine, it runs; number formats that it cannot have are left out, with the reason. Compilation
does not use the cache.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np

import wavenet_jax
from experiments.support import console, flags, runtime
from experiments.support.benchmarks import show
from experiments.support.figures import Figure, digits, figure, skipped
from wavenet_jax.config import Checked, option
from wavenet_jax.engine import FORMATS

TEXT = "The person you are calling is not available. Please leave a message after the tone."
_TEMPERATURE = 0.8

Sounds = Callable[[str], Iterator[np.ndarray]]
"""Begins the sound anew, with weights in a number format: pieces, float ``[T]``."""


@dataclass(frozen=True)
class Options(Checked):
    """What speaks, and what it says."""

    vocoder: str | None = option(None, "Run directory or model folder of a vocoder, which copies recording.", path=True)
    recording: str | None = option(None, "Sound file that the vocoder copies.", path=True)
    voice: str | None = option(
        None, "Voice folder; without a vocoder and without a voice, the voice that comes with the package.", path=True
    )
    text: str = option(TEXT, "Text that the voice says.")
    label: tuple[str, ...] = option((), "Class of the speech, one for each family of the voice: see wavenet say.")
    weights: tuple[str, ...] = option(
        ("float32",), "Number formats of the engine's weights to measure in turn; repeat for several.", choices=FORMATS
    )
    repeats: int = option(7, "Number of measurements after the first.", at_least=1)

    def check_together(self) -> None:
        if (self.vocoder is None) != (self.recording is None):
            raise ValueError("vocoder and recording are given together, or none of them")
        if self.vocoder is not None and self.voice is not None:
            raise ValueError("vocoder and voice do not go together; leave voice out")


def main(options: Options) -> None:
    runtime.start(cores_as_devices=True)
    jax.config.update("jax_enable_compilation_cache", False)
    name, sounds, rate = ("say", *_voice(options)) if options.vocoder is None else ("copy", *_copy(options))
    timed: dict[str, list[_Timed]] = {weights: [] for weights in options.weights}
    left_out: list[Figure] = []
    for repeat in range(1 + options.repeats):
        for weights, times in list(timed.items()):
            try:
                times.append(_time(sounds(weights), rate))
            except ValueError as error:
                if repeat or len(timed) == 1:
                    raise
                del timed[weights]
                left_out.append(skipped(f"{name}/{weights}", console.reason(error)))
    results = [one for weights, times in timed.items() for one in _figures(f"{name}/{weights}", times)]
    for result in results + left_out:
        console.result(result)
    columns = ("figure", "unit", "median", "spread")
    show("", columns, [[r["name"], r["unit"], digits(r["median"]), _range(r["spread"])] for r in results])


class _Timed(NamedTuple):
    """Seconds of one sound."""

    first: float
    """From the call to the first piece."""
    whole: float
    """From the call to the end."""
    sound: float
    """How long it sounds."""


def _time(pieces: Iterator[np.ndarray], rate: int) -> _Timed:
    began = time.perf_counter()
    samples, first = len(next(pieces)), time.perf_counter() - began
    samples += sum(map(len, pieces))
    return _Timed(first, time.perf_counter() - began, samples / rate)


def _figures(name: str, times: list[_Timed]) -> list[Figure]:
    cold, *warm = times
    seconds = {"seconds": round(cold.sound, 3)}
    return [
        figure(name, "x real time", [each.sound / each.whole for each in warm], **seconds),
        figure(f"{name}/first-sound", "s", [each.first for each in warm]),
        figure(f"{name}/first-sound-compiling", "s", [cold.first]),
    ]


def _copy(options: Options) -> tuple[Sounds, int]:
    run = wavenet_jax.load(str(options.vocoder))

    def sounds(weights: str) -> Iterator[np.ndarray]:
        stream = run.stream(features=options.recording, temperature=_TEMPERATURE, guard=None, weights=weights)
        for piece in stream:
            yield piece.audio

    return sounds, run.sample_rate


def _voice(options: Options) -> tuple[Sounds, int]:
    voice = wavenet_jax.load_voice(options.voice)
    return lambda weights: voice.stream(options.text, label=options.label, weights=weights), voice.sample_rate


def _range(spread: list[float]) -> str:
    return " to ".join(map(digits, spread))


if __name__ == "__main__":
    flags.run(main)
