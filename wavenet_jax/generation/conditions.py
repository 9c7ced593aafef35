"""Conditions of the streams that are generated: labels, a vector, and features of a recording or from a file."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from wavenet_jax.conditions import stream_conditions
from wavenet_jax.config import Checked, RunConfig, WaveNetConfig, option
from wavenet_jax.data import Describer
from wavenet_jax.generation.recordings import Conditioned, Given, Recording, are_features, open_recording, shown
from wavenet_jax.model import head_of
from wavenet_jax.typing import Conditions

MOST_GUIDANCE = 100
"""Highest weight of guidance, which leaves nothing but the condition: published ones are below 20."""


@dataclass(frozen=True)
class ConditionOptions(Checked):
    """Conditions of what is generated."""

    label: tuple[str, ...] = option(
        (), "Class of the sound, as NAME, or as FAMILY=NAME where several families have it; one for each family."
    )
    vector: str | None = option(
        None, "File (.npy) with the vector that describes the sound, for a network with vectors.", path=True
    )
    mel_from: tuple[str, ...] = option(
        (),
        "Recording to generate again from its features (copy synthesis), or a .npy file of features [frames, "
        "channels]; it sets the length. Repeat for several, which are generated at once.",
        path=True,
    )
    guidance: float | None = option(
        None,
        "Weight of classifier-free guidance: 0 ignores the conditions, 1 is the network as it is, more "
        "exaggerates them; none: as 1, at half the cost. Needs a network trained with condition_dropout.",
        at_least=0,
        at_most=MOST_GUIDANCE,
    )


def conditioned(options: ConditionOptions, run: RunConfig, given: Given = Given()) -> list[Conditioned]:
    """Finds the conditions of each stream: one for each recording; without features, a single one.

    Args:
      options: name classes and files.
      run: the run whose network is conditioned.
      given: recordings and arrays in place of the files.

    Raises:
      ValueError: something is missing, does not fit, or the network is not conditioned on it.
    """
    model = run.model
    kinds = stream_conditions(model)
    measured = [name for name, kind in kinds.items() if kind.option is None]
    options_used = {kind.option for kind in kinds.values()}
    values = {
        "label": options.label,
        "vector": options.vector if given.vector is None else given.vector,
        "mel_from": given.features or options.mel_from,
    }
    _refuse_unused(values, options, model, options_used | ({"mel_from"} if model.is_local or measured else set()))
    streams = {name: kind.of_option(values[kind.option]) for name, kind in kinds.items() if kind.option}
    if not model.is_local and not measured:
        return [Conditioned(Conditions(streams), None, None)]
    if not values["mel_from"]:
        needed = ", ".join([*model.features.local_features, *measured])
        raise ValueError(f"the network needs features ({needed}); give mel_from=CLIP")
    return [conditioned_on(recording, run, streams, measured) for recording in values["mel_from"]]


def conditioned_on(
    recording: Recording, run: RunConfig, given: Mapping[str, Any] = MappingProxyType({}), measured: Sequence[str] = ()
) -> Conditioned:
    """Finds the conditions of a stream from a recording or from features.

    Args:
      recording: a recording, or features.
      run: the run whose network is conditioned.
      given: stream conditions that are there already.
      measured: names of those that are measured from the recording.

    Raises:
      ValueError: the recording cannot be used, or does not fit the network.
    """
    model = run.model
    if are_features(recording):
        if measured:
            raise ValueError(f"{shown(recording)} holds no {measured[0]}, which is measured from a recording; give one")
        describer = Describer(model)
        if isinstance(recording, np.ndarray):
            frames, doubts = describer.array(recording)
        else:
            frames, doubts = describer.file(os.fspath(recording))
        around = model.conditioning.frames_before + model.conditioning.frames_after
        return Conditioned(Conditions(given, frames), (len(frames) - around) * model.hop, None, tuple(doubts))
    source = open_recording(recording, run)
    samples = int(source.lengths[0])
    conditions = Describer(model, source, measured)(0, 0, model.whole_frames(samples))
    conditions = conditions._replace(streams={**given, **conditions.streams})
    if not model.is_local:
        return Conditioned(conditions, None, None)
    return Conditioned(conditions, samples, source.read(0, 0, samples))


def _refuse_unused(
    values: Mapping[str, Any], options: ConditionOptions, model: WaveNetConfig, used: set[str | None]
) -> None:
    for name, value in values.items():
        if value is not None and len(value) and name not in used:
            raise ValueError(f"{name} is for networks that are conditioned on it, and this one is not; leave it out")
    if options.guidance is not None:
        if not model.conditioning.condition_dropout:
            raise ValueError("guidance needs a network that was trained with condition_dropout above 0")
        if not head_of(model).has_logits:
            raise ValueError(f"guidance works on probabilities of levels, not with the head {model.head}; leave it out")
