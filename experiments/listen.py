"""Compares the long-term spectrum of generated audio with that of the data.

    wavenet listen --workdir=DIR --audio=out.wav [--audio=other.wav ...]

The long-term average spectrum of the files in third-octave bands (Byrne et al., An international comparison of
long-term average speech spectra, 1994) is compared with that of the run's held-out files, at the same level; the
distance is the mean absolute difference over bands, in dB. The result also has the distance of white noise, and of one
half of the held-out audio from the other, which no generator beats with as much audio. Both sides are compared as
they sound, with pre-emphasis undone.

``guard_alarms`` counts how often the guard of ``wavenet sample`` would have drawn again, had the network generated the
held-out files: bounds that suit the data leave them alone. The guard's flags are the same as there.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import welch

import wavenet_jax
from experiments.support import console, flags, runtime, sources
from experiments.support.options import data_dir_option
from wavenet_jax.audio.files import read_audio
from wavenet_jax.audio.impression import Impression
from wavenet_jax.config import Checked, WaveNetConfig, option
from wavenet_jax.generation import samples_of_a_piece
from wavenet_jax.sampling import Guard

_LOWEST_HZ = 100
_WINDOW_SECONDS = 0.064


@dataclass(frozen=True)
class Options(Checked):
    """The files to compare, and the reference."""

    workdir: str = option(None, "Run directory, or model folder, whose held-out audio is the reference.", path=True)
    audio: tuple[str, ...] = option(
        (), "Audio file to compare; repeat for several, which are taken together.", path=True
    )
    split: str = option("validation", "Which of the run's files are the reference.", choices=("validation", "train"))
    data_dir: tuple[str, ...] = data_dir_option()


def main(options: Options, guard: Guard) -> None:
    if not options.audio:
        raise ValueError("audio needs the name of a file, got none")
    runtime.start()
    run = wavenet_jax.load(options.workdir, checkpoint=None)
    rate = run.sample_rate
    sounds = [read_audio(name, rate) for name in options.audio]
    source = sources.opened_for(run, options.data_dir, options.split)
    as_learned = [source.read(clip, 0, int(length)) for clip, length in enumerate(source.lengths)]
    if not as_learned:
        raise ValueError(f"{options.split} has no clips to compare with; hold out some")
    if len(as_learned) == 1:  # its halves stand for two clips
        as_learned = np.array_split(as_learned[0], 2)
    reference = [run.audible(waveform) for waveform in as_learned]
    sound, real = np.concatenate(sounds), np.concatenate(reference)
    target = band_levels(reference, rate)
    noise = np.random.default_rng(0).normal(size=rate * 4)
    impression, expected = Impression.of(sound), Impression.of(real)
    result = {
        "files": list(options.audio),
        "seconds": len(sound) / rate,
        "spectrum_distance_db": distance(band_levels(sounds, rate), target),
        "white_noise_distance_db": distance(band_levels([noise], rate), target),
        "real_audio_distance_db": distance(band_levels(reference[::2], rate), band_levels(reference[1::2], rate)),
        "level_db": impression.level_db,
        "reference_level_db": expected.level_db,
        "verdict": impression.verdict(expected),
        "guard_alarms": _alarms(guard, as_learned, run.config.model),
    }
    console.result(result)


def _alarms(guard: Guard, sounds: Sequence[np.ndarray], model: WaveNetConfig) -> dict[str, float]:
    """Counts the alarms over all sounds, given as the guard gets them: with pre-emphasis."""
    rate, chunk = model.sample_rate, samples_of_a_piece(model)
    found = sum((Counter(guard.alarms(sound, rate, chunk)) for sound in sounds), Counter())
    return {"silence": found["silence"], "noise": found["noise"], "seconds": sum(map(len, sounds)) / rate}


def band_levels(sounds: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """Measures the level of each third-octave band above 100 Hz, in dB, of several waveforms taken together."""
    size = round(_WINDOW_SECONDS * sample_rate)
    spectra = [welch(sound, sample_rate, nperseg=size)[1] for sound in sounds if len(sound) >= size]
    weights = [len(sound) for sound in sounds if len(sound) >= size]
    if not spectra:
        raise ValueError(f"the audio is shorter than {_WINDOW_SECONDS} s; give longer files")
    power = np.average(spectra, axis=0, weights=weights)
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate)
    edges = _LOWEST_HZ * 2 ** (np.arange(1 + int(3 * np.log2(sample_rate / 2 / _LOWEST_HZ))) / 3)
    bands = np.digitize(frequencies, edges)
    return np.array([10 * np.log10(power[bands == band].sum() + 1e-20) for band in range(1, len(edges))])


def distance(levels: np.ndarray, others: np.ndarray) -> float:
    """Returns the mean absolute difference of two band spectra, in dB, after the best common shift (the median)."""
    difference = levels - others
    return float(np.abs(difference - np.median(difference)).mean())


if __name__ == "__main__":
    flags.run(main)
