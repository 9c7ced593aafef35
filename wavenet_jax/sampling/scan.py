"""The sampler: a session is a value, a chunk is one ``lax.scan`` (Fast WaveNet, Le Paine et al. 2016)."""

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.audio.codec import Grid
from wavenet_jax.model import Categorical, WaveNet, WaveNetState, WaveNetWeights, step
from wavenet_jax.sampling.strategies import Strategy
from wavenet_jax.typing import Array, Key, Params

Step = Callable[[WaveNetState, Array], tuple[Array, WaveNetState]]


class Session(NamedTuple):
    """Streams in the middle of being made: all that the next sample depends on, apart from the weights."""

    keys: Array  # [B] keys: the randomness of each stream
    time: Array  # [] uint32: samples made so far
    latest: Array  # [B] int32: the newest code of each stream
    model: WaveNetState


def begin(model: WaveNet, key: Key, batch_size: int) -> Session:
    """A session of ``batch_size`` streams that have heard nothing but silence."""
    streams = jnp.arange(batch_size, dtype=jnp.uint32)
    return Session(
        keys=jax.vmap(jax.random.fold_in, (None, 0))(key, streams),
        time=jnp.zeros((), jnp.uint32),
        latest=jnp.full((batch_size,), Grid.of(model.config).silence, jnp.int32),
        model=model.init_state(batch_size),
    )


def uniforms(keys: Array, time: Array, length: int) -> Array:
    """The uniforms of the ``length`` samples from ``time`` on: ``[B] keys -> [T, B]``.

    Each is addressed by its stream's key and its absolute time, so that cutting a generation into calls, or making a
    stream beside others, changes nothing.
    """

    def draw(time: Array, key: Array) -> Array:
        return jax.random.uniform(jax.random.fold_in(key, time))

    times = time + jnp.arange(length, dtype=jnp.uint32)
    return jax.vmap(jax.vmap(draw, (None, 0)), (0, None))(times, keys)


def scan(step: Step, head: Categorical, strategy: Strategy, session: Session, length: int) -> tuple[Array, Session]:
    """The next ``length`` samples of every stream: codes ``[B, T]``, and the session after them."""

    def sample(carry: tuple[WaveNetState, Array], uniform: Array) -> tuple[tuple[WaveNetState, Array], Array]:
        state, latest = carry
        outputs, state = step(state, latest)
        latest = strategy(head, outputs, uniform)
        return (state, latest), latest

    carry = (session.model, session.latest)
    (state, latest), codes = jax.lax.scan(sample, carry, uniforms(session.keys, session.time, length))
    time = session.time + jnp.uint32(length)
    return codes.swapaxes(0, 1), Session(session.keys, time, latest, state)


@functools.partial(jax.jit, static_argnames=("model",))
def prepare(model: WaveNet, params: Params) -> WaveNetWeights:
    """The weights as the loop wants them, made once instead of at every sample."""
    weights: WaveNetWeights = model.apply({"params": params}, method="weights")  # type: ignore[assignment]
    return weights


@functools.partial(jax.jit, static_argnames=("model", "length"), donate_argnames=("session",))
def advance(
    model: WaveNet, weights: WaveNetWeights, strategy: Strategy, session: Session, length: int
) -> tuple[Array, Session]:
    """``scan`` compiled; the session it is given is used up."""
    return scan(functools.partial(step, model.config, weights), model.head, strategy, session, length)


def stream(
    model: WaveNet,
    params: Params,
    key: Key,
    strategy: Strategy,
    *,
    batch_size: int,
    length: int,
    chunk: int = 4_000,
) -> Iterator[np.ndarray]:
    """Codes ``[B, <= chunk]`` as they are made, ``length`` samples per stream in total.

    Raises:
      ValueError: ``length``, ``batch_size`` or ``chunk`` below one.
    """
    for name, value in (("length", length), ("batch_size", batch_size), ("chunk", chunk)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    weights = prepare(model, params)
    session = begin(model, key, batch_size)
    for start in range(0, length, chunk):
        codes, session = advance(model, weights, strategy, session, chunk)
        yield np.asarray(codes)[:, : length - start]
