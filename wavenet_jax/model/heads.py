"""Output heads: the distribution of the next sample that the network's outputs stand for.

A head is a class in the table ``HEADS`` (``wavenet_jax.config.tables``), by the name that a config gives as ``head``.
To add one, write the class, register it and test it; nothing else compares names of heads. Every head is a pytree of
its own weights, if it has any; everything else about it is static. Shapes: outputs ``[..., O]`` with O the head's
``outputs``, codes ``[...]``, uniforms ``[..., draws]`` in [0, 1).
"""

import abc
import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.audio.companding import expand
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.config.tables import HEADS
from wavenet_jax.model import bins
from wavenet_jax.model.draws import Scalar, along, chosen, draw
from wavenet_jax.typing import Array

BYTE = 256

NARROWEST = -5.0
"""Natural logarithm of the least scale of a component, in units of what moves it."""

MOST_CATEGORIES = 4_096
"""Levels up to which each can have a logit of its own."""


class ParameterFactory(Protocol):
    """Makes parameters by name; ``wavenet_jax.model.parameters.Projections`` says how."""

    def kernel(self, name: str, shape: tuple[int, ...], fan_in: tuple[int, ...], gain: float = 1.0) -> Array:
        """Makes a kernel whose outputs are its last axis and whose inputs are the axes ``fan_in``."""

    def table(self, name: str, shape: tuple[int, ...]) -> Array:
        """Makes rows to look up."""

    def bias(self, name: str, shape: tuple[int, ...], start: np.ndarray | None = None) -> Array:
        """Makes a bias."""
        ...


class Head(abc.ABC):
    """A distribution over the Q codes of the next sample, given the network's outputs."""

    levels: int
    """Q: how many codes there are."""
    draws = 1
    """Uniforms that one sample takes."""
    truncates = False
    """``sample`` accepts truncations."""
    has_logits = False
    """Outputs are logits, which can be mixed with those of other conditions for guidance."""
    moves = False
    """Outputs hold places and scales on the waveform, so that a prediction can move it: see ``moved``."""
    multiply_adds = 0
    """Multiply-adds per sample with weights of its own."""

    @classmethod
    @abc.abstractmethod
    def from_config(cls, config: WaveNetConfig) -> Self:
        """Returns the head of a config that names it; weights of its own come later, by ``with_weights``."""

    @classmethod  # noqa: B027 - not every head has something to check
    def check(cls, config: WaveNetConfig) -> None:
        """Raises ``ValueError`` for a config that the head cannot work with."""

    def with_weights(self, make: ParameterFactory) -> Self:
        """Returns the head with the weights of its own, if it has any, as ``make`` makes them."""
        return self

    @property
    @abc.abstractmethod
    def outputs(self) -> int:
        """Number of outputs of the network per sample."""

    @abc.abstractmethod
    def log_prob(self, outputs: Array, codes: Array) -> Array:
        """Computes the log-likelihood of ``codes``, in nats: ``[..., O], [...] -> [...]``."""

    @abc.abstractmethod
    def log_interval(self, outputs: Array, first: Array, last: Array) -> Array:
        """Computes the log-probability, in nats, of the codes from ``first`` to ``last``, both included: ``[...]``."""

    @abc.abstractmethod
    def sample(self, outputs: Array, uniforms: Array, temperature: Scalar = 1.0, **truncation: Scalar | None) -> Array:
        """Draws codes by inverse CDF: ``[..., O], [..., draws] -> [...]`` int32.

        A temperature below one sharpens the distribution; it is greater than zero. Truncations are those of
        ``draws.TRUNCATIONS``; None is off.
        """

    @abc.abstractmethod
    def mode(self, outputs: Array) -> Array:
        """Returns the most probable codes: ``[..., O] -> [...]`` int32."""

    def moved(self, outputs: Array, centre: Array, log_unit: Array) -> Array:
        """Returns the outputs of the distribution that is ``centre + exp(log_unit) x`` where this one is x.

        ``[..., O], [...], [...] -> [..., O]``; for heads that say ``moves``.
        """
        raise NotImplementedError(f"a {type(self).__name__} head does not move")

    def initial_bias(self) -> np.ndarray:
        """Returns the bias of the last projection of an untrained network: ``[O]`` float32."""
        return np.zeros(self.outputs, np.float32)

    def units(self) -> np.ndarray:
        """Returns what a step of one in the last projection is worth in each output: ``[outputs]`` float32."""
        return np.ones(self.outputs, np.float32)


