"""The sampler: a session is a value, a chunk is one ``lax.scan`` (Fast WaveNet, Le Paine et al. 2016)."""

import functools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import Condition, Head, WaveNet, WaveNetState, WaveNetWeights, condition, extend, step, told
from wavenet_jax.sampling.strategies import Strategy
from wavenet_jax.typing import Array, Conditions, Key, Params

Step = Callable[[WaveNetState, Array, Any], tuple[Array, WaveNetState]]

_ROWS_FOR_MATMUL = 8
"""Streams from which on projecting conditions at every step is as fast as doing it frame by frame, in less memory."""


class Session(NamedTuple):
    """Streams in the middle of being made: all that the next sample depends on, apart from the weights."""

    keys: Array  # [B] keys: the randomness of each stream
    time: Array  # [] uint32: samples made so far
    latest: Array  # [B] int32: the newest code of each stream
    model: WaveNetState  # of B rows; with guidance of 2 B, the second half told nothing


def begin(model: WaveNet, key: Key, batch_size: int, *, guided: bool = False) -> Session:
    """A session of ``batch_size`` streams that have heard nothing but silence; ``guided`` ones take twice the rows."""
    streams = jnp.arange(batch_size, dtype=jnp.uint32)
    return Session(
        keys=jax.vmap(jax.random.fold_in, (None, 0))(key, streams),
        time=jnp.zeros((), jnp.uint32),
        latest=jnp.full((batch_size,), Grid.of(model.config).silence, jnp.int32),
        model=model.init_state(2 * batch_size if guided else batch_size),
    )


def uniforms(keys: Array, time: Array, length: int, draws: int = 1) -> Array:
    """The uniforms of the ``length`` samples from ``time`` on: ``[B] keys -> [T, B, draws]``.

    Each is addressed by its stream's key and its absolute time, so that cutting a generation into calls, or making a
    stream beside others, changes nothing.
    """

    def draw(time: Array, key: Array) -> Array:
        return jax.random.uniform(jax.random.fold_in(key, time), (draws,))

    times = time + jnp.arange(length, dtype=jnp.uint32)
    return jax.vmap(jax.vmap(draw, (None, 0)), (0, None))(times, keys)


def scan(
    step: Step, head: Head, strategy: Strategy, carry: tuple[WaveNetState, Array], draws: Array, told: Any = None
) -> tuple[tuple[WaveNetState, Array], Array]:
    """The next T samples of every stream: the state and the latest codes after them, and the codes ``[T, B]``.

    Args:
      step: from state, codes ``[B]`` and one sample of ``told`` to outputs and state.
      head: what the outputs mean.
      strategy: chooses codes.
      carry: the state, and the latest codes ``[B]``.
      draws: uniforms ``[T, B, draws]``.
      told: a tree of ``[T, ...]``, or None.
    """

    def sample(carry: tuple[WaveNetState, Array], now: tuple[Array, Any]) -> tuple[tuple[WaveNetState, Array], Array]:
        state, latest = carry
        uniform, heard = now
        outputs, state = step(state, latest, heard)
        latest = strategy(head, outputs, uniform)
        return (state, latest), latest

    return jax.lax.scan(sample, carry, (draws, told))


@functools.partial(jax.jit, static_argnames=("model",))
def prepare(model: WaveNet, params: Params) -> WaveNetWeights:
    """The weights as the loop wants them, made once instead of at every sample."""
    weights: WaveNetWeights = model.apply({"params": params}, method="weights")  # type: ignore[assignment]
    return weights


@functools.partial(jax.jit, static_argnames=("model", "length"), donate_argnames=("session",))
def advance(
    model: WaveNet,
    weights: WaveNetWeights,
    strategy: Strategy,
    session: Session,
    length: int,
    conditions: Conditions = Conditions(),
    guidance: float | Array | None = None,
) -> tuple[Array, Session]:
    """The next ``length`` samples of every stream: codes ``[B, T]``; the session it is given is used up.

    Args:
      model: the network.
      weights: its prepared weights.
      strategy: chooses codes.
      session: where the streams stand.
      length: T; a multiple of the hop where there are frames.
      conditions: of B streams; frames those of the T samples and of their neighbourhood.
      guidance: weight of classifier-free guidance (Ho and Salimans 2022) for a session that is ``guided``: the outputs
        are ``without + guidance * (with - without)`` conditions. Costs a second row for each stream.
    """
    config, count = model.config, session.latest.shape[0]
    draws = uniforms(session.keys, session.time, length, weights.head.draws)
    present = None
    if guidance is not None:
        conditions = jax.tree.map(lambda rows: jnp.concatenate([rows, rows]), conditions)
        present = jnp.arange(2 * count) < count

    def guided(state: WaveNetState, codes: Array, heard: Array | None) -> tuple[Array, WaveNetState]:
        if guidance is None:
            return step(config, weights, state, codes, heard)
        outputs, state = step(config, weights, state, jnp.concatenate([codes, codes]), heard)
        informed, uninformed = jnp.split(outputs, 2)
        return uninformed + guidance * (informed - uninformed), state

    carry = (session.model, session.latest)
    if config.is_local:
        carry, codes = _by_frames(config, weights, strategy, guided, carry, draws, conditions, present)
    else:
        heard = told(weights.stack, condition(config, weights.conditioner, conditions, present))
        constant = None if heard is None else heard[:, 0]
        carry, codes = scan(
            lambda state, codes, _: guided(state, codes, constant), weights.head, strategy, carry, draws
        )
    state, latest = carry
    time = session.time + jnp.uint32(length)
    return codes.swapaxes(0, 1), Session(session.keys, time, latest, state)


