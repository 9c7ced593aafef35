"""Asks whether a network that is told a class makes sound of that class; JSON on standard output.

    python -m experiments.classify --workdir=DIR --num_samples=20

A classifier as simple as can be, a linear discriminant (Fisher 1936) on the mean and the spread of each log-mel band,
learns from the run's training clips. Its accuracy on held-out clips says what it is worth; its accuracy on generated
sound, how often the class that was asked for is heard.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import jax
import numpy as np

from experiments import flags, runtime, sources
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.features import LogMel
from wavenet_jax.config import Checked, FeatureConfig, RunConfig, WaveNetConfig, option
from wavenet_jax.data import Source, class_ids
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import Ancestral, sharing, stream
from wavenet_jax.training import load
from wavenet_jax.typing import Conditions, Params

_BANDS = 20
_SHRINKAGE = 0.1
"""Share of the identity in the covariance: there are few segments for many numbers."""


@dataclass(frozen=True)
class Options(Checked):
    """What is generated and judged."""

    workdir: str = option(None, "Folder of the run; its network must be conditioned on one family of classes.")
    checkpoint: str = option(
        "latest", "Newest checkpoint, or the one with the best validation.", choices=("latest", "best")
    )
    num_samples: int = option(20, "Sounds of each class.", at_least=1)
    seconds: float = option(2.0, "Length of each, and of the pieces of real audio, in seconds.", above=0)
    temperature: float = option(1.0, "Below 1 safer, above 1 noisier.", above=0)
    guidance: float | None = option(
        None, "Classifier-free guidance, for networks trained with condition_dropout; none: off.", at_least=0
    )
    seed: int = option(0, "Seed of the generation.", at_least=0, at_most=2**31 - 1)


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
        """The class of each point: ``[N, C] -> [N]``."""
        return (points / self._scale @ self._weights + self._offsets).argmax(axis=1)


def main(options: Options) -> None:
    runtime.start(cores_as_devices=True)
    run, params, step = load(Path(options.workdir), options.checkpoint)
    families = run.model.conditioning.families
    if len(families) != 1 or run.model.is_local or run.model.conditioning.vector_channels:
        raise ValueError(
            f"{options.workdir} must be a run that is conditioned on one family of classes and nothing else"
        )
    if options.guidance is not None and not run.model.conditioning.condition_dropout:
        raise ValueError("guidance needs a network that was trained with condition_dropout above 0")
    ((family, names),) = families.items()
    training, held_out = (
        _segments(run, sources.opened(run.data, run.model, split), options.seconds) for split in ("train", "validation")
    )
    if not len(held_out[0]):
        raise ValueError(f"no held-out clip is as long as {options.seconds} s; lower --seconds, or hold out more")
    missing = sorted(set(range(len(names))) - set(training[1]))
    if missing:
        raise ValueError(f"no clip of class {names[missing[0]]} is as long as {options.seconds} s; lower --seconds")
    judge = Discriminant(*training)

    asked = np.repeat(np.arange(len(names)), options.num_samples)
    labels = [(f"{family}={names[index]}",) for index in asked]
    heard = judge(_generated(options, run, params, labels))
    result = {
        "classes": names,
        "accuracy": float((heard == asked).mean()),
        "chance": 1 / len(names),
        "held_out_accuracy": float((judge(held_out[0]) == held_out[1]).mean()),
        "held_out_pieces": len(held_out[0]),
        "heard_by_class_asked_for": {
            name: {other: int((heard[asked == row] == column).sum()) for column, other in enumerate(names)}
            for row, name in enumerate(names)
        },
        "samples_of_each": options.num_samples,
        "seconds": options.seconds,
        "guidance": options.guidance,
        "step": step,
    }
    print(json.dumps(result))


def _segments(run: RunConfig, source: Source, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """Descriptions ``[N, C]`` of consecutive pieces of real audio, and the classes ``[N]`` that they are of."""
    size = round(seconds * run.model.sample_rate)
    classes = class_ids(run.model, source.labels)[:, 0] - 1
    points, labels = [np.empty((0, 2 * _BANDS))], []
    for clip, length in enumerate(source.lengths):
        for start in range(0, int(length) - size + 1, size):
            points.append(_describe(source.read(clip, start, start + size), run.model)[None])
            labels.append(classes[clip])
    return np.concatenate(points), np.array(labels, int)


def _describe(waveform: np.ndarray, model: WaveNetConfig) -> np.ndarray:
    """Mean and spread over time of each log-mel band, loudness left out: ``[T] -> [C]``."""
    measure = LogMel(model.sample_rate, FeatureConfig(mel_channels=_BANDS, mel_normalization="none", mel_floor=1e-4))
    frames = measure.whole(waveform)
    return np.concatenate([frames.mean(axis=0) - frames.mean(), frames.std(axis=0)])


def _generated(options: Options, run: RunConfig, params: Params, labels: list[tuple[str]]) -> np.ndarray:
    """Descriptions ``[B, C]`` of one sound for each label."""
    pieces = stream(
        WaveNet(run.model),
        params,
        jax.random.key(options.seed),
        Ancestral(options.temperature),
        batch_size=len(labels),
        length=round(options.seconds * run.model.sample_rate),
        conditions=Conditions(classes=class_ids(run.model, labels)),
        guidance=options.guidance,
        devices=sharing(jax.local_devices(), len(labels)),
    )
    sounds = Grid.of(run.model).decode(np.concatenate([piece.codes for piece in pieces], axis=1))
    return np.stack([_describe(sound, run.model) for sound in sounds])


if __name__ == "__main__":
    flags.run(main)
