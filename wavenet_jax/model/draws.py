"""Draws from unnormalised probabilities by inverse CDF, cut to the most probable choices where that is asked for.

A truncation is a function here, an entry of ``TRUNCATIONS``, and an option of the same name where people set it
(``wavenet_jax.generation.GenerationOptions``).
"""

import math
from collections.abc import Callable, Mapping
from typing import TypeAlias

import jax.numpy as jnp
import numpy as np

from wavenet_jax.typing import Array

Scalar: TypeAlias = float | Array
"""A Python number, or an array without axes that may be traced."""


def _top_k(weights: Array, most: Scalar) -> Array:
    """Keeps the k most probable choices."""
    del weights
    return jnp.asarray(most)


def _top_p(weights: Array, share: Scalar) -> Array:
    """Keeps the fewest whose probability reaches the share (nucleus sampling, Holtzman et al. 2020)."""
    cumulative = jnp.cumsum(weights, axis=-1)
    return 1 + (cumulative < share * cumulative[..., -1:]).sum(axis=-1, keepdims=True)


def _min_p(weights: Array, share: Scalar) -> Array:
    """Keeps those with at least the share of the greatest probability (Nguyen et al. 2024)."""
    return (weights >= share).sum(axis=-1, keepdims=True)


TRUNCATIONS: Mapping[str, Callable[[Array, Scalar], Array]] = {"top_k": _top_k, "top_p": _top_p, "min_p": _min_p}
"""Truncations by name: each returns how many of falling ``weights [..., C]`` it keeps, ``[..., 1]``."""


def draw(logits: Array, uniforms: Array, temperature: Scalar, truncation: Mapping[str, Scalar | None]) -> Array:
    """Draws indices: ``[..., C], [..., 1] -> [...]`` int32; several truncations keep what all of them keep.

    A truncation comes after the temperature; with the value None it is off. The most probable choice always stays.

    Raises:
      ValueError: there is no truncation of a name.
    """
    weights = jnp.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)
    given = {name: value for name, value in truncation.items() if value is not None}
    if not given:
        return inverse_cdf(weights, uniforms)
    for name in given:
        if name not in TRUNCATIONS:
            raise ValueError(f"a truncation must be one of {', '.join(TRUNCATIONS)}, got {name!r}")
    # From the most probable choice down, those that stay are a prefix.
    order = jnp.argsort(-weights, axis=-1)
    weights = jnp.take_along_axis(weights, order, axis=-1)
    kept = jnp.full_like(order[..., :1], logits.shape[-1])
    for name, value in given.items():
        kept = jnp.minimum(kept, TRUNCATIONS[name](weights, value))
    last = jnp.maximum(kept.astype(jnp.int32) - 1, 0)
    staying = jnp.where(along(jnp.arange(logits.shape[-1]), last[..., 0]) <= last, weights, 0)
    rank = inverse_cdf(staying, uniforms)[..., None]
    return jnp.take_along_axis(order, rank, axis=-1)[..., 0].astype(jnp.int32)


def inverse_cdf(weights: Array, uniforms: Array) -> Array:
    """Draws indices in proportion to ``weights``, none below zero: ``[..., C], [..., 1] -> [...]`` int32.

    First one of about sqrt(C) stretches, then a place in it: two short sums take a fraction of the time of a long one.
    What has no weight is never drawn.
    """
    choices = weights.shape[-1]
    width = math.isqrt(choices - 1) + 1
    missing = -choices % width
    padded = jnp.pad(weights, [(0, 0)] * (weights.ndim - 1) + [(0, missing)])
    stretches = padded.reshape(*weights.shape[:-1], -1, width)
    ends = _running_sum(stretches.sum(axis=-1))
    target = uniforms * ends[..., -1:]
    stretch = _first_beyond(ends, target)
    before = chosen(ends, stretch[..., 0] - 1)[..., None]
    within = jnp.take_along_axis(stretches, stretch[..., None], axis=-2)[..., 0, :]
    place = _first_beyond(_running_sum(within), target - before)
    return (stretch * width + place)[..., 0].astype(jnp.int32)


def along(vector: Array, like: Array) -> Array:
    """Gives the vector ``[C]`` an axis of length 1 in front for each one of ``like``."""
    return vector.reshape((1,) * like.ndim + (-1,))


def chosen(values: Array, index: Array) -> Array:
    """Picks one of C: ``[..., C], [...] -> [...]``, or 0 for an index that is none of them.

    It is a masked sum instead of a gather: its gradient is a select, not a scatter.
    """
    return jnp.where(index[..., None] == along(jnp.arange(values.shape[-1]), index), values, 0).sum(-1)


def _running_sum(values: Array) -> Array:
    """Sums up to each of a few values, ``[..., C] -> [..., C]``: equal where nothing is added, never falling."""
    until = np.tri(values.shape[-1], dtype=bool)
    return jnp.where(until.reshape((1,) * (values.ndim - 1) + until.shape), values[..., None, :], 0).sum(axis=-1)


def _first_beyond(sums: Array, target: Array) -> Array:
    """Finds the first running sum that is above the target, or all there is: ``[..., C], [..., 1] -> [..., 1]``."""
    return ((sums <= target) & (sums < sums[..., -1:])).sum(axis=-1, keepdims=True)
