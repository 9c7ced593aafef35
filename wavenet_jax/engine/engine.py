"""The engine as a value: packed weights, and one call that makes T samples of B streams."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.engine.build import Library, library
from wavenet_jax.engine.packing import FORMATS, attributes, pack
from wavenet_jax.model import Filter, WaveNetState, WaveNetWeights, head_of
from wavenet_jax.model.adaptation import AdaptationState
from wavenet_jax.model.heads import Categorical, CoarseFine, Mixture
from wavenet_jax.model.prediction import PredictionState
from wavenet_jax.processors import processors
from wavenet_jax.typing import Array

TRUNCATIONS = ("top_k", "top_p", "min_p")
"""Truncations that the engine implements, in the order of ``native/draws.h``."""

_FIRST_OF_STATE, _FIRST_OF_STATE_AFTER = 12, 3
"""The first of the arguments that hold the state, and the first of the results that do: the same memory."""


_LEAST_BYTES_FOR_TWO = 3 << 19
"""Bytes of weights from which a second thread is tried: with fewer, meeting takes as long as it saves."""


class Drawing(NamedTuple):
    """How codes are chosen: drawn at a temperature from a truncated distribution, or the most probable one."""

    temperature: Any = 1.0  # a number, or [T, B]
    truncation: Mapping[str, Any] = MappingProxyType({})  # of TRUNCATIONS
    most_probable: bool = False


class Samples(NamedTuple):
    """Results of a call."""

    codes: Array  # [B, T] int32
    nats: Array | None  # [B, T] float32: log-likelihoods, where they are asked for and are not of a mixture
    outputs: Array | None  # [B, T, outputs] float32: the head's, where they are asked for
    state: WaveNetState  # after the last sample


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Engine:
    """A network ready to run; ``Engine.of`` makes one."""

    packed: Array
    """``[n]`` uint8: the weights, in the order of use."""
    library: Library = dataclasses.field(metadata={"static": True})
    network: tuple[tuple[str, Any], ...] = dataclasses.field(metadata={"static": True})
    """Attributes of the network, as ``packing.attributes`` gives them, and ``blocks`` as ``packing.pack`` does."""
    zeros: float = dataclasses.field(metadata={"static": True})
    """Share of the weights that is left out, as blocks of zeros."""
    threads: int = dataclasses.field(default=1, metadata={"static": True})
    """Threads that may work on one stream: 1 or 2. The result is the same."""

    @classmethod
    def of(
        cls, config: WaveNetConfig, weights: WaveNetWeights, weight_format: str = "float32", *, kind: str | None = None
    ) -> "Engine":
        """Packs weights, in one of ``FORMATS``, for the library of a kind, by default the best for this processor.

        Raises:
          EngineMissingError: there is no library.
        """
        loaded = library(kind)
        packed = pack(config, weights, weight_format)
        network = {**attributes(config, weights, weight_format), "blocks": packed.blocks}
        threads = 2 if len(packed.data) >= _LEAST_BYTES_FOR_TWO and processors() > 1 else 1
        return cls(jnp.asarray(packed.data), loaded, tuple(network.items()), packed.zeros, threads)

    @property
    def weight_format(self) -> str:
        """The number format of the weights."""
        return FORMATS[dict(self.network)["weight_format"]]

    @property
    def sparse_products(self) -> tuple[int, int]:
        """How many of the matrices are multiplied with by the kernels that leave zeros out, and how many there are."""
        blocks = dict(self.network)["blocks"]
        return sum(there >= 0 for there in blocks), len(blocks)

    def __str__(self) -> str:
        """Names the number format, what is left out, the instruction set and the threads, for people."""
        sparse, products = self.sparse_products
        left_out = f", {sparse} of {products} products sparse, {self.zeros:.0%} zeros" if sparse else ""
        threads = f", up to {self.threads} threads" if self.threads > 1 else ""
        return f"native {self.weight_format}{left_out} ({self.library.instructions}{threads})"

    def advance(
        self,
        drawing: Drawing,
        uniforms: Array,
        latest: Array,
        state: WaveNetState,
        *,
        constant: Array | None = None,
        time: Array | None = None,
        filters: Filter | None = None,
        guidance: Any = None,
        given: Array | None = None,
        with_nats: bool = False,
        with_outputs: bool = False,
    ) -> Samples:
        """Makes the next T samples of B streams; call it where JAX traces for a CPU.

        Args:
          drawing: how codes are chosen.
          uniforms: ``[T, B, draws]``.
          latest: the newest code of each stream ``[B]``.
          state: the network's, before them; 2 B rows with guidance, every other one without conditions.
          constant: the gates' input from conditions of whole streams, ``[L, rows, G]``.
          time: the conditions of samples, n of them each, ``[T / n, rows, D]``.
          filters: of the linear prediction, ``[T / m, rows, ...]``.
          guidance: weight of classifier-free guidance.
          given: codes ``[B, T]`` to use instead of drawing; None draws them.
          with_nats: whether log-likelihoods are computed; those of mixtures and of given codes follow from the outputs.
          with_outputs: whether the head's outputs are kept.
        """
        network = dict(self.network)
        length, streams, _ = uniforms.shape
        rows = state.input.recent.shape[0]
        past = state.prediction or PredictionState(*map(jnp.zeros, ((0, 0), (0, 0), (0,))))
        adapted = state.adaptation or AdaptationState(
            jnp.zeros((), jnp.int32), jnp.zeros((0, 0)), jnp.zeros((0, 0)), jnp.zeros((0,))
        )
        contexts, as_contexts = jax.tree.flatten(state.contexts)
        state_in = (state.input.recent, state.stack.position, state.stack.queues, *past, *adapted, *contexts)
        results = (
            jax.ShapeDtypeStruct((streams, length), np.int32),
            jax.ShapeDtypeStruct((streams, length if with_nats else 0), np.float32),
            jax.ShapeDtypeStruct((streams, length if with_outputs else 0, network["outputs"]), np.float32),
            *(jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in state_in),
        )
        numbers = {name: _attribute(value) for name, value in self.network}
        aliases = {_FIRST_OF_STATE + at: _FIRST_OF_STATE_AFTER + at for at in range(len(state_in))}
        call = jax.ffi.ffi_call(self.library.target, results, input_output_aliases=aliases)
        temperature = jnp.asarray(drawing.temperature, jnp.float32)
        values = [drawing.truncation.get(name) for name in TRUNCATIONS]
        truncation = [jnp.asarray(jnp.inf if value is None else value, jnp.float32) for value in values]
        if filters is None:
            none = jnp.zeros((0, rows))
            filters = Filter(jnp.zeros((0, rows, network["linear_prediction"])), none, none.astype(jnp.int32))
        codes, nats, outputs, recent, position, queues, *others = call(
            self.packed,
            uniforms,
            temperature if temperature.ndim else temperature[None, None],
            jnp.stack(truncation),
            jnp.asarray(0 if guidance is None else guidance, jnp.float32),
            jnp.zeros((0, rows, 2 * network["hidden"])) if constant is None else constant,
            jnp.zeros((0, rows, 0)) if time is None else time,
            *filters,
            latest,
            jnp.zeros((streams, 0), jnp.int32) if given is None else given,
            *state_in,
            threads=np.int64(self.threads if streams == 1 else 1),
            most_probable=np.int64(drawing.most_probable),
            guided=np.int64(guidance is not None),
            **numbers,
        )
        remembered, slow = others[: len(past) + len(adapted)], others[len(past) + len(adapted) :]
        after = state._replace(
            input=state.input._replace(recent=recent),
            prediction=state.prediction and PredictionState(*remembered[: len(past)]),
            adaptation=state.adaptation and AdaptationState(*remembered[len(past) :]),
            contexts=jax.tree.unflatten(as_contexts, slow),
            stack=state.stack._replace(position=position, queues=queues),
        )
        return Samples(codes, nats if with_nats else None, outputs if with_outputs else None, after)


def _attribute(value: int | float | tuple[int, ...]) -> Any:
    """Returns the attribute as a call passes it on."""
    if isinstance(value, tuple):
        return np.asarray(value, np.int64)
    return np.int64(value) if isinstance(value, int) else np.float32(value)


def missing_part(config: WaveNetConfig) -> str | None:
    """Returns what of a network the engine lacks; None if it can run it."""
    if type(head_of(config)) not in (Categorical, CoarseFine, Mixture):
        return f"head={config.head}"
    if config.compute_dtype != "float32":
        return f"compute_dtype={config.compute_dtype}"
    return None
