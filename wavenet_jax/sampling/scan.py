"""The sampler: a session is a value, a chunk is one ``lax.scan`` (Fast WaveNet, Le Paine et al. 2016)."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import Condition, Head, WaveNet, WaveNetState, WaveNetWeights, condition, extend, step, told
from wavenet_jax.sampling.strategies import Strategy
from wavenet_jax.typing import Array, Conditions, Key, Params

Step = Callable[[WaveNetState, Array, Any], tuple[Array, WaveNetState]]
Carry = tuple[WaveNetState, Array]
"""The model's state, and the latest codes ``[B]``."""
Drawn = tuple[Array, Array | None]
"""Codes, and their log-likelihoods where they are asked for: ``[T, B]`` both."""

_ROWS_FOR_MATMUL = 8
"""Streams from which on projecting conditions at every step is as fast as doing it frame by frame, in less memory."""


class Session(NamedTuple):
    """Streams in the middle of being made: all that the next sample depends on, apart from the weights."""

    keys: Array  # [B] keys: the randomness of each stream
    time: Array  # [B] uint32: samples of each stream so far, its prompt included
    latest: Array  # [B] int32: the newest code of each stream
    model: WaveNetState  # of B rows; with guidance of 2 B, every other one told nothing


def begin(model: WaveNet, key: Key, batch_size: int, *, guided: bool = False) -> Session:
    """A session of ``batch_size`` streams that have heard nothing but silence; ``guided`` ones take twice the rows."""
    return Session(
        keys=jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(batch_size, dtype=jnp.uint32)),
        time=jnp.zeros((batch_size,), jnp.uint32),
        latest=jnp.full((batch_size,), Grid.of(model.config).silence, jnp.int32),
        model=model.init_state(2 * batch_size if guided else batch_size),
    )


def copied(session: Session) -> Session:
    """The same value in other memory: ``advance`` uses up what it is given."""
    return jax.tree.map(jnp.copy, session)


def streams_of(session: Session) -> int:
    """B: how many streams there are."""
    return int(session.latest.shape[0])


def is_guided(session: Session) -> bool:
    """Whether each stream has a second row that is told nothing."""
    return bool(session.model.input.recent.shape[0] > streams_of(session))


def uniforms(keys: Array, times: Array, draws: int = 1) -> Array:
    """The uniforms of the samples at ``times``: ``[B] keys, [T, B] -> [T, B, draws]``.

    Each is addressed by its stream's key and its absolute time, so that cutting a generation into calls, or making a
    stream beside others, changes nothing.
    """

    def draw(key: Array, time: Array) -> Array:
        return jax.random.uniform(jax.random.fold_in(key, time), (draws,))

    return jax.vmap(jax.vmap(draw), (None, 0))(keys, times)


def scan(
    step: Step,
    head: Head,
    strategy: Strategy,
    carry: Carry,
    draws: Array,
    chosen: Any = None,
    told: Any = None,
    *,
    scored: bool = False,
) -> tuple[Carry, Drawn]:
    """The next T samples of every stream: the carry after them, and their codes and log-likelihoods.

    Args:
      step: from state, codes ``[B]`` and one sample of ``told`` to outputs and state.
      head: what the outputs mean.
      strategy: chooses codes.
      carry: where the streams stand.
      draws: uniforms ``[T, B, draws]``.
      chosen: what ``strategy.over`` gave for the T samples.
      told: a tree of ``[T, ...]``, or None.
      scored: whether log-likelihoods are computed.
    """

    def sample(carry: Carry, now: tuple[Array, Any, Any]) -> tuple[Carry, Drawn]:
        state, latest = carry
        uniform, chosen, heard = now
        outputs, state = step(state, latest, heard)
        latest = strategy(head, outputs, uniform, chosen)
        return (state, latest), (latest, head.log_prob(outputs, latest) if scored else None)

    return jax.lax.scan(sample, carry, (draws, chosen, told))


@functools.partial(jax.jit, static_argnames=("model",))
def prepare(model: WaveNet, params: Params) -> WaveNetWeights:
    """The weights as the loop wants them, made once instead of at every sample."""
    weights: WaveNetWeights = model.apply({"params": params}, method="weights")  # type: ignore[assignment]
    return weights


