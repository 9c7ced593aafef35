"""Measures how often a class-conditioned network makes sound of the requested class.

    wavenet classify --workdir=DIR --num_samples=20

A linear discriminant (Fisher 1936) on the mean and the spread of each log-mel band learns from the run's training
clips. ``held_out_accuracy`` says how good the classifier is on real audio; ``accuracy``, how often generated sound is
recognised as the requested class; ``judged_by_class_asked_for``, what the sounds of each class were recognised as.
"""

from dataclasses import dataclass

import numpy as np

import wavenet_jax
from experiments.support import console, flags, runtime, sources
from experiments.support.options import checkpoint_option, data_dir_option
from wavenet_jax.audio.features import LogMel
from wavenet_jax.conditions import class_ids, stream_conditions
from wavenet_jax.config import Checked, FeatureConfig, option
from wavenet_jax.data import Source
from wavenet_jax.generation.conditions import MOST_GUIDANCE

_BANDS = 20
_SHRINKAGE = 0.1
"""Share of the identity in the covariance: there are few segments for many numbers."""


@dataclass(frozen=True)
class Options(Checked):
    """The run, and the sounds to generate and judge."""

    workdir: str = option(
        None, "Run directory, or model folder, of a network conditioned on one family of classes.", path=True
    )
    checkpoint: str = checkpoint_option()
    data_dir: tuple[str, ...] = data_dir_option()
    num_samples: int = option(20, "Sounds to generate of each class.", at_least=1)
    seconds: float = option(2.0, "Length of each sound, and of the pieces of real audio, in seconds.", above=0)
    temperature: float = option(1.0, "Sampling temperature: below 1 safer, above 1 noisier.", above=0)
    guidance: float | None = option(
        None,
        "Weight of classifier-free guidance, for networks trained with condition_dropout; none: off.",
        at_least=0,
        at_most=MOST_GUIDANCE,
    )
    seed: int = option(0, "Random seed.", at_least=0, at_most=2**31 - 1)


class Discriminant:
    """A linear discriminant: Gaussians of one covariance, equally likely."""

    def __init__(self, points: np.ndarray, classes: np.ndarray) -> None:
        """Learns from points ``[N, C]`` of classes ``[N]`` in [0, K), each of which has some."""
        means = np.stack([points[classes == index].mean(axis=0) for index in range(classes.max() + 1)])
        self._scale = points.std(axis=0) + 1e-9
        within = (points - means[classes]) / self._scale
        covariance = (1 - _SHRINKAGE) * np.cov(within, rowvar=False) + _SHRINKAGE * np.eye(points.shape[1])
        self._means = means / self._scale
        self._weights = np.linalg.solve(covariance, self._means.T)
        self._offsets = -0.5 * (self._means.T * self._weights).sum(axis=0)

    def __call__(self, points: np.ndarray) -> np.ndarray:
        """Classifies points: ``[N, C] -> [N]``."""
        return (points / self._scale @ self._weights + self._offsets).argmax(axis=1)


def main(options: Options) -> None:
    runtime.start(cores_as_devices=True)
    run = wavenet_jax.load(options.workdir, options.checkpoint)
    model = run.config.model
    families = model.conditioning.families
    if len(families) != 1 or model.is_local or set(stream_conditions(model)) != {"class"}:
        raise ValueError(
            f"{options.workdir} must be a run that is conditioned on one family of classes and nothing else"
        )
    if options.guidance is not None and not model.conditioning.condition_dropout:
        raise ValueError("guidance needs a network that was trained with condition_dropout above 0")
    ((family, names),) = families.items()
    training, held_out = (
        _segments(run, sources.opened_for(run, options.data_dir, split), options.seconds)
        for split in ("train", "validation")
    )
    if not len(held_out[0]):
        raise ValueError(f"no held-out clip is as long as {options.seconds} s; lower --seconds, or hold out more")
    missing = sorted(set(range(len(names))) - set(training[1]))
    if missing:
        raise ValueError(f"no clip of class {names[missing[0]]} is as long as {options.seconds} s; lower --seconds")
    judge = Discriminant(*training)

    asked = np.repeat(np.arange(len(names)), options.num_samples)
    judged = judge(np.concatenate([_generated(options, run, f"{family}={name}") for name in names]))
    result = {
        "classes": names,
        "accuracy": float((judged == asked).mean()),
        "chance": 1 / len(names),
        "held_out_accuracy": float((judge(held_out[0]) == held_out[1]).mean()),
        "held_out_pieces": len(held_out[0]),
        "judged_by_class_asked_for": {
            name: {other: int((judged[asked == row] == column).sum()) for column, other in enumerate(names)}
            for row, name in enumerate(names)
        },
        "samples_of_each": options.num_samples,
        "seconds": options.seconds,
        "guidance": options.guidance,
        "step": run.step,
    }
    console.result(result)


def _segments(run: wavenet_jax.Run, source: Source, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Describes consecutive pieces of real audio, ``[N, C]``, and returns them with their classes ``[N]``."""
    size = round(seconds * run.sample_rate)
    classes = class_ids(run.config.model, source.labels)[:, 0] - 1
    points, labels = [np.empty((0, 2 * _BANDS))], []
    for clip, length in enumerate(source.lengths):
        waveform = run.audible(source.read(clip, 0, int(length)))
        for start in range(0, int(length) - size + 1, size):
            points.append(_describe(waveform[start : start + size], run.sample_rate)[None])
            labels.append(classes[clip])
    return np.concatenate(points), np.array(labels, int)


def _describe(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Measures mean and spread over time of each log-mel band, loudness left out: ``[T] -> [C]``."""
    measure = LogMel(sample_rate, FeatureConfig(mel_channels=_BANDS, mel_normalization="none", mel_floor=1e-4))
    frames = measure.whole(waveform)
    return np.concatenate([frames.mean(axis=0) - frames.mean(), frames.std(axis=0)])


def _generated(options: Options, run: wavenet_jax.Run, label: str) -> np.ndarray:
    """Generates sounds of a class and describes them: ``[N, C]``."""
    sounds = run.generate(
        options.seconds,
        label=label,
        num_samples=options.num_samples,
        temperature=options.temperature,
        guidance=options.guidance,
        seed=options.seed,
        guard=None,
    )
    return np.stack([_describe(sound, run.sample_rate) for sound in np.atleast_2d(sounds)])


if __name__ == "__main__":
    flags.run(main)
