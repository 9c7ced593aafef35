"""Streams: chunks of codes as they are generated, from a session that can be taken out at any time."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.engine import Engine
from wavenet_jax.model import WaveNet, WaveNetWeights
from wavenet_jax.sampling.devices import advance_on, mesh_of
from wavenet_jax.sampling.frames import conditions_at, frames_around
from wavenet_jax.sampling.guard import Guard
from wavenet_jax.sampling.native import advance_native
from wavenet_jax.sampling.scan import Session, advance, begin, copied, is_guided, streams_of
from wavenet_jax.sampling.strategies import Strategy
from wavenet_jax.sampling.watch import Chunk, Redrawn, Watch
from wavenet_jax.typing import Array, Conditions


class Piece(NamedTuple):
    """The next samples of every stream: T of them, or fewer where a stream ends."""

    codes: np.ndarray  # [B, T] int32; silence after the end of a stream
    nats: np.ndarray | None  # [B, T] float32: log-likelihoods, see ``advance``; 0 after the end of a stream
    lengths: np.ndarray  # [B]: how many of the T samples belong to each stream
    redrawn: tuple[Redrawn, ...] = ()
    """Events of the guard since the piece before: about this piece or one of the next few."""


class Stream(Iterator[Piece]):
    """Pieces of streams of given lengths. ``stream`` makes one."""

    def __init__(
        self,
        advance: Callable[[Session, int, Conditions], tuple[Array, Array | None, Session]],
        config: WaveNetConfig,
        session: Session,
        *,
        lengths: np.ndarray,
        chunk: int,
        conditions: Conditions,
        guard: Guard | None,
    ) -> None:
        """``advance`` generates a number of samples under conditions, and uses up the session it is given."""
        self._advance, self._config, self._session = advance, config, session
        self._lengths, self._chunk, self._conditions = lengths, chunk, conditions
        self._began = np.asarray(session.time).astype(np.int64)
        self._given = 0
        self._before_last: Session | None = None
        self._watch = None if guard is None else Watch(guard, config, session, self._make, chunk)

    def __next__(self) -> Piece:
        longest = int(self._lengths.max())
        if self._given >= longest:
            raise StopIteration
        number = self._given // self._chunk
        redrawn: tuple[Redrawn, ...] = ()
        if self._watch is None:
            chunk, self._session = self._make(self._session, number)
        else:
            chunk, redrawn = self._watch.chunk(number, ceil_div(longest, self._chunk))
            self._session = self._watch.session
        count = min(self._chunk, longest - self._given)
        self._given += count
        if count < self._chunk:
            self._before_last = chunk.before
        over = np.arange(count)[None] >= chunk.lengths[:, None]
        return Piece(
            codes=np.where(over, Grid.of(self._config).silence, chunk.codes[:, :count]),
            nats=None if chunk.nats is None else np.where(over, 0, chunk.nats[:, :count]),
            lengths=chunk.lengths,
            redrawn=redrawn,
        )

    def snapshot(self) -> Session:
        """Returns the session after the newest piece, as a value of its own: the stream resumes without touching it.

        After the last piece it stands where the longest streams end. A guard's patience is not in it.

        Raises:
          ValueError: they end inside a frame, where no session can begin.
        """
        if self._before_last is None:
            return copied(self._session)
        # The last chunk runs on beyond the end: the part of it that counts is made once more.
        rest = self._given % self._chunk
        if rest != self._config.whole_frames(rest):
            raise ValueError(
                f"a session must end with a frame, a multiple of hop_samples={self._config.features.hop_samples}, "
                f"got {self._given} samples"
            )
        conditions = conditions_at(self._config, self._conditions, self._began + self._given - rest, rest)
        return self._advance(copied(self._before_last), rest, conditions)[2]

    def _make(self, session: Session, number: int) -> tuple[Chunk, Session]:
        """Generates a chunk by its number, and the session after it; the session before it is used up."""
        start = number * self._chunk
        runs_over = start + self._chunk > self._lengths.max()
        before = copied(session) if runs_over or self._watch is not None else None
        conditions = conditions_at(self._config, self._conditions, self._began + start, self._chunk)
        codes, nats, after = self._advance(session, self._chunk, conditions)
        lengths = np.clip(self._lengths - start, 0, self._chunk)
        return Chunk(np.asarray(codes), None if nats is None else np.asarray(nats), lengths, before), after


def stream(
    model: WaveNet,
    weights: WaveNetWeights,
    session: Session,
    strategy: Strategy,
    *,
    length: int | Sequence[int],
    chunk: int = 4_000,
    conditions: Conditions = Conditions(),
    guidance: float | None = None,
    scored: bool = False,
    guard: Guard | None = None,
    engine: Engine | None = None,
) -> Stream:
    """Generates the samples of B streams after a session, piece by piece.

    Args:
      model: the network.
      weights: its weights, as ``prepare_weights`` gives them.
      session: where the streams stand, as ``begin``, ``primed`` or ``load_session`` give it; it stays as it is. One
        that is ``spread`` over devices has its streams made there.
      strategy: chooses codes.
      length: samples to make of each stream; one number for all, or one for each.
      chunk: samples at a time, raised to a multiple of the hop where there are frames.
      conditions: of B streams; frames those of all samples since the streams began, prompts included, and those around
        them (``frames_before`` and ``frames_after`` of the config).
      guidance: see ``advance``.
      scored: computes log-likelihoods.
      guard: judges what is made, to have it drawn again; pieces then have log-likelihoods, and come
        ``chunks_held_back`` chunks late.
      engine: makes the samples in place of the scan; see ``choose_engine``.

    Raises:
      ValueError: a number below one; lengths, frames or a session that do not fit the network and each other.
    """
    streams = streams_of(session)
    lengths = np.array([length] * streams if isinstance(length, int) else length)
    for name, value in (("length", lengths.min(initial=1)), ("chunk", chunk)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    if len(lengths) != streams:
        raise ValueError(f"length must be one for each of {streams} streams, got {len(lengths)}")
    _check_session(model, session, guidance is not None)
    _check_frames(model, conditions, int((np.asarray(session.time).astype(np.int64) + lengths).max()))

    mesh = mesh_of(session)
    advance_there: Callable[..., tuple[Array, Array | None, Session]]
    if mesh is not None:
        advance_there = functools.partial(advance_on, mesh, engine=engine)
    elif engine is not None:
        advance_there = functools.partial(advance_native, engine=engine)
    else:
        advance_there = advance
    scored = scored or guard is not None
    return Stream(
        functools.partial(advance_there, model, weights, strategy, guidance=guidance, scored=scored),
        model.config,
        copied(session),
        lengths=lengths,
        chunk=model.config.whole_frames(chunk),
        conditions=conditions,
        guard=guard,
    )


def _check_session(model: WaveNet, session: Session, guided: bool) -> None:
    """Raises ``ValueError`` for a session of another network, or for one that guidance cannot use."""
    if is_guided(session) != guided:
        raise ValueError(
            "guidance needs a session that was begun with guided=True"
            if guided
            else "the session was begun with guided=True; give guidance"
        )
    streams = streams_of(session)
    expected = jax.eval_shape(lambda: begin(model, jax.random.key(0), streams, guided=guided))
    found, wanted = (jax.tree.map(lambda leaf: leaf.shape, tree) for tree in (session, expected))
    if found != wanted:
        raise ValueError(f"the session is not one of this network for {streams} streams")


def _check_frames(model: WaveNet, conditions: Conditions, samples: int) -> None:
    """Raises ``ValueError`` where the frames do not cover the samples."""
    config = model.config
    if not config.is_local:
        return
    needed = config.whole_frames(samples) // config.hop
    given = conditions.frames.shape[1] - frames_around(config)
    if given < needed:
        raise ValueError(f"{samples} samples need {needed} frames, got {given}; make fewer")
