"""How the next sample is chosen from the head's outputs: small frozen values that the loop takes as an argument.

They are pytrees: a new temperature is a new number, not a new compilation.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp

from wavenet_jax.model import Head, one_kernel
from wavenet_jax.typing import Array


class Strategy(Protocol):
    """Chooses codes from outputs; the uniforms in [0, 1) of a sample are all the randomness there is."""

    def over(self, times: Array) -> Any:
        """What it needs for the samples at absolute ``times [T, B]``, a tree of ``[T, ...]``, made outside the loop."""

    def __call__(self, head: Head, outputs: Array, uniforms: Array, now: Any = None) -> Array:
        """``[B, outputs], [B, draws] -> [B]`` int32 codes; ``now`` is one sample of what ``over`` gave."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Schedule:
    """A number that changes with time: straight lines between points, level before the first and behind the last.

    Other points, as many of them, are no other compilation.
    """

    times: Array  # [N] float32: samples, rising; absolute, so that a prompt counts
    values: Array  # [N] float32

    @classmethod
    def through(cls, points: Sequence[tuple[float, float]]) -> "Schedule":
        """The schedule through (samples, value) points.

        Raises:
          ValueError: no points, or times that do not rise.
        """
        times = [time for time, _ in points]
        if not times or any(later <= earlier for earlier, later in itertools.pairwise(times)):
            raise ValueError(f"a schedule needs points whose times rise, got times {times}")
        return cls(jnp.asarray(times, jnp.float32), jnp.asarray([value for _, value in points], jnp.float32))

    def __call__(self, times: Array) -> Array:
        """The numbers at ``times`` of any shape."""
        return jnp.interp(times.astype(jnp.float32), self.times, self.values)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ancestral:
    """A draw from the model's distribution, sharpened by a temperature below one, and cut to its most probable part.

    ``top_k`` keeps so many levels, ``top_p`` the fewest that hold this share of the probability (nucleus sampling,
    Holtzman et al. 2019), ``min_p`` those with at least this share of the most probable one's (Nguyen et al. 2024).
    None keeps all, and costs nothing.
    """

    temperature: float | Array | Schedule = 1.0
    top_k: int | Array | None = None
    top_p: float | Array | None = None
    min_p: float | Array | None = None

    def over(self, times: Array) -> Array | None:
        """The temperatures ``[T, B]``, where they change."""
        return self.temperature(times) if isinstance(self.temperature, Schedule) else None

    def __call__(self, head: Head, outputs: Array, uniforms: Array, now: Array | None = None) -> Array:
        def draw(outputs: Array, uniforms: Array, temperature: float | Array) -> Array:
            return head.sample(outputs, uniforms, temperature, top_k=self.top_k, top_p=self.top_p, min_p=self.min_p)

        if not isinstance(self.temperature, Schedule):
            sorts = (self.top_k, self.top_p, self.min_p) != (None, None, None)
            whole = draw if sorts else one_kernel(draw, math.prod(outputs.shape[:-1]))
            return whole(outputs, uniforms, self.temperature)
        assert now is not None, "a schedule needs what over() gives"
        return jax.vmap(draw)(outputs, uniforms, now)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Mode:
    """The most probable code, always."""

    def over(self, times: Array) -> None:
        """Nothing."""

    def __call__(self, head: Head, outputs: Array, uniforms: Array, now: None = None) -> Array:
        return head.mode(outputs)
