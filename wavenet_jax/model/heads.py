"""Output heads: what the network's last numbers say about the next sample.

Every head is a pytree of its own weights, if it has any; everything else about it is static. Shapes: outputs
``[..., O]`` with O the head's ``outputs``, codes ``[...]``, uniforms ``[..., draws]`` in [0, 1).
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias, TypedDict, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import bins
from wavenet_jax.typing import Array

Scalar: TypeAlias = float | Array
"""A Python number, or an array without axes that may be traced."""

BYTE = 256


class Truncation(TypedDict, total=False):
    """Which choices a draw keeps, after the temperature; None or left out is off. The most probable always stays."""

    top_k: Scalar | None
    """So many of the most probable ones."""
    top_p: Scalar | None
    """The fewest whose probability reaches this (nucleus sampling, Holtzman et al. 2020)."""
    min_p: Scalar | None
    """Those with at least this share of the greatest probability (Nguyen et al. 2024)."""


class Head(Protocol):
    """A distribution over the Q codes of the next sample, given the network's outputs."""

    @property
    def levels(self) -> int:
        """Q: how many codes there are."""

    @property
    def outputs(self) -> int:
        """How many numbers the network gives per sample."""

    @property
    def draws(self) -> int:
        """Uniforms that one sample takes."""

    @property
    def truncates(self) -> bool:
        """Whether ``sample`` accepts top_k, top_p and min_p."""

    def log_prob(self, outputs: Array, codes: Array) -> Array:
        """Log-likelihood of ``codes``, in nats: ``[..., O], [...] -> [...]``."""

    def log_interval(self, outputs: Array, first: Array, last: Array) -> Array:
        """Log-probability, in nats, of the codes from ``first`` to ``last``, both included: ``[...]``."""

    def sample(
        self, outputs: Array, uniforms: Array, temperature: Scalar = 1.0, **truncation: Unpack[Truncation]
    ) -> Array:
        """Codes drawn by inverse CDF: ``[..., O], [..., draws] -> [...]`` int32.

        A temperature below one sharpens the distribution; it is greater than zero.
        """

    def mode(self, outputs: Array) -> Array:
        """The most probable codes: ``[..., O] -> [...]`` int32."""

    def initial_bias(self) -> np.ndarray:
        """Bias of the last projection of an untrained network: ``[O]`` float32."""

    def units(self) -> np.ndarray:
        """What a step of one in the last projection is worth in each output: ``[outputs]`` float32."""
        ...


def head_of(config: WaveNetConfig) -> Head:
    """The head that a config names; coarse_fine comes without its weights."""
    if config.head == "categorical":
        return Categorical(config.levels)
    if config.head == "coarse_fine":
        return CoarseFine(config.fine_channels)
    distribution = config.head.removesuffix("_mixture")
    axis = config.mixture_axis if config.companding == "linear" else "linear"  # companded levels are evenly spaced
    return Mixture(config.levels, config.mixture_components, config.log_scale_floor, distribution, axis)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Categorical:
    """A probability for each level (WaveNet §2.2)."""

    levels: int = field(metadata={"static": True})
    draws = 1
    truncates = True

    @property
    def outputs(self) -> int:
        return self.levels

    def log_prob(self, outputs: Array, codes: Array) -> Array:
        return _chosen(outputs, codes) - jax.nn.logsumexp(outputs, axis=-1)

    def log_interval(self, outputs: Array, first: Array, last: Array) -> Array:
        return _log_sum_within(outputs, first, last) - jax.nn.logsumexp(outputs, axis=-1)

    def sample(
        self, outputs: Array, uniforms: Array, temperature: Scalar = 1.0, **truncation: Unpack[Truncation]
    ) -> Array:
        return _draw(outputs, uniforms, temperature, **truncation)

    def mode(self, outputs: Array) -> Array:
        return outputs.argmax(axis=-1).astype(jnp.int32)

    def initial_bias(self) -> np.ndarray:
        return np.zeros(self.outputs, np.float32)

    def units(self) -> np.ndarray:
        return np.ones(self.outputs, np.float32)