def head_of(config: WaveNetConfig) -> Head:
    """Returns the head that a config names, without weights of its own."""
    kind: type[Head] = HEADS[config.head]
    return kind.from_config(config)


@HEADS.register("categorical")
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Categorical(Head):
    """A probability for each level (WaveNet §2.2)."""

    levels: int = field(metadata={"static": True})
    truncates = True
    has_logits = True

    @classmethod
    def from_config(cls, config: WaveNetConfig) -> Self:
        return cls(config.levels)

    @classmethod
    def check(cls, config: WaveNetConfig) -> None:
        if config.levels > MOST_CATEGORIES:
            raise ValueError(
                f"head categorical takes up to {MOST_CATEGORIES} levels, got {config.levels}; choose another head"
            )

    @property
    def outputs(self) -> int:
        return self.levels

    def log_prob(self, outputs: Array, codes: Array) -> Array:
        return chosen(outputs, codes) - jax.nn.logsumexp(outputs, axis=-1)

    def log_interval(self, outputs: Array, first: Array, last: Array) -> Array:
        return _log_sum_within(outputs, first, last) - jax.nn.logsumexp(outputs, axis=-1)

    def sample(self, outputs: Array, uniforms: Array, temperature: Scalar = 1.0, **truncation: Scalar | None) -> Array:
        return draw(outputs, uniforms, temperature, truncation)

    def mode(self, outputs: Array) -> Array:
        return outputs.argmax(axis=-1).astype(jnp.int32)


class FineWeights(NamedTuple):
    """The weights behind the low byte's probabilities; C are the fine channels."""

    table: Array
    """``[256, C]``: a row for each high byte, added before the rectifier."""
    kernel: Array
    """``[C, 256]``"""
    bias: Array
    """``[256]``"""


