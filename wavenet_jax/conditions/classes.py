"""The class of a clip in each family of classes."""

import difflib
import functools
import operator
from collections.abc import Mapping, Sequence
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
        return self.ids(self.complete(self.named(given)))

    def named(self, given: Sequence[str]) -> dict[str, str]:
        """Returns the class of each family that labels name, each NAME, or FAMILY=NAME where several have the name.

        Raises:
          ValueError: there is no such class, several families have the name, or two classes of a family are given.
        """
        names: dict[str, str] = {}
        for label in given:
            fits = [(family, name) for family, name in self._classes if label in (name, f"{family}={name}")]
            if not fits:
                raise ValueError(f"label {label!r} is no class; give {self._choices(None, label)}")
            if len(fits) > 1:
                raise ValueError(
                    f"label {label!r} is in several families; give one of {', '.join(map('='.join, fits))}"
                )
            ((family, name),) = fits
            if names.setdefault(family, name) != name:
                raise ValueError(f"label gives two classes of family {family!r}, {names[family]} and {name}; give one")
        return names

    def complete(self, names: Mapping[str, str]) -> tuple[str, ...]:
        """Returns the classes that ``named`` found as FAMILY=NAME, in the order of the families.

        Raises:
          ValueError: a family has none.
        """
        for family in self._families:
            if family not in names:
                raise ValueError(f"a class of family {family!r} is needed; give label=NAME, {self._choices(family)}")
        return tuple(f"{family}={names[family]}" for family in self._families)

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

    @property
    def _classes(self) -> list[tuple[str, str]]:
        return [(family, name) for family, names in self._families.items() for name in names]

    def _refusal(self, family: str, name: str | None) -> str:
        if name is None:
            return f"a class of family {family!r} is missing; {self._choices(family)}"
        return f"the network has no class {name!r} of family {family!r}; {self._choices(family, name)}"

    def _choices(self, family: str | None, name: str = "") -> str:
        """Names the classes of a family, or of all, as labels; of many those that are most like a name."""
        if family is None and len(self._families) > 1:
            names = ["=".join(one) for one in self._classes]
        else:
            names = [name for one, name in self._classes if family in (one, None)]
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
