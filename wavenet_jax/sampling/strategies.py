"""How the next sample is chosen from the head's outputs: small frozen values that the loop takes as an argument.

They are pytrees: a new temperature is a new number, not a new compilation.
"""

from dataclasses import dataclass
from typing import Protocol

import jax

from wavenet_jax.model import Categorical
from wavenet_jax.typing import Array


class Strategy(Protocol):
    """Chooses codes from outputs; one uniform in [0, 1) per stream is all the randomness there is."""

    def __call__(self, head: Categorical, outputs: Array, uniforms: Array) -> Array:
        """``[B, outputs], [B] -> [B]`` int32 codes."""
        ...


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ancestral:
    """A draw from the model's distribution, sharpened by a temperature below one."""

    temperature: float | Array = 1.0

    def __call__(self, head: Categorical, outputs: Array, uniforms: Array) -> Array:
        return head.sample(outputs, uniforms, self.temperature)