@HEADS.register("coarse_fine")
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class CoarseFine(Head):
    """16 bits as a high byte, and a low byte that depends on the high one (WaveRNN, Kalchbrenner et al. 2018, §2).

    Outputs: 256 logits of the high byte; C numbers that with the table's row of that byte, through a rectifier and a
    projection, become the logits of the low one. Truncation is of each byte's probabilities by themselves.
    """

    fine_channels: int = field(metadata={"static": True})
    weights: FineWeights | None = None
    levels = BYTE * BYTE
    draws = 2
    truncates = True
    has_logits = True

    @classmethod
    def from_config(cls, config: WaveNetConfig) -> Self:
        return cls(config.fine_channels)

    @classmethod
    def check(cls, config: WaveNetConfig) -> None:
        if config.levels != cls.levels:
            raise ValueError(f"head coarse_fine needs levels={cls.levels} (two bytes), got {config.levels}")

    def with_weights(self, make: ParameterFactory) -> Self:
        weights = FineWeights(
            table=make.table("table", (BYTE, self.fine_channels)),
            kernel=make.kernel("kernel", (self.fine_channels, BYTE), fan_in=(0,), gain=0.1),
            bias=make.bias("bias", (BYTE,)),
        )
        return dataclasses.replace(self, weights=weights)

    @property
    def multiply_adds(self) -> int:  # type: ignore[override]
        return BYTE * self.fine_channels

    @property
    def outputs(self) -> int:
        return BYTE + self.fine_channels

    def log_prob(self, outputs: Array, codes: Array) -> Array:
        coarse, fine = self._coarse(outputs), self._fine(outputs, codes // BYTE)
        return chosen(coarse, codes // BYTE) + chosen(fine, codes % BYTE)

    def log_interval(self, outputs: Array, first: Array, last: Array) -> Array:
        coarse, low, high = self._coarse(outputs), first // BYTE, last // BYTE
        ends_here = jnp.where(low == high, last % BYTE, BYTE - 1)
        begin = chosen(coarse, low) + _log_sum_within(self._fine(outputs, low), first % BYTE, ends_here)
        end = chosen(coarse, high) + _log_sum_within(self._fine(outputs, high), jnp.zeros_like(last), last % BYTE)
        parts = jnp.concatenate([coarse, begin[..., None], end[..., None]], axis=-1)
        bytes_ = along(jnp.arange(BYTE), low)
        between = (bytes_ > low[..., None]) & (bytes_ < high[..., None])
        counts = jnp.concatenate([between, jnp.ones_like(between[..., :1]), (low < high)[..., None]], axis=-1)
        return jax.nn.logsumexp(jnp.where(counts, parts, -jnp.inf), axis=-1)

    def sample(self, outputs: Array, uniforms: Array, temperature: Scalar = 1.0, **truncation: Scalar | None) -> Array:
        high = draw(self._coarse(outputs), uniforms[..., :1], temperature, truncation)
        low = draw(self._fine(outputs, high), uniforms[..., 1:], temperature, truncation)
        return BYTE * high + low

    def mode(self, outputs: Array) -> Array:
        """Returns the most probable codes: ``[..., O] -> [...]`` int32.

        It looks at all 65,536, which is 256 times the work of a draw.
        """
        shape = (*outputs.shape[:-1], BYTE)
        fine = self._fine(outputs[..., None, :], jnp.broadcast_to(along(jnp.arange(BYTE), outputs[..., 0]), shape))
        high = (self._coarse(outputs) + fine.max(axis=-1)).argmax(axis=-1)
        low = jnp.take_along_axis(fine.argmax(axis=-1), high[..., None], axis=-1)[..., 0]
        return (BYTE * high + low).astype(jnp.int32)

    def _coarse(self, outputs: Array) -> Array:
        return jax.nn.log_softmax(outputs[..., :BYTE].astype(jnp.float32))

    def _fine(self, outputs: Array, high: Array) -> Array:
        """Computes log-probabilities of the low byte: ``[..., O], [...] -> [..., 256]``."""
        if self.weights is None:
            raise ValueError("a CoarseFine head needs its weights, got none; take the network's bound_head()")
        table, kernel, bias = (weight.astype(jnp.float32) for weight in self.weights)
        hidden = jax.nn.relu(outputs[..., BYTE:].astype(jnp.float32) + table[high])
        return jax.nn.log_softmax(hidden @ kernel + along(bias, high))


class _Distribution(NamedTuple):
    """The distribution of a mixture's components, for a mean of 0 and a scale of 1."""

    log_mass: Callable[[Array, Array, Array, Array, Array], Array]
    """See ``bins.log_logistic_mass``."""
    quantile: Callable[[Array], Array]
    """The inverse of its cumulative distribution function."""


_DISTRIBUTIONS = {
    "logistic": _Distribution(bins.log_logistic_mass, jax.scipy.special.logit),
    "gaussian": _Distribution(bins.log_normal_mass, jax.scipy.special.ndtri),
}


@HEADS.register("logistic_mixture")
@HEADS.register("gaussian_mixture")
@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Mixture(Head):
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
    moves = True

    def __post_init__(self) -> None:
        if self.distribution not in _DISTRIBUTIONS:
            raise ValueError(f"distribution must be one of {', '.join(_DISTRIBUTIONS)}, got {self.distribution!r}")

    @classmethod
    def from_config(cls, config: WaveNetConfig) -> Self:
        return cls(
            levels=config.levels,
            components=config.mixture_components,
            log_scale_floor=config.log_scale_floor,
            distribution=config.head.removesuffix("_mixture"),
            # Companded levels are evenly spaced.
            axis=config.mixture_axis if config.companding == "linear" else "linear",
        )

    @classmethod
    def check(cls, config: WaveNetConfig) -> None:
        if config.prediction.linear_prediction and (config.companding, config.mixture_axis) != ("linear", "linear"):
            raise ValueError(
                "linear_prediction moves a mixture along the waveform: it needs companding=linear and "
                f"mixture_axis=linear, got {config.companding} and {config.mixture_axis}"
            )

    @property
    def outputs(self) -> int:
        return 3 * self.components

    def log_prob(self, outputs: Array, codes: Array) -> Array:
        return self.log_interval(outputs, codes, codes)

    def log_interval(self, outputs: Array, first: Array, last: Array) -> Array:
        # Components first: XLA on CPUs then computes several samples at once.
        logits, means, log_scales = (jnp.moveaxis(array, -1, 0) for array in self._parameters(outputs))
        first, last = first[None], last[None]
        log_mass = _DISTRIBUTIONS[self.distribution].log_mass
        if self.axis == "mu_law":
            edges = jnp.asarray(bins.companded_edges(self.levels)[0])
            upper, lower = ((edges[edge] - means) * jnp.exp(-log_scales) for edge in (last + 1, first))
            # The difference of two edges close to each other would be inexact.
            widths = jnp.asarray(bins.companded_edges(self.levels)[1])
            width = jnp.where(first == last, widths[first], edges[last + 1] - edges[first]) * jnp.exp(-log_scales)
            masses = log_mass(lower, upper, width, first == 0, last == self.levels - 1)
            return jax.nn.logsumexp(jax.nn.log_softmax(logits, axis=0) + masses, axis=0)
        # Bins per scale; lengths are counted in bins, where the edges are whole numbers and so exact.
        density = jnp.exp(-log_scales) * (2 / (self.levels - 1))
        upper, lower = (
            # The product of a mean and (Q - 1) / 2 in two parts, of which the greater is exact if Q is a power of two.
            ((edge - self.levels / 2 - means * (self.levels / 2)) + means / 2) * density
            for edge in (last + 1, first)
        )
        masses = log_mass(lower, upper, (last + 1 - first) * density, first == 0, last == self.levels - 1)
        return jax.nn.logsumexp(jax.nn.log_softmax(logits, axis=0) + masses, axis=0)

    def sample(self, outputs: Array, uniforms: Array, temperature: Scalar = 1.0, **truncation: Scalar | None) -> Array:
        """Draws codes by inverse CDF, of the component and then of its value: ``[..., O], [..., 2] -> [...]`` int32.

        The temperature divides the logits and multiplies the scale. ValueError for top_k, top_p or min_p.
        """
        names = ", ".join(name for name, value in truncation.items() if value is not None)
        if names:
            raise ValueError(f"a {self.distribution} mixture cannot truncate by {names}; lower the temperature instead")
        logits, means, log_scales = self._parameters(outputs)
        component = draw(logits, uniforms[..., :1], temperature, {})[..., None]
        mean, log_scale = (jnp.take_along_axis(array, component, axis=-1)[..., 0] for array in (means, log_scales))
        # The middle of the cell of 2^-23 that a float32 stands for; never 0 nor 1, whose quantiles are infinite.
        uniform = jnp.minimum(uniforms[..., 1].astype(jnp.float32) + 2**-24, 1 - 2**-24)
        inverse = _DISTRIBUTIONS[self.distribution].quantile
        return self._nearest(mean + jnp.exp(log_scale) * temperature * inverse(uniform))

    def mode(self, outputs: Array) -> Array:
        """Returns the most probable of the codes nearest to the components' means: ``[..., O] -> [...]`` int32.

        The outermost bins gather whole tails, and a wide component may give them more; that peak is not meant.
        """
        candidates = self._nearest(self._parameters(outputs)[1])
        best = self.log_prob(outputs[..., None, :], candidates).argmax(axis=-1)
        return jnp.take_along_axis(candidates, best[..., None], axis=-1)[..., 0]

    def moved(self, outputs: Array, centre: Array, log_unit: Array) -> Array:
        logits, means, log_scales = jnp.split(outputs.astype(jnp.float32), 3, axis=-1)
        centre, log_unit = centre[..., None], log_unit[..., None]
        # Once a component is far narrower than its unit, what it is sure of is noise, and its gradient without bound.
        log_scales = log_unit + jnp.maximum(log_scales, NARROWEST)
        return jnp.concatenate([logits, centre + jnp.exp(log_unit) * means, log_scales], axis=-1)

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
            values = expand(values, xp=jnp)
        codes = jnp.floor(values * ((self.levels - 1) / 2) + self.levels % 2 / 2) + self.levels // 2
        return jnp.clip(codes, 0, self.levels - 1).astype(jnp.int32)


def _log_sum_within(logits: Array, first: Array, last: Array) -> Array:
    """Adds up, as logarithms, the choices from ``first`` to ``last``: ``[..., C] -> [...]``."""
    index = along(jnp.arange(logits.shape[-1]), first)
    within = (index >= first[..., None]) & (index <= last[..., None])
    return jax.nn.logsumexp(jnp.where(within, logits, -jnp.inf), axis=-1)
