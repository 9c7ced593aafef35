"""The sampler: a session is a value, a chunk is one ``lax.scan`` (Fast WaveNet, Le Paine et al. 2016)."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from wavenet_jax.audio.codec import Grid
from wavenet_jax.model import (
    Filter,
    GateInputs,
    WaveNet,
    WaveNetState,
    WaveNetWeights,
    embed_conditions,
    extend,
    gate_bias,
)
from wavenet_jax.model import step as model_step
from wavenet_jax.sampling.frames import frames_around, voicing
from wavenet_jax.sampling.strategies import Strategy
from wavenet_jax.typing import Array, Conditions, Key, Params

Step = Callable[[WaveNetState, Array, Array | None, Filter | None], tuple[Array, WaveNetState]]
"""A step of the model: from state, codes ``[B]``, gate bias ``[L, B, G]`` and filters to outputs and state."""
Carry = tuple[WaveNetState, Array]
"""The model's state, and the latest codes ``[B]``."""
Drawn = tuple[Array, Array | None]
"""Codes, and their log-likelihoods where they are asked for: ``[T, B]`` both."""

ROWS_FOR_MATMUL = 8
"""Streams from which on projecting gate inputs at every step is as fast as doing it frame by frame, in less memory."""


class Session(NamedTuple):
    """Streams in the middle of being generated: all that the next sample depends on, apart from the weights."""

    keys: Array  # [B] keys: the randomness of each stream
    time: Array  # [B] uint32: samples of each stream so far, its prompt included
    latest: Array  # [B] int32: the newest code of each stream
    model: WaveNetState  # of B rows; with guidance of 2 B, every other one without conditions