class FineWeights(NamedTuple):
    """What the low byte's probabilities are made with; C are the fine channels."""

    table: Array
    """``[256, C]``: what each high byte adds in front of the rectifier."""
    kernel: Array
    """``[C, 256]``"""
    bias: Array
    """``[256]``"""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CoarseFine:
    """16 bits as a high byte, and a low byte that knows the high one (WaveRNN, Kalchbrenner et al. 2018, §2).

    Outputs: 256 logits of the high byte; C numbers that with the table's row of that byte, through a rectifier and a
    projection, become the logits of the low one. Truncation is of each byte's probabilities by themselves.
    """

    fine_channels: int = field(metadata={"static": True})
    weights: FineWeights | None = None
    levels = BYTE * BYTE
    draws = 2
    truncates = True

    @property
    def outputs(self) -> int:
        return BYTE + self.fine_channels

    def log_prob(self, outputs: Array, codes: Array) -> Array:
        coarse, fine = self._coarse(outputs), self._fine(outputs, codes // BYTE)
        return _chosen(coarse, codes // BYTE) + _chosen(fine, codes % BYTE)

    def log_interval(self, outputs: Array, first: Array, last: Array) -> Array:
        coarse, low, high = self._coarse(outputs), first // BYTE, last // BYTE
        ends_here = jnp.where(low == high, last % BYTE, BYTE - 1)
        begin = _chosen(coarse, low) + _log_sum_within(self._fine(outputs, low), first % BYTE, ends_here)
        end = _chosen(coarse, high) + _log_sum_within(self._fine(outputs, high), jnp.zeros_like(last), last % BYTE)
        parts = jnp.concatenate([coarse, begin[..., None], end[..., None]], axis=-1)
        bytes_ = _along(jnp.arange(BYTE), low)
        between = (bytes_ > low[..., None]) & (bytes_ < high[..., None])
        counts = jnp.concatenate([between, jnp.ones_like(between[..., :1]), (low < high)[..., None]], axis=-1)
        return jax.nn.logsumexp(jnp.where(counts, parts, -jnp.inf), axis=-1)

    def sample(
        self, outputs: Array, uniforms: Array, temperature: Scalar = 1.0, **truncation: Unpack[Truncation]
    ) -> Array:
        high = _draw(self._coarse(outputs), uniforms[..., :1], temperature, **truncation)
        low = _draw(self._fine(outputs, high), uniforms[..., 1:], temperature, **truncation)
        return BYTE * high + low

    def mode(self, outputs: Array) -> Array:
        """The most probable codes: ``[..., O] -> [...]`` int32. It looks at all 65,536: 256 times a sample's work."""
        shape = (*outputs.shape[:-1], BYTE)
        fine = self._fine(outputs[..., None, :], jnp.broadcast_to(_along(jnp.arange(BYTE), outputs[..., 0]), shape))
        high = (self._coarse(outputs) + fine.max(axis=-1)).argmax(axis=-1)
        low = jnp.take_along_axis(fine.argmax(axis=-1), high[..., None], axis=-1)[..., 0]
        return (BYTE * high + low).astype(jnp.int32)

    def initial_bias(self) -> np.ndarray:
        return np.zeros(self.outputs, np.float32)

    def units(self) -> np.ndarray:
        return np.ones(self.outputs, np.float32)

    def _coarse(self, outputs: Array) -> Array:
        return jax.nn.log_softmax(outputs[..., :BYTE].astype(jnp.float32))

    def _fine(self, outputs: Array, high: Array) -> Array:
        """Log-probabilities of the low byte: ``[..., O], [...] -> [..., 256]``."""
        if self.weights is None:
            raise ValueError("a CoarseFine head needs its weights, got none; take the network's bound_head()")
        table, kernel, bias = (weight.astype(jnp.float32) for weight in self.weights)
        hidden = jax.nn.relu(outputs[..., BYTE:].astype(jnp.float32) + table[high])
        return jax.nn.log_softmax(hidden @ kernel + _along(bias, high))


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Mixture:
    """A mixture of logistic or normal distributions, discretised on the grid.

    Logistic: PixelCNN++ (Salimans et al. 2017, §2.1), for audio Parallel WaveNet (van den Oord et al. 2017); gaussian:
    ClariNet (Ping et al. 2018). Code k stands for the value ``2 k / (Q - 1) - 1`` and the bin of width
    ``2 / (Q - 1)`` around it; the outermost bins take all that lies beyond. Outputs: a logit, then a mean, then the
    natural logarithm of a scale for each component, the last clamped at ``log_scale_floor``. On the axis ``mu_law`` the
    components live on the companded value instead, where speech and music spread out: the bins are the same, their
    edges are companded, and learning needs less precise means.
    """

    levels: int = field(metadata={"static": True})
    components: int = field(metadata={"static": True})
    log_scale_floor: float = field(metadata={"static": True})
    distribution: str = field(metadata={"static": True})
    axis: str = field(default="linear", metadata={"static": True})
    draws = 2
    truncates = False

    @property
    def outputs(self) -> int:
        return 3 * self.components

    def log_prob(self, outputs: Array, codes: Array) -> Array:
        return self.log_interval(outputs, codes, codes)

    def log_interval(self, outputs: Array, first: Array, last: Array) -> Array:
        logits, means, log_scales = self._parameters(outputs)
        first, last = first[..., None], last[..., None]
        log_mass = bins.log_logistic_mass if self.distribution == "logistic" else bins.log_normal_mass
        if self.axis == "mu_law":
            edges = jnp.asarray(bins.companded_edges(self.levels)[0])
            upper, lower = ((edges[edge] - means) * jnp.exp(-log_scales) for edge in (last + 1, first))
            # The difference of two edges close to each other would be inexact.
            widths = jnp.asarray(bins.companded_edges(self.levels)[1])
            width = jnp.where(first == last, widths[first], edges[last + 1] - edges[first]) * jnp.exp(-log_scales)
            masses = log_mass(lower, upper, width, first == 0, last == self.levels - 1)
            return jax.nn.logsumexp(jax.nn.log_softmax(logits) + masses, axis=-1)
        # Bins per scale; lengths are counted in bins, where the edges are whole numbers and so exact.
        density = jnp.exp(-log_scales) * (2 / (self.levels - 1))
        upper, lower = (
            # The product of a mean and (Q - 1) / 2 in two parts, of which the greater is exact if Q is a power of two.
            ((edge - self.levels / 2 - means * (self.levels / 2)) + means / 2) * density
            for edge in (last + 1, first)
        )
        masses = log_mass(lower, upper, (last + 1 - first) * density, first == 0, last == self.levels - 1)
        return jax.nn.logsumexp(jax.nn.log_softmax(logits) + masses, axis=-1)

    def sample(
        self, outputs: Array, uniforms: Array, temperature: Scalar = 1.0, **truncation: Unpack[Truncation]
    ) -> Array:
        """Codes drawn by inverse CDF, of the component and then of its value: ``[..., O], [..., 2] -> [...]`` int32.

        The temperature divides the logits and multiplies the scale. ValueError for top_k, top_p or min_p.
        """
        names = ", ".join(name for name, value in truncation.items() if value is not None)
        if names:
            raise ValueError(f"a {self.distribution} mixture cannot truncate by {names}; lower the temperature instead")
        logits, means, log_scales = self._parameters(outputs)
        component = _draw(logits, uniforms[..., :1], temperature)[..., None]
        mean, log_scale = (jnp.take_along_axis(array, component, axis=-1)[..., 0] for array in (means, log_scales))
        # The middle of the cell of 2^-23 that a float32 stands for; never 0 nor 1, whose quantiles are infinite.
        uniform = jnp.minimum(uniforms[..., 1].astype(jnp.float32) + 2**-24, 1 - 2**-24)
        inverse = jax.scipy.special.logit if self.distribution == "logistic" else jax.scipy.special.ndtri
        return self._nearest(mean + jnp.exp(log_scale) * temperature * inverse(uniform))

    def mode(self, outputs: Array) -> Array:
        """The most probable among the codes nearest to the components' means: ``[..., O] -> [...]`` int32.

        The outermost bins gather whole tails, and a wide component may give them more; that peak is not meant.
        """
        candidates = self._nearest(self._parameters(outputs)[1])
        best = self.log_prob(outputs[..., None, :], candidates).argmax(axis=-1)
        return jnp.take_along_axis(candidates, best[..., None], axis=-1)[..., 0]

    def initial_bias(self) -> np.ndarray:
        means = np.linspace(-0.5, 0.5, self.components) if self.components > 1 else np.zeros(1)
        scales = np.full(self.components, max(-2.0, self.log_scale_floor))
        return np.concatenate([np.zeros(self.components), means, scales]).astype(np.float32)

    def units(self) -> np.ndarray:
        # Means have to be right to a hundredth where logits may be off by one; with equal steps they never settle.
        return np.repeat([1, 0.1, 1], self.components).astype(np.float32)

    def _parameters(self, outputs: Array) -> tuple[Array, Array, Array]:
        logits, means, log_scales = jnp.split(outputs.astype(jnp.float32), 3, axis=-1)
        return logits, means, jnp.maximum(log_scales, self.log_scale_floor)

    def _nearest(self, values: Array) -> Array:
        if self.axis == "mu_law":
            values = jnp.sign(values) * jnp.expm1(jnp.abs(values) * math.log1p(bins.MU)) / bins.MU
        codes = jnp.floor(values * ((self.levels - 1) / 2) + self.levels % 2 / 2) + self.levels // 2
        return jnp.clip(codes, 0, self.levels - 1).astype(jnp.int32)


def _along(vector: Array, like: Array) -> Array:
    """The vector ``[C]`` with an axis of length 1 in front for each one of ``like``."""
    return vector.reshape((1,) * like.ndim + (-1,))


def _chosen(values: Array, index: Array) -> Array:
    """``[..., C], [...] -> [...]``, as a masked sum instead of a gather: its gradient is a select, not a scatter."""
    return jnp.where(index[..., None] == _along(jnp.arange(values.shape[-1]), index), values, 0).sum(-1)


def _log_sum_within(logits: Array, first: Array, last: Array) -> Array:
    index = _along(jnp.arange(logits.shape[-1]), first)
    within = (index >= first[..., None]) & (index <= last[..., None])
    return jax.nn.logsumexp(jnp.where(within, logits, -jnp.inf), axis=-1)


def _draw(
    logits: Array,
    uniforms: Array,
    temperature: Scalar,
    top_k: Scalar | None = None,
    top_p: Scalar | None = None,
    min_p: Scalar | None = None,
) -> Array:
    """Indices drawn by inverse CDF: ``[..., C], [..., 1] -> [...]`` int32."""
    weights = jnp.exp((logits - logits.max(axis=-1, keepdims=True)) / temperature)
    if top_k is None and top_p is None and min_p is None:
        return _inverse_cdf(weights, uniforms)
    # From the most probable one down, whatever stays is a prefix.
    order = jnp.argsort(-weights, axis=-1)
    weights = jnp.take_along_axis(weights, order, axis=-1)
    kept = jnp.full_like(order[..., :1], logits.shape[-1])
    if top_k is not None:
        kept = jnp.minimum(kept, top_k)
    if top_p is not None:
        cumulative = jnp.cumsum(weights, axis=-1)
        kept = jnp.minimum(kept, 1 + (cumulative < top_p * cumulative[..., -1:]).sum(axis=-1, keepdims=True))
    if min_p is not None:
        kept = jnp.minimum(kept, (weights >= min_p).sum(axis=-1, keepdims=True))
    last = jnp.maximum(kept.astype(jnp.int32) - 1, 0)
    staying = jnp.where(_along(jnp.arange(logits.shape[-1]), last[..., 0]) <= last, weights, 0)
    rank = _inverse_cdf(staying, uniforms)[..., None]
    return jnp.take_along_axis(order, rank, axis=-1)[..., 0].astype(jnp.int32)


def _inverse_cdf(weights: Array, uniforms: Array) -> Array:
    """Indices drawn in proportion to ``weights``, none below zero: ``[..., C], [..., 1] -> [...]`` int32.

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
    before = _chosen(ends, stretch[..., 0] - 1)[..., None]
    within = jnp.take_along_axis(stretches, stretch[..., None], axis=-2)[..., 0, :]
    place = _first_beyond(_running_sum(within), target - before)
    return (stretch * width + place)[..., 0].astype(jnp.int32)


def _running_sum(values: Array) -> Array:
    """The sums up to each of a few values, ``[..., C] -> [..., C]``: equal where nothing is added, never falling."""
    until = np.tri(values.shape[-1], dtype=bool)
    return jnp.where(until.reshape((1,) * (values.ndim - 1) + until.shape), values[..., None, :], 0).sum(axis=-1)


def _first_beyond(sums: Array, target: Array) -> Array:
    """The first running sum that is above the target, or all there is: ``[..., C], [..., 1] -> [..., 1]``."""
    return ((sums <= target) & (sums < sums[..., -1:])).sum(axis=-1, keepdims=True)
