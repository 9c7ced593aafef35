"""Sessions that the native engine advances, and when it does: the same samples as ``advance``, but for rounding."""

import functools
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp

from wavenet_jax.engine import TRUNCATIONS, Drawing, Engine, EngineMissingError, Samples, foreign_device, missing_part
from wavenet_jax.model import Filter, GateInputs, WaveNet, WaveNetState, WaveNetWeights, embed_conditions, gate_bias
from wavenet_jax.sampling.frames import frames_around, voicing
from wavenet_jax.sampling.scan import Session, prepare_weights, rows_of, streams_of, uniforms, windows_of
from wavenet_jax.sampling.strategies import Ancestral, Mode, Strategy
from wavenet_jax.typing import Array, Conditions, Params

ENGINES = ("auto", "scan", "native")
_MOST_STREAMS = 64
"""Streams of a device up to which the engine is chosen by itself for float32."""


def choose_engine(
    model: WaveNet,
    weights: WaveNetWeights,
    session: Session,
    strategy: Strategy,
    *,
    name: str = "auto",
    weight_format: str = "float32",
) -> tuple[Engine | None, str]:
    """Returns the engine for a session, None for the scan, and a line for people: the choice, and its reason.

    Args:
      model: the network.
      weights: its prepared weights.
      session: whose streams are to be made, on the devices where they will be.
      strategy: chooses their codes.
      name: ``native``, ``scan``, or ``auto``: the engine where it can run and is faster.
      weight_format: ``float32``, or another of the engine's ``FORMATS`` for it alone.

    Raises:
      ValueError: the engine is asked for by name or by the format, and cannot run.
    """
    if name == "scan":
        if weight_format != "float32":
            raise ValueError(f"weights={weight_format} needs the native engine, got engine=scan")
        return None, "scan"
    wanted = name == "native" or weight_format != "float32"
    reason = _obstacle(model, session, strategy)
    if reason is None and not wanted and streams_of(session) > _MOST_STREAMS * len(session.latest.devices()):
        reason = "many streams"
    engine = None
    if reason is None:
        try:
            engine = Engine.of(model.config, weights, weight_format)
        except EngineMissingError as error:
            reason = str(error)
    if engine is not None:
        return engine, str(engine)
    if wanted:
        raise ValueError(f"the native engine cannot make these streams: {reason}; leave engine and weights out")
    return None, f"scan: {reason}"


def judging_engine(model: WaveNet, params: Params, devices: Iterable[jax.Device], weight_format: str) -> Engine:
    """Returns the engine that runs given codes, see ``extend_native``, with weights of a format.

    Raises:
      ValueError: it cannot run the network, or not on these devices.
    """
    reason = foreign_device(devices) or missing_part(model.config)
    if reason is None:
        try:
            return Engine.of(model.config, prepare_weights(model, params), weight_format)
        except EngineMissingError as error:
            reason = str(error)
    raise ValueError(
        f"weights={weight_format} needs the native engine, which cannot judge: {reason}; leave weights out"
    )


def _obstacle(model: WaveNet, session: Session, strategy: Strategy) -> str | None:
    """Returns why the engine cannot run, or None."""
    foreign = foreign_device(session.latest.devices())
    if foreign is not None:
        return foreign
    if not isinstance(strategy, Ancestral | Mode):
        return f"the strategy is {type(strategy).__name__}"
    if isinstance(strategy, Ancestral) and not strategy.truncation.keys() <= set(TRUNCATIONS):
        return f"truncation by {', '.join(strategy.truncation.keys() - set(TRUNCATIONS))}"
    return missing_part(model.config)


@functools.partial(jax.jit, static_argnames=("model", "length", "scored"), donate_argnames=("session",))
def advance_native(
    model: WaveNet,
    weights: WaveNetWeights,
    strategy: Strategy,
    session: Session,
    length: int,
    conditions: Conditions = Conditions(),
    guidance: float | Array | None = None,
    *,
    engine: Engine,
    scored: bool = False,
) -> tuple[Array, Array | None, Session]:
    """Makes the next ``length`` samples of every stream by the engine; otherwise as ``advance``.

    Equal bits in calls of any length, beside any other streams, and on any number of devices.
    """
    head = weights.head
    in_outputs = not head.truncates  # the likelihood of a mixture
    made = samples(
        model,
        weights,
        strategy,
        session,
        length,
        conditions,
        guidance,
        engine=engine,
        with_nats=scored and not in_outputs,
        with_outputs=scored and in_outputs,
    )
    nats = made.nats if made.outputs is None else head.log_prob(made.outputs, made.codes)
    return made.codes, nats, Session(session.keys, session.time + jnp.uint32(length), made.codes[:, -1], made.state)