def begin(model: WaveNet, key: Key, batch_size: int, *, guided: bool = False) -> Session:
    """Begins a session of ``batch_size`` streams after endless silence; for guidance, ``guided``: twice the rows.

    Raises:
      ValueError: ``batch_size`` is below one.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}")
    return Session(
        keys=jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(batch_size, dtype=jnp.uint32)),
        time=jnp.zeros((batch_size,), jnp.uint32),
        latest=jnp.full((batch_size,), Grid.of(model.config).silence, jnp.int32),
        model=model.init_state(2 * batch_size if guided else batch_size),
    )


def copied(session: Session) -> Session:
    """Copies the session to other memory: ``advance`` uses up what it is given."""
    return jax.tree.map(jnp.copy, session)


def streams_of(session: Session) -> int:
    """Returns B, the number of streams."""
    return int(session.latest.shape[0])


def without_key_types(session: Session) -> Session:
    """Returns the session with the numbers of its keys in their place, fit for files and for other programs."""
    return session._replace(keys=jax.random.key_data(session.keys))


def with_key_types(session: Session) -> Session:
    """Returns the session of which ``without_key_types`` gave the numbers."""
    return session._replace(keys=jax.random.wrap_key_data(session.keys))


def is_guided(session: Session) -> bool:
    """Returns True where each stream has a second row, without conditions."""
    return bool(session.model.input.recent.shape[0] > streams_of(session))


def uniforms(keys: Array, times: Array, draws: int = 1) -> Array:
    """Draws the uniforms of the samples at ``times``: ``[B] keys, [T, B] -> [T, B, draws]``.

    Each is addressed by its stream's key and its absolute time, so that cutting a generation into calls, or making a
    stream beside others, changes nothing.
    """

    def draw(key: Array, time: Array) -> Array:
        return jax.random.uniform(jax.random.fold_in(key, time), (draws,))

    return jax.vmap(jax.vmap(draw), (None, 0))(keys, times)


@functools.partial(jax.jit, static_argnames=("model",))
def prepare_weights(model: WaveNet, params: Params) -> WaveNetWeights:
    """Prepares the weights as the loop wants them, once instead of at every sample."""
    weights: WaveNetWeights = model.apply({"params": params}, method="weights")  # type: ignore[assignment]
    return weights


def with_guidance(step: Step, weight: float | Array) -> Step:
    """Returns the step with classifier-free guidance (Ho and Salimans 2022), over two rows of state for each stream.

    The first row has conditions, the second one none; the outputs are ``without + weight * (with - without)``.
    """

    def guided(
        state: WaveNetState, codes: Array, bias: Array | None, filters: Filter | None
    ) -> tuple[Array, WaveNetState]:
        outputs, state = step(state, jnp.repeat(codes, 2), bias, filters)
        informed, uninformed = outputs[0::2], outputs[1::2]
        return uninformed + weight * (informed - uninformed), state

    return guided


def scan(
    step: Step,
    weights: WaveNetWeights,
    strategy: Strategy,
    carry: Carry,
    draws: Array,
    prepared: Any,
    gate_inputs: GateInputs,
    *,
    scored: bool = False,
) -> tuple[Carry, Drawn]:
    """Generates the next T samples of every stream: the loop over samples.

    Args:
      step: of the model.
      weights: its prepared weights.
      strategy: chooses codes.
      carry: where the streams stand.
      draws: uniforms ``[T, B, draws]``.
      prepared: what ``strategy.over`` gave for the T samples.
      gate_inputs: of the T samples, or of T / n times n of them.
      scored: computes log-likelihoods.
    """
    bias_of, changing = _gate_biases(weights, gate_inputs)

    def piece(carry: Carry, now: tuple[Array, Any, _Changing]) -> tuple[Carry, Drawn]:
        draws, prepared, conditions = now
        bias = bias_of(conditions.time)

        def sample(carry: Carry, now: tuple[Array, Any]) -> tuple[Carry, Drawn]:
            (state, latest), (uniform, prepared) = carry, now
            outputs, state = step(state, latest, bias, conditions.filters)
            latest = strategy(weights.head, outputs, uniform, prepared)
            return (state, latest), (latest, weights.head.log_prob(outputs, latest) if scored else None)

        if draws.ndim == 2:
            return sample(carry, (draws, prepared))
        return jax.lax.scan(sample, carry, (draws, prepared))

    steps = [len(leaf) for leaf in jax.tree.leaves(changing)]
    if not steps:  # the same conditions for all samples
        return piece(carry, (draws, prepared, changing))
    if steps[0] == len(draws):
        return jax.lax.scan(piece, carry, (draws, prepared, changing))
    samples = jax.tree.map(lambda rows: rows.reshape(steps[0], -1, *rows.shape[1:]), (draws, prepared))
    carry, drawn = jax.lax.scan(piece, carry, (*samples, changing))
    return carry, jax.tree.map(lambda rows: rows.reshape(-1, *rows.shape[2:]), drawn)


class _Changing(NamedTuple):
    """What changes with time, for T samples or for as many times several: ``[T / n, ...]``, or None."""

    time: Array | None  # gate biases, or the rows they are projected from
    filters: Filter | None


def _gate_biases(
    weights: WaveNetWeights, gate_inputs: GateInputs
) -> tuple[Callable[[Array | None], Array | None], _Changing]:
    """Returns what changes with time, and a function from one of its ``time`` to the gate bias."""
    time, filters = gate_inputs.time, gate_inputs.filters
    if filters is not None:
        if time is not None and time.shape[1] > filters.scale.shape[1]:
            filters = filters.each(time.shape[1] // filters.scale.shape[1])
        filters = jax.tree.map(lambda rows: rows.swapaxes(0, 1), filters)
    if time is None:
        constant = gate_bias(weights.stack, gate_inputs)
        return lambda _: None if constant is None else constant[:, 0], _Changing(None, filters)
    if time.shape[0] < ROWS_FOR_MATMUL:
        bias = gate_bias(weights.stack, gate_inputs)
        assert bias is not None
        return lambda bias: bias, _Changing(bias.swapaxes(0, 1), filters)

    def project(row: Array | None) -> Array | None:
        assert row is not None
        bias = gate_bias(weights.stack, GateInputs(gate_inputs.stream, row[:, None]))
        return None if bias is None else bias[:, 0]

    return project, _Changing(time.swapaxes(0, 1), filters)


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
    """Generates the next ``length`` samples of every stream; the session it is given is used up.

    Args:
      model: the network.
      weights: its prepared weights.
      strategy: chooses codes.
      session: where the streams stand.
      length: T; a multiple of the hop where there are frames.
      conditions: of B streams; frames those of the T samples and of their neighbourhood.
      guidance: weight of classifier-free guidance for a session that is ``guided``, see ``with_guidance``. Costs a
        second row for each stream.
      scored: computes log-likelihoods; costs a few percent.

    Returns:
      Codes ``[B, T]``; their log-likelihoods ``[B, T]`` in nats, or None; the session after them. Log-likelihoods are
      exact, and the model's own: of its outputs (the guided ones, where there is guidance) at temperature 1 with
      nothing cut away, whatever the strategy.
    """
    config = model.config
    times = session.time[None] + jnp.arange(length, dtype=jnp.uint32)[:, None]
    prepared = strategy.over(times, voicing(config, conditions))
    draws = uniforms(session.keys, times, weights.head.draws)
    step: Step = functools.partial(model_step, config, weights)
    if guidance is not None:
        step = with_guidance(step, guidance)
    conditions, present = rows_of(conditions, session, guidance is not None)
    embed = functools.partial(embed_conditions, config, weights.conditioner, present=present)
    make = functools.partial(scan, step, weights, strategy, scored=scored)

    carry = (session.model, session.latest)
    if config.is_local:
        # Each frame is upsampled by itself, so that calls of any length give the same bits.
        def frame(carry: Carry, now: tuple[Array, Array, Any]) -> tuple[Carry, Drawn]:
            window, draws, prepared = now
            return make(carry, draws, prepared, embed(conditions._replace(frames=window)))

        windows = windows_of(conditions.frames, frames_around(config))
        samples = jax.tree.map(lambda rows: rows.reshape(-1, config.hop, *rows.shape[1:]), (draws, prepared))
        carry, drawn = jax.lax.scan(frame, carry, (windows, *samples))
        drawn = jax.tree.map(lambda rows: rows.reshape(length, *rows.shape[2:]), drawn)
    else:
        carry, drawn = make(carry, draws, prepared, embed(conditions))
    state, latest = carry
    codes, nats = jax.tree.map(lambda rows: rows.swapaxes(0, 1), drawn)
    return codes, nats, Session(session.keys, session.time + jnp.uint32(length), latest, state)


def rows_of(conditions: Conditions, session: Session, guided: bool) -> tuple[Conditions, Array | None]:
    """Returns the conditions of all rows of the model's state, and which rows are conditioned on them; None: all."""
    if not guided:
        return conditions, None
    doubled = jax.tree.map(lambda rows: jnp.repeat(jnp.asarray(rows), 2, axis=0), conditions)
    return doubled, jnp.arange(2 * streams_of(session)) % 2 == 0


