"""Listens with numbers: how near the long-term spectrum of sampled audio is to that of the audio it learned from.

    python -m experiments.listen --workdir=DIR --audio=out.wav [--audio=other.wav ...]

The long-term average spectrum in third-octave bands (Byrne et al., An international comparison of long-term average
speech spectra, 1994) of the given files is compared with that of the run's held-out files, both at the same level; the
distance is the mean absolute difference over bands, in dB. Beside it stand the distances of white noise, and of one
half of the held-out files from the other: what no generator can beat with so much audio.

``guard_alarms`` says how often the guard of experiments.sample would have gone back, had the network made the held-out
files: bounds that fit the data leave them alone. Its flags are the same here.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import welch

from experiments import flags, runtime, sources
from experiments.generation import samples_of_a_piece
from wavenet_jax.audio.files import read_audio
from wavenet_jax.audio.impression import Impression
from wavenet_jax.config import Checked, WaveNetConfig, option
from wavenet_jax.sampling import Guard
from wavenet_jax.training.directory import read_config

_LOWEST_HZ = 100
_WINDOW_SECONDS = 0.064


@dataclass(frozen=True)
class Options(Checked):
    """What is compared."""

    workdir: str = option(None, "Folder of the run, whose held-out audio is the reference.")
    audio: tuple[str, ...] = option((), "Audio file to listen to; repeat for several, which are taken together.")
    split: str = option("validation", "Which of the run's files are the reference.", choices=("validation", "train"))


def main(options: Options, guard: Guard) -> None:
    if not options.audio:
        raise ValueError("audio needs the name of a file, got none")
    runtime.start()
    config = read_config(Path(options.workdir))
    rate = config.model.sample_rate
    sounds = [read_audio(name, rate) for name in options.audio]
    source = sources.opened(config.data, config.model, options.split)
    reference = [source.read(clip, 0, int(length)) for clip, length in enumerate(source.lengths)]
    if len(reference) < 2:
        raise ValueError(f"{options.split} has {len(reference)} clips; a comparison needs at least 2: hold out more")
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
        "guard_alarms": _alarms(guard, reference, config.model),
    }
    print(json.dumps(result))


def _alarms(guard: Guard, sounds: Sequence[np.ndarray], model: WaveNetConfig) -> dict[str, float]:
    """Of all sounds together, and how long they are."""
    rate, chunk = model.sample_rate, samples_of_a_piece(model)
    found = sum((Counter(guard.alarms(sound, rate, chunk)) for sound in sounds), Counter())
    return {"silence": found["silence"], "noise": found["noise"], "seconds": sum(map(len, sounds)) / rate}


def band_levels(sounds: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """Level of each third-octave band above 100 Hz, in dB, of several waveforms taken together."""
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
    """Mean absolute difference of two band spectra in dB, after the best common shift of level (the median)."""
    difference = levels - others
    return float(np.abs(difference - np.median(difference)).mean())


if __name__ == "__main__":
    flags.run(main)