def samples(
    model: WaveNet,
    weights: WaveNetWeights,
    strategy: Strategy,
    session: Session,
    length: int,
    conditions: Conditions = Conditions(),
    guidance: float | Array | None = None,
    *,
    engine: Engine,
    with_nats: bool = False,
    with_outputs: bool = False,
) -> Samples:
    """Makes samples of a session; see ``advance_native`` and ``Engine.advance``."""
    times = session.time[None] + jnp.arange(length, dtype=jnp.uint32)[:, None]
    over = strategy.over(times, voicing(model.config, conditions))
    draws = uniforms(session.keys, times, weights.head.draws)
    conditions, present = rows_of(conditions, session, guidance is not None)
    constant, time, filters = _gate_inputs(model, weights, conditions, present)
    return engine.advance(
        _drawing(strategy, over),
        draws,
        session.latest,
        session.model,
        constant=constant,
        time=time,
        filters=filters,
        guidance=guidance,
        with_nats=with_nats,
        with_outputs=with_outputs,
    )


def extend_native(
    engine: Engine, weights: WaveNetWeights, state: WaveNetState, codes: Array, gate_inputs: GateInputs
) -> tuple[Array, WaveNetState]:
    """Runs given ``codes [B, T]`` through the network as ``model.extend`` does, but by the engine, in its arithmetic.

    Returns:
      The head's outputs after each of them, ``[B, T, outputs]``, and the state after the last one.
    """
    constant = gate_bias(weights.stack, gate_inputs._replace(time=None))
    time, filters = jax.tree.map(lambda rows: rows.swapaxes(0, 1), (gate_inputs.time, gate_inputs.filters))
    made = engine.advance(
        Drawing(),
        jnp.zeros((codes.shape[1], codes.shape[0], weights.head.draws)),
        codes[:, 0],
        state,
        constant=None if constant is None else constant[:, 0],
        time=time,
        filters=filters,
        given=jnp.concatenate([codes[:, 1:], codes[:, -1:]], axis=1),  # nothing hears the last
        with_outputs=True,
    )
    assert made.outputs is not None
    return made.outputs, made.state


def _drawing(strategy: Strategy, over: Any) -> Drawing:
    if isinstance(strategy, Mode):
        return Drawing(most_probable=True)
    assert isinstance(strategy, Ancestral)
    temperature = strategy.temperature if over is None else over
    return Drawing(temperature, strategy.truncation)


def _gate_inputs(
    model: WaveNet, weights: WaveNetWeights, conditions: Conditions, present: Array | None
) -> tuple[Array | None, Array | None, Filter | None]:
    """Returns what conditions become: of whole streams, and of samples in the order of time.

    These are the gate bias ``[L, rows, G]``, gate inputs ``[T / n, rows, D]``, and filters of ``[T / m, rows, ...]``.
    Each stream and each frame is computed by itself: products of several rows would round differently.
    """
    config = model.config

    def of_row(row: tuple[Conditions, Array | None]) -> tuple[Array | None, Array | None, Filter | None]:
        conditions, present = jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], row)

        def of_frame(frames: Array | None) -> GateInputs:
            return embed_conditions(config, weights.conditioner, conditions._replace(frames=frames), present)

        changing, inputs = GateInputs(), of_frame(None) if not config.is_local else None
        if config.is_local:
            windows = windows_of(conditions.frames, frames_around(config))
            changing = jax.lax.map(lambda frames: of_frame(frames)._replace(stream=None), windows)
            changing = jax.tree.map(lambda rows: rows.reshape(-1, *rows.shape[3:]), changing)  # of [F, 1, n, ...]
            inputs = of_frame(windows[0])
        assert inputs is not None
        constant = gate_bias(weights.stack, inputs._replace(time=None))
        return None if constant is None else constant[:, 0, 0], changing.time, changing.filters

    if not jax.tree.leaves(conditions):
        return None, None, None
    made = jax.lax.map(of_row, (jax.tree.map(jnp.asarray, conditions), present))
    return jax.tree.map(lambda rows: rows.swapaxes(0, 1), made)
