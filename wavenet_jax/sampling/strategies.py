"""How the next sample is chosen from the head's outputs: small frozen values that the loop takes as an argument.

They are pytrees: a new temperature is a new number, not a new compilation.
"""

from dataclasses import dataclass
from typing import Protocol

import jax

from wavenet_jax.model import Head
from wavenet_jax.typing import Array


class Strategy(Protocol):
    """Chooses codes from outputs; the uniforms in [0, 1) of a sample are all the randomness there is."""

    def __call__(self, head: Head, outputs: Array, uniforms: Array) -> Array:
        """``[B, outputs], [B, draws] -> [B]`` int32 codes."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ancestral:
    """A draw from the model's distribution, sharpened by a temperature below one, and cut to its most probable part.

    ``top_k`` keeps so many levels, ``top_p`` the fewest that hold this share of the probability (nucleus sampling,
    Holtzman et al. 2019), ``min_p`` those with at least this share of the most probable one's (Nguyen et al. 2024).
    None keeps all, and costs nothing.
    """

    temperature: float | Array = 1.0
    top_k: int | Array | None = None
    top_p: float | Array | None = None
    min_p: float | Array | None = None

    def __call__(self, head: Head, outputs: Array, uniforms: Array) -> Array:
        return head.sample(outputs, uniforms, self.temperature, top_k=self.top_k, top_p=self.top_p, min_p=self.min_p)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Mode:
    """The most probable code, always."""

    def __call__(self, head: Head, outputs: Array, uniforms: Array) -> Array:
        return head.mode(outputs)