@functools.partial(jax.jit, static_argnames=("model", "length", "scored"), donate_argnames=("session",))
def advance(
    model: WaveNet,
    weights: WaveNetWeights,
    strategy: Strategy,
    session: Session,
    length: int,
    conditions: Conditions = Conditions(),
    guidance: float | Array | None = None,
    *,
    scored: bool = False,
) -> tuple[Array, Array | None, Session]:
    """The next ``length`` samples of every stream; the session it is given is used up.

    Args:
      model: the network.
      weights: its prepared weights.
      strategy: chooses codes.
      session: where the streams stand.
      length: T; a multiple of the hop where there are frames.
      conditions: of B streams; frames those of the T samples and of their neighbourhood.
      guidance: weight of classifier-free guidance (Ho and Salimans 2022) for a session that is ``guided``: the outputs
        are ``without + guidance * (with - without)`` conditions. Costs a second row for each stream.
      scored: whether to compute log-likelihoods; costs a few percent.

    Returns:
      Codes ``[B, T]``; their log-likelihoods ``[B, T]`` in nats, or None; the session after them. Log-likelihoods are
      exact, and the model's own: of its outputs (the guided ones, where there is guidance) at temperature 1 with
      nothing cut away, whatever the strategy.
    """
    config = model.config
    times = session.time[None] + jnp.arange(length, dtype=jnp.uint32)[:, None]
    draws, chosen = uniforms(session.keys, times, weights.head.draws), strategy.over(times)
    conditions, present = _rows(conditions, session, guidance is not None)

    def guided(state: WaveNetState, codes: Array, heard: Array | None) -> tuple[Array, WaveNetState]:
        if guidance is None:
            return step(config, weights, state, codes, heard)
        outputs, state = step(config, weights, state, jnp.repeat(codes, 2), heard)
        informed, uninformed = outputs[0::2], outputs[1::2]
        return uninformed + guidance * (informed - uninformed), state

    def play(step: Step, carry: Carry, samples: Any, told: Array | None = None) -> tuple[Carry, Drawn]:
        draws, chosen = samples
        return scan(step, weights.head, strategy, carry, draws, chosen, told, scored=scored)

    carry = (session.model, session.latest)
    if config.is_local:
        carry, drawn = _by_frames(config, weights, play, guided, carry, (draws, chosen), conditions, present)
    else:
        heard = told(weights.stack, condition(config, weights.conditioner, conditions, present))
        constant = None if heard is None else heard[:, 0]
        carry, drawn = play(lambda state, codes, _: guided(state, codes, constant), carry, (draws, chosen))
    state, latest = carry
    codes, nats = jax.tree.map(lambda rows: rows.swapaxes(0, 1), drawn)
    return codes, nats, Session(session.keys, session.time + jnp.uint32(length), latest, state)


def _rows(conditions: Conditions, session: Session, guided: bool) -> tuple[Conditions, Array | None]:
    """The conditions of all rows of the model's state, and which rows are told them; None: all."""
    if not guided:
        return conditions, None
    doubled = jax.tree.map(lambda rows: jnp.repeat(jnp.asarray(rows), 2, axis=0), conditions)
    return doubled, jnp.arange(2 * session.latest.shape[0]) % 2 == 0


def _by_frames(
    config: WaveNetConfig,
    weights: WaveNetWeights,
    play: Callable[..., tuple[Carry, Drawn]],
    step: Step,
    carry: Carry,
    samples: Any,
    conditions: Conditions,
    present: Array | None,
) -> tuple[Carry, Drawn]:
    """``scan`` frame by frame, each of which is upsampled by itself: calls of any length give the same bits."""
    hop, options = config.features.hop_samples, config.conditioning
    around = options.frames_before + 1 + options.frames_after
    count = conditions.frames.shape[1] - around + 1
    windows = jnp.stack([conditions.frames[:, at : at + count] for at in range(around)], axis=2).swapaxes(0, 1)
    few = windows.shape[1] < _ROWS_FOR_MATMUL

    def frame(carry: Carry, now: tuple[Array, Any]) -> tuple[Carry, Drawn]:
        window, samples = now
        known = condition(config, weights.conditioner, conditions._replace(frames=window), present)
        assert known.time is not None
        if few:
            heard = told(weights.stack, known)
            assert heard is not None
            return play(step, carry, samples, heard.swapaxes(0, 1))

        def project(state: WaveNetState, codes: Array, now: Array) -> tuple[Array, WaveNetState]:
            heard = told(weights.stack, Condition(known.stream, now[:, None]))
            assert heard is not None
            return step(state, codes, heard[:, 0])

        return play(project, carry, samples, known.time.swapaxes(0, 1))

    by_frame = jax.tree.map(lambda rows: rows.reshape(count, hop, *rows.shape[1:]), samples)
    carry, drawn = jax.lax.scan(frame, carry, (windows, by_frame))
    return carry, jax.tree.map(lambda rows: rows.reshape(count * hop, *rows.shape[2:]), drawn)


@functools.partial(jax.jit, static_argnames=("model", "guided"), donate_argnames=("session",))
def prefill(
    model: WaveNet,
    weights: WaveNetWeights,
    session: Session,
    codes: Array,
    conditions: Conditions = Conditions(),
    *,
    valid: Array | int | None = None,
    guided: bool = False,
) -> Session:
    """The session after every stream has heard ``codes [B, T]`` instead of making samples, in one convolution pass.

    Args:
      model: the network.
      weights: its prepared weights.
      session: where the streams stand; used up.
      codes: what they hear.
      conditions: of B streams; frames those of the T samples and of their neighbourhood.
      valid: how many of the T samples count, a scalar; default all. What follows them only fills the piece, so that
        prompts of any length are one compilation.
      guided: whether the session is.
    """
    conditions, present = _rows(conditions, session, guided)
    line = jnp.concatenate([session.latest[:, None], codes], axis=1)
    heard = jnp.repeat(line[:, :-1], 2, axis=0) if guided else line[:, :-1]
    known = condition(model.config, weights.conditioner, conditions, present)
    _, state = extend(model.config, weights, session.model, heard, known, valid)
    count = codes.shape[1] if valid is None else valid
    return Session(
        keys=session.keys,
        time=session.time + jnp.asarray(count, jnp.uint32),
        latest=jax.lax.dynamic_index_in_dim(line, count, axis=1, keepdims=False),
        model=state,
    )