def windows_of(frames: Array, around: int) -> Array:
    """Cuts out the neighbourhood of each frame: ``[B, around + F, C] -> [F, B, around + 1, C]``."""
    count = frames.shape[1] - around
    return jnp.stack([frames[:, at : at + count] for at in range(around + 1)], axis=2).swapaxes(0, 1)


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
    """Runs the given ``codes [B, T]`` through the network, in one convolution pass: returns the session after them.

    Args:
      model: the network.
      weights: its prepared weights.
      session: where the streams stand; used up.
      codes: of all streams.
      conditions: of B streams; frames those of the T samples and of their neighbourhood.
      valid: how many of the T samples count, a scalar; default all. What follows them only fills the piece, so that
        prompts of any length are one compilation.
      guided: the session is.
    """
    conditions, present = rows_of(conditions, session, guided)
    line = jnp.concatenate([session.latest[:, None], codes], axis=1)
    inputs = jnp.repeat(line[:, :-1], 2, axis=0) if guided else line[:, :-1]
    gate_inputs = embed_conditions(model.config, weights.conditioner, conditions, present)
    _, state = extend(model.config, weights, session.model, inputs, gate_inputs, valid)
    count = codes.shape[1] if valid is None else valid
    return Session(
        keys=session.keys,
        time=session.time + jnp.asarray(count, jnp.uint32),
        latest=jax.lax.dynamic_index_in_dim(line, count, axis=1, keepdims=False),
        model=state,
    )
