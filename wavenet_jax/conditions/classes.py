"""The class of a clip in each family of classes."""

import difflib
import functools
import operator
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from wavenet_jax.conditions.base import Clip, Parameters, StreamCondition
from wavenet_jax.config import ConditioningConfig, WaveNetConfig
from wavenet_jax.config.tables import STREAM_CONDITIONS
from wavenet_jax.typing import Array

_NAMES_SHOWN = 10


@STREAM_CONDITIONS.register("class")
class ClassCondition(StreamCondition):
    """The id of a clip's class in each family, from 1, where 0 means no class: int32 ``[families]``."""

    option = "label"

    def __init__(self, config: WaveNetConfig) -> None:
        super().__init__(config)
        self._families = config.conditioning.families
        self._ids = {
            family: {name: number for number, name in enumerate(names, start=1)}
            for family, names in self._families.items()
        }

    @classmethod
    def is_on(cls, conditioning: ConditioningConfig) -> bool:
        return conditioning.condition_on_classes

    def of_clip(self, clip: Clip) -> np.ndarray:
        return self.ids(clip.labels)

    def of_option(self, given: Sequence[str]) -> np.ndarray:
        """Returns the ids of labels, each NAME, or FAMILY=NAME where several families have the name."""
        return self.ids(self._with_families(given))

    @property
    def example(self) -> np.ndarray:
        return np.ones(len(self._families), np.int32)

    def ids(self, labels: Sequence[str]) -> np.ndarray:
        """Returns the ids of a class of each family, given as FAMILY=NAME: int32 ``[families]``.

        Raises:
          ValueError: a family is missing, or the network has no such class.
        """
        names = _by_family(labels)
        for family, ids in self._ids.items():
            if names.get(family) not in ids:
                raise ValueError(self._refusal(family, names.get(family)))
        return np.array([ids[names[family]] for family, ids in self._ids.items()], np.int32)

    def problem(self, clip: Clip) -> str | None:
        return self.problem_of(clip.labels)

    def problem_of(self, labels: Sequence[str]) -> str | None:
        """Returns why a clip with these classes cannot be conditioned on, or None where it can."""
        names = _by_family(labels)
        for family, ids in self._ids.items():
            name = names.get(family)
            if name is None:
                return f"has no class of family {family!r}"
            if name not in ids:
                return f"has class {name!r}, which the network was not trained on"
        return None

    def weights(self, parameters: Parameters, channels: int) -> tuple[Array, ...]:
        return tuple(
            parameters.table(f"class_{family}_table", (len(names), channels))
            for family, names in self._families.items()
        )

    def embed(self, weights: Any, values: Array) -> Array:
        return functools.reduce(operator.add, [_look_up(*pair) for pair in zip(weights, values.T, strict=True)])

    def _with_families(self, given: Sequence[str]) -> list[str]:
        labels: dict[str, str] = {}
        for text in given:
            family, separator, _ = text.partition("=")
            label = text
            if not separator or family not in self._families:
                holders = [name for name, names in self._families.items() if text in names]
                if len(holders) > 1:
                    raise ValueError(f"label {text!r} is in several families; write {holders[0]}={text}")
                family = (holders or list(self._families))[0]
                label = f"{family}={text}"
            if family in labels:
                raise ValueError(
                    f"label gives two classes of family {family!r}, {labels[family]} and {label}; give one"
                )
            labels[family] = label
        for family in self._families:
            if family not in labels:
                raise ValueError(
                    f"the network needs a class of family {family!r}; give label=NAME, {self._choices(family)}"
                )
        return list(labels.values())

    def _refusal(self, family: str, name: str | None) -> str:
        if name is None:
            return f"a class of family {family!r} is missing; {self._choices(family)}"
        return f"the network has no class {name!r} of family {family!r}; {self._choices(family, name)}"

    def _choices(self, family: str, name: str = "") -> str:
        names = self._families[family]
        if len(names) <= _NAMES_SHOWN:
            return f"one of {', '.join(names)}"
        like = difflib.get_close_matches(name, names, _NAMES_SHOWN, cutoff=0.0)
        return f"one of {len(names)}, such as {', '.join(like)}"


def class_ids(config: WaveNetConfig, labels: Sequence[Sequence[str]]) -> np.ndarray:
    """Returns the ids of the classes of B streams, given as FAMILY=NAME: ``[B, families]`` int32.

    Raises:
      ValueError: a family is missing, or the network has no such class.
    """
    condition = ClassCondition(config)
    ids = [condition.ids(row) for row in labels]
    return np.stack(ids) if ids else np.zeros((0, len(config.conditioning.families)), np.int32)


def _by_family(labels: Sequence[str]) -> dict[str, str]:
    return dict(label.split("=", 1) for label in labels)


def _look_up(table: Array, ids: Array) -> Array:
    """Takes a row of the table for each id, counted from 1; zeros for 0: ``[names, C], [B] -> [B, C]``."""
    return jnp.where(ids[:, None] > 0, table[jnp.maximum(ids - 1, 0)], 0)
