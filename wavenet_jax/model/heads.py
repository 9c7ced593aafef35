"""Output heads: what the network's last numbers say about the next sample."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from wavenet_jax.typing import Array


@dataclass(frozen=True)
class Categorical:
    """A probability for each level (WaveNet §2.2)."""

    levels: int

    @property
    def outputs(self) -> int:
        """How many numbers the network gives per sample."""
        return self.levels

    def log_prob(self, outputs: Array, codes: Array) -> Array:
        """Log-likelihood of ``codes``, in nats: ``[..., Q], [...] -> [...]``."""
        # A masked sum instead of a gather: its gradient is a select, not a scatter.
        chosen = jnp.expand_dims(codes, -1) == jnp.arange(self.levels).reshape((1,) * codes.ndim + (-1,))
        return jnp.where(chosen, outputs, 0).sum(-1) - jax.nn.logsumexp(outputs, axis=-1)

    def sample(self, outputs: Array, uniforms: Array, temperature: float | Array = 1.0) -> Array:
        """Codes drawn by inverse CDF, one uniform in [0, 1) each: ``[..., Q], [...] -> [...]`` int32.

        A temperature below one sharpens the distribution.
        """
        weights = jnp.exp((outputs - outputs.max(axis=-1, keepdims=True)) / temperature)
        cumulative = jnp.cumsum(weights, axis=-1)
        passed = cumulative <= jnp.expand_dims(uniforms, -1) * cumulative[..., -1:]
        return jnp.minimum(passed.sum(axis=-1), self.levels - 1).astype(jnp.int32)
