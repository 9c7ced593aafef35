"""What a network is told when it samples: classes, a vector and features, from flags."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.pitch import Pitch
from wavenet_jax.config import Checked, RunConfig, WaveNetConfig, option
from wavenet_jax.data import Describer, class_ids, open_clip, read_array, silence, stacked
from wavenet_jax.data.conditions import check_vector
from wavenet_jax.typing import Conditions


@dataclass(frozen=True)
class ConditionOptions(Checked):
    """What the network is told, if it listens to anything."""

    label: tuple[str, ...] = option(
        (), "Class of the sound, as NAME, or FAMILY=NAME where several families have it; once for each family."
    )
    vector: str | None = option(None, "File with the vector that describes the sound (.npy), for networks with one.")
    mel_from: tuple[str, ...] = option(
        (),
        "Recording whose features are given a voice (copy synthesis), or a .npy file of features, [frames, channels]; "
        "it decides the length. Several are made at once, each as long as it is.",
    )
    guidance: float | None = option(
        None,
        "Classifier-free guidance: 0 ignores what the network is told, 1 is the network as it is, more exaggerates; "
        "none: as 1, at half the cost. Needs a network trained with condition_dropout.",
        at_least=0,
    )


@dataclass(frozen=True)
class Told:
    """What one stream is told."""

    conditions: Conditions  # without the axis of the batch; frames with those around them
    samples: int | None  # that the features last; None without features
    original: np.ndarray | None  # the waveform [T] that they were taken from, with the run's preparation


def told(options: ConditionOptions, run: RunConfig) -> list[Told]:
    """What each stream is told: one for each recording of ``mel_from``, or a single one for networks without features.

    Raises:
      ValueError: something is missing, does not fit, or the network does not listen to it.
    """
    model = run.model
    _refuse_unheard(options, model)
    ids = vector = None
    if model.conditioning.condition_on_classes:
        ids = class_ids(model, [_labels(options.label, model)])[0]
    if model.conditioning.vector_channels:
        if options.vector is None:
            raise ValueError(
                f"the network needs a vector of {model.conditioning.vector_channels} numbers; give --vector=FILE.npy"
            )
        vector = check_vector(read_array(options.vector), model.conditioning.vector_channels, options.vector)
    if not model.is_local:
        return [Told(Conditions(ids, vector), None, None)]
    if not options.mel_from:
        raise ValueError(
            f"the network needs features ({', '.join(model.features.local_features)}); give --mel_from=CLIP"
        )
    result = []
    for path in options.mel_from:
        original = None
        if path.endswith(".npy"):
            frames, samples = _from_array(path, model)
        else:
            frames, samples, original = frames_of_clip(path, run)
        result.append(Told(Conditions(ids, vector, frames), samples, original))
    return result


def side_by_side(streams: Sequence[Conditions]) -> Conditions:
    """The conditions of streams as those of a batch; the last frame of shorter ones is repeated."""
    if streams[0].frames is None:
        return stacked(streams)
    longest = max(len(row.frames) for row in streams)
    return stacked(
        [
            row._replace(frames=np.pad(row.frames, ((0, longest - len(row.frames)), (0, 0)), mode="edge"))
            for row in streams
        ]
    )


def description(model: WaveNetConfig) -> dict[str, object]:
    """Everything that decides the numbers in a file of frames, to be stored beside it and compared."""
    names = model.features.local_features
    result: dict[str, object] = {
        "local_features": list(names),
        "sample_rate": model.sample_rate,
        "hop_samples": model.features.hop_samples,
    }
    if "mel" in names:
        result |= LogMel.of(model).description()
    if "f0" in names:
        result |= Pitch.of(model).description()
    return result


def sidecar(path: Path) -> Path:
    """Where the description of a file of frames lies."""
    return path.with_suffix(".json")


def frames_of_clip(path: str, run: RunConfig) -> tuple[np.ndarray, int, np.ndarray]:
    """Features ``[before + F + after, C]`` of a recording, its samples, and its waveform as the run would hear it.

    Raises:
      ValueError: it cannot be read, or what has to lie beside it does not fit.
    """
    source = open_clip(path, run.data, run.model)
    samples = int(source.lengths[0])
    hop = run.model.features.hop_samples
    whole = -(-samples // hop) * hop
    frames_alone = dataclasses.replace(
        run.model.conditioning, condition_on_classes=False, classes=(), vector_channels=0
    )
    conditions = Describer(dataclasses.replace(run.model, conditioning=frames_alone), source)(0, 0, whole)
    return conditions.frames, samples, source.read(0, 0, samples)


def _refuse_unheard(options: ConditionOptions, model: WaveNetConfig) -> None:
    heard = {
        "label": model.conditioning.condition_on_classes,
        "vector": model.conditioning.vector_channels > 0,
        "mel_from": model.is_local,
    }
    for name, listens in heard.items():
        if getattr(options, name) and not listens:
            raise ValueError(f"the network was not trained with anything that --{name} could tell it; leave it out")
    if options.guidance is not None:
        if not model.conditioning.condition_dropout:
            raise ValueError("guidance needs a network that was trained with condition_dropout above 0")
        if model.head not in ("categorical", "coarse_fine"):
            raise ValueError(f"guidance works on probabilities of levels, not with the head {model.head}; leave it out")


def _labels(given: tuple[str, ...], model: WaveNetConfig) -> list[str]:
    """FAMILY=NAME for every family, of names that may stand alone."""
    families = model.conditioning.families
    labels = []
    for text in given:
        family, separator, _ = text.partition("=")
        if separator and family in families:
            labels.append(text)
            continue
        holders = [name for name, names in families.items() if text in names]
        if len(holders) > 1:
            raise ValueError(f"label {text!r} is in several families; write {holders[0]}={text}")
        labels.append(f"{(holders or list(families))[0]}={text}")
    missing = [name for name in families if not any(label.startswith(f"{name}=") for label in labels)]
    if missing:
        names = ", ".join(families[missing[0]][:20])
        raise ValueError(f"the network needs a class of family {missing[0]!r}; give --label=NAME, one of {names}")
    return labels


def _from_array(path: str, model: WaveNetConfig) -> tuple[np.ndarray, int]:
    array = np.asarray(read_array(path), np.float32)
    channels, hop = model.features.channels, model.features.hop_samples
    if array.ndim != 2 or array.shape[1] != channels:
        raise ValueError(f"the features in {path} must be of shape [frames, {channels}], got {list(array.shape)}")
    if not len(array) or not np.isfinite(array).all():
        raise ValueError(f"the features in {path} must be at least one frame of finite numbers")
    _compare_description(Path(path), model)
    around = model.conditioning
    quiet = silence(model)[None]
    frames = np.concatenate(
        [np.repeat(quiet, around.frames_before, axis=0), array, np.repeat(quiet, around.frames_after, axis=0)]
    )
    return frames, len(array) * hop


def _compare_description(path: Path, model: WaveNetConfig) -> None:
    """Raises ``ValueError`` where the file beside the frames says that they were measured in another way."""
    beside = sidecar(path)
    if not beside.is_file():
        return
    try:
        claimed = json.loads(beside.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{beside} is not JSON: {error}; delete it if the frames are right") from None
    for name, value in description(model).items():
        if isinstance(claimed, dict) and claimed.get(name, value) != value:
            raise ValueError(f"{path} was made with {name}={claimed[name]}, but the network needs {name}={value}")