def _by_frames(
    config: WaveNetConfig,
    weights: WaveNetWeights,
    strategy: Strategy,
    step: Step,
    carry: tuple[WaveNetState, Array],
    draws: Array,
    conditions: Conditions,
    present: Array | None,
) -> tuple[tuple[WaveNetState, Array], Array]:
    """``scan`` frame by frame, each of which is upsampled by itself: calls of any length give the same bits."""
    hop, options = config.features.hop_samples, config.conditioning
    around = options.frames_before + 1 + options.frames_after
    count = draws.shape[0] // hop
    windows = jnp.stack([conditions.frames[:, at : at + count] for at in range(around)], axis=2).swapaxes(0, 1)
    few = windows.shape[1] < _ROWS_FOR_MATMUL

    def frame(carry: tuple[WaveNetState, Array], now: tuple[Array, Array]) -> Any:
        window, draws = now
        known = condition(config, weights.conditioner, conditions._replace(frames=window), present)
        assert known.time is not None
        if few:
            heard = told(weights.stack, known)
            assert heard is not None
            return scan(step, weights.head, strategy, carry, draws, heard.swapaxes(0, 1))

        def project(state: WaveNetState, codes: Array, now: Array) -> tuple[Array, WaveNetState]:
            heard = told(weights.stack, Condition(known.stream, now[:, None]))
            assert heard is not None
            return step(state, codes, heard[:, 0])

        return scan(project, weights.head, strategy, carry, draws, known.time.swapaxes(0, 1))

    carry, codes = jax.lax.scan(frame, carry, (windows, draws.reshape(count, hop, *draws.shape[1:])))
    return carry, codes.reshape(-1, codes.shape[-1])


@functools.partial(jax.jit, static_argnames=("model",), donate_argnames=("session",))
def prefill(
    model: WaveNet,
    weights: WaveNetWeights,
    session: Session,
    codes: Array,
    conditions: Conditions = Conditions(),
    guidance: float | Array | None = None,
) -> Session:
    """The session after every stream has heard ``codes [B, T]`` instead of making samples, in one convolution pass.

    Other arguments are those of ``advance``.
    """
    config, count = model.config, session.latest.shape[0]
    present = None
    heard = jnp.concatenate([session.latest[:, None], codes[:, :-1]], axis=1)
    if guidance is not None:
        conditions = jax.tree.map(lambda rows: jnp.concatenate([rows, rows]), conditions)
        present = jnp.arange(2 * count) < count
        heard = jnp.concatenate([heard, heard])
    known = condition(config, weights.conditioner, conditions, present)
    _, state = extend(config, weights, session.model, heard, known)
    time = session.time + jnp.uint32(codes.shape[1])
    return Session(session.keys, time, codes[:, -1], state)


def stream(
    model: WaveNet,
    params: Params,
    key: Key,
    strategy: Strategy,
    *,
    batch_size: int,
    length: int,
    chunk: int = 4_000,
    conditions: Conditions = Conditions(),
    guidance: float | None = None,
) -> Iterator[np.ndarray]:
    """Codes ``[B, <= chunk]`` as they are made, ``length`` samples per stream in total.

    Args:
      model: the network.
      params: its parameters.
      key: of the randomness.
      strategy: chooses codes.
      batch_size: B.
      length: samples of each stream.
      chunk: samples at a time, raised to a multiple of the hop where there are frames.
      conditions: of B streams; frames those of all samples and ``frames_before`` and ``frames_after`` more.
      guidance: see ``advance``.

    Raises:
      ValueError: ``length``, ``batch_size`` or ``chunk`` below one.
    """
    for name, value in (("length", length), ("batch_size", batch_size), ("chunk", chunk)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    weights = prepare(model, params)
    session = begin(model, key, batch_size, guided=guidance is not None)
    chunk = whole_frames(model.config, chunk)
    for start in range(0, length, chunk):
        now = piece(model.config, conditions, start, chunk)
        codes, session = advance(model, weights, strategy, session, chunk, now, guidance)
        yield np.asarray(codes)[:, : length - start]


def whole_frames(config: WaveNetConfig, samples: int) -> int:
    """The samples, raised to a multiple of the hop where there are frames."""
    hop = config.features.hop_samples if config.is_local else 1
    return -(-samples // hop) * hop


def piece(config: WaveNetConfig, conditions: Conditions, start: int, length: int) -> Conditions:
    """The conditions of samples ``start`` to ``start + length``, both multiples of the hop, of those of the whole.

    What lies behind the last frame is padded with it: such samples are made only to fill a chunk.
    """
    if not config.is_local:
        return conditions
    hop, around = config.features.hop_samples, config.conditioning.frames_before + config.conditioning.frames_after
    first, count = start // hop, length // hop + around
    frames = np.asarray(conditions.frames)[:, first : first + count]
    missing = count - frames.shape[1]
    return conditions._replace(frames=np.pad(frames, ((0, 0), (0, missing), (0, 0)), mode="edge"))
