"""Strategies choose the next sample from the head's outputs: small frozen values that the loop takes as an argument.

They are pytrees: a new temperature is a new number, not a new compilation. To add one, write its class here and the
option that asks for it (``wavenet_jax.generation.strategy_of``); a truncation belongs to ``wavenet_jax.model.draws``.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from wavenet_jax.model import Head, Scalar, one_kernel
from wavenet_jax.typing import Array


class Strategy(Protocol):
    """Chooses codes from outputs; the uniforms in [0, 1) of a sample are all the randomness there is."""

    def over(self, times: Array, voiced: Array | None = None) -> Any:
        """Prepares, outside the loop, what it needs at absolute ``times [T, B]``: a tree of ``[T, ...]``, or None.

        ``voiced [T, B]`` bool says where there is a pitch, for networks that know.
        """

    def __call__(self, head: Head, outputs: Array, uniforms: Array, now: Any = None) -> Array:
        """Chooses codes: ``[B, outputs], [B, draws] -> [B]`` int32; ``now`` is one sample of what ``over`` gave."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Schedule:
    """A number that changes with time: straight lines between points, level before the first and after the last.

    Other points do not compile again, as long as there are as many of them.
    """

    times: Array  # [N] float32: samples, rising; absolute, so that a prompt counts
    values: Array  # [N] float32

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> "Schedule":
        """Makes the schedule through (samples, value) points.

        Raises:
          ValueError: no points, or times that do not rise.
        """
        times = [time for time, _ in points]
        if not times or any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ValueError(f"a schedule needs points whose times rise, got times {times}")
        return cls(jnp.asarray(times, jnp.float32), jnp.asarray([value for _, value in points], jnp.float32))

    def __call__(self, times: Array) -> Array:
        """Returns the numbers at ``times`` of any shape."""
        return jnp.interp(times.astype(jnp.float32), self.times, self.values)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ancestral:
    """Draws from the model's distribution, sharpened by a temperature below one, and cut to its most probable part.

    ``truncation`` has names and values of ``wavenet_jax.model.TRUNCATIONS``, as ``{"top_k": 40, "top_p": 0.9}``. None
    of them keeps all choices, and costs nothing.
    """

    temperature: float | Array | Schedule = 1.0
    truncation: Mapping[str, Scalar] = field(default_factory=dict)
    unvoiced: float | Array | None = None
    """The temperature where there is no pitch, if it is another one."""

    def over(self, times: Array, voiced: Array | None = None) -> Array | None:
        """Returns the temperatures ``[T, B]``, where they change."""
        if self.unvoiced is None and not isinstance(self.temperature, Schedule):
            return None
        temperature = self.temperature(times) if isinstance(self.temperature, Schedule) else self.temperature
        if self.unvoiced is None:
            return jnp.asarray(temperature)
        if voiced is None:
            raise ValueError("a temperature of unvoiced frames needs a network with the feature f0")
        return jnp.where(voiced, temperature, self.unvoiced)

    def __call__(self, head: Head, outputs: Array, uniforms: Array, now: Array | None = None) -> Array:
        def draw(outputs: Array, uniforms: Array, temperature: float | Array) -> Array:
            return head.sample(outputs, uniforms, temperature, **self.truncation)

        each, temperature = draw, self.temperature
        if isinstance(temperature, Schedule) or self.unvoiced is not None:
            assert now is not None, "temperatures that change need what over() gives"
            each, temperature = jax.vmap(draw), now
        # A truncation sorts, which one kernel cannot.
        whole = each if self.truncation else one_kernel(each, math.prod(outputs.shape[:-1]))
        return whole(outputs, uniforms, temperature)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Mode:
    """Chooses the most probable code, always."""

    def over(self, times: Array, voiced: Array | None = None) -> None:
        """Needs nothing that changes with time."""

    def __call__(self, head: Head, outputs: Array, uniforms: Array, now: None = None) -> Array:
        return head.mode(outputs)
