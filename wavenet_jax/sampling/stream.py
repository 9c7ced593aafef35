"""Streams: chunks of codes as they are made, from a session that can be taken out at any time."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling.devices import advance_on, mesh_of, spread
from wavenet_jax.sampling.frames import frames_around, piece, whole_frames
from wavenet_jax.sampling.guard import Guard
from wavenet_jax.sampling.prompts import primed
from wavenet_jax.sampling.scan import Session, advance, begin, copied, prepare
from wavenet_jax.sampling.strategies import Strategy
from wavenet_jax.sampling.watch import Chunk, Redrawn, Watch
from wavenet_jax.typing import Array, Conditions, Key, Params


class Piece(NamedTuple):
    """The next samples of every stream: T of them, or fewer where a stream ends."""

    codes: np.ndarray  # [B, T] int32; silence behind the end of a stream
    nats: np.ndarray | None  # [B, T] float32: log-likelihoods, see ``advance``; 0 behind the end of a stream
    lengths: np.ndarray  # [B]: how many of the T samples belong to each stream
    redrawn: tuple[Redrawn, ...] = ()
    """What the guard did since the piece before: about this piece or one of the next few."""


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
        """``advance`` makes so many samples, and uses up the session it is given."""
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
            chunk, redrawn = self._watch.chunk(number, -(-longest // self._chunk))
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
        """The session after the newest piece, as a value of its own: the stream goes on without touching it.

        Behind the last piece it stands where the longest streams end. A guard's patience is not in it.

        Raises:
          ValueError: they end inside a frame, where no session can begin.
        """
        if self._before_last is None:
            return copied(self._session)
        # The last chunk runs on beyond the end: the part of it that counts is made once more.
        rest = self._given % self._chunk
        if rest != whole_frames(self._config, rest):
            raise ValueError(
                f"a session must end with a frame, a multiple of hop_samples={self._config.features.hop_samples}, "
                f"got {self._given} samples"
            )
        conditions = piece(self._config, self._conditions, self._began + self._given - rest, rest)
        return self._advance(copied(self._before_last), rest, conditions)[2]

    def _make(self, session: Session, number: int) -> tuple[Chunk, Session]:
        """A chunk by its number, and the session after it; the session before it is used up."""
        start = number * self._chunk
        runs_over = start + self._chunk > self._lengths.max()
        before = copied(session) if runs_over or self._watch is not None else None
        now = piece(self._config, self._conditions, self._began + start, self._chunk)
        codes, nats, after = self._advance(session, self._chunk, now)
        lengths = np.clip(self._lengths - start, 0, self._chunk)
        return Chunk(np.asarray(codes), None if nats is None else np.asarray(nats), lengths, before), after


def stream(
    model: WaveNet,
    params: Params,
    key: Key,
    strategy: Strategy,
    *,
    batch_size: int,
    length: int | Sequence[int],
    chunk: int = 4_000,
    conditions: Conditions = Conditions(),
    guidance: float | None = None,
    prompts: Sequence[np.ndarray] | None = None,
    session: Session | None = None,
    scored: bool = False,
    guard: Guard | None = None,
    devices: Sequence[jax.Device] | None = None,
) -> Stream:
    """Pieces of ``batch_size`` streams as they are made.

    With the same key, a stream of 2 T samples is one of T and then one of T that was prompted with it: equal codes but
    for the rounding of a convolution pass in place of steps, and, with context stacks, for T that ends a block of all.

    Args:
      model: the network.
      params: its parameters.
      key: of the randomness; a session brings its own.
      strategy: chooses codes.
      batch_size: B.
      length: samples to make of each stream, prompts not counted; one number for all, or one for each.
      chunk: samples at a time, raised to a multiple of the hop where there are frames.
      conditions: of B streams; frames those of all samples, from the beginning of the prompt or of the session on, and
        ``frames_before`` and ``frames_after`` more.
      guidance: see ``advance``.
      prompts: what each stream continues: codes ``[T]``, of different lengths if need be; see ``primed``.
      session: where the streams stand, instead of at their beginning; it stays as it is.
      scored: whether pieces tell log-likelihoods.
      guard: what sound is drawn again; pieces then tell log-likelihoods, and come ``chunks_held_back`` chunks late.
      devices: which share the streams, as many on each; one device does as it would with a batch of its share.

    Raises:
      ValueError: a number below one; prompts, lengths, frames, devices or a session of other streams than these.
    """
    lengths = np.array([length] * batch_size if isinstance(length, int) else length)
    for name, value in (("batch_size", batch_size), ("length", lengths.min(initial=1)), ("chunk", chunk)):
        if value < 1:
            raise ValueError(f"{name} must be at least 1, got {value}")
    for name, values in (("length", lengths), ("prompts", prompts)):
        if values is not None and len(values) != batch_size:
            raise ValueError(f"{name} must be one for each of {batch_size} streams, got {len(values)}")
    if prompts is not None and session is not None:
        raise ValueError("prompts begin a session, so a session takes none; leave one of them out")
    began = [0] * batch_size if prompts is None else [len(prompt) for prompt in prompts]
    if session is not None:
        _check_session(model, session, batch_size, guidance is not None)
        began = [int(time) for time in session.time]
    _check_frames(model, conditions, max(start + count for start, count in zip(began, lengths, strict=True)))

    weights, guided = prepare(model, params), guidance is not None
    mesh = None if devices is None or len(devices) == 1 else mesh_of(devices, batch_size)
    if session is not None:
        session = copied(session)
    elif prompts is not None:
        session = primed(model, weights, key, prompts, conditions, guided=guided)
    else:
        session = begin(model, key, batch_size, guided=guided)
    if mesh is not None:
        session = spread(mesh, model, session)
    elif devices is not None and devices[0] != jax.devices()[0]:
        session = jax.device_put(session, devices[0])
    scored = scored or guard is not None

    def go_on(session: Session, length: int, now: Conditions) -> tuple[Array, Array | None, Session]:
        if mesh is None:
            return advance(model, weights, strategy, session, length, now, guidance, scored=scored)
        return advance_on(mesh, model, weights, strategy, session, length, now, guidance, scored=scored)

    return Stream(
        go_on,
        model.config,
        session,
        lengths=lengths,
        chunk=whole_frames(model.config, chunk),
        conditions=conditions,
        guard=guard,
    )


def _check_session(model: WaveNet, session: Session, batch_size: int, guided: bool) -> None:
    expected = jax.eval_shape(lambda: begin(model, jax.random.key(0), batch_size, guided=guided))
    found, wanted = (jax.tree.map(lambda leaf: leaf.shape, tree) for tree in (session, expected))
    if found != wanted:
        raise ValueError(
            f"the session is not one of this network for {batch_size} streams with{'' if guided else 'out'} guidance"
        )


def _check_frames(model: WaveNet, conditions: Conditions, samples: int) -> None:
    config = model.config
    if not config.is_local:
        return
    needed = whole_frames(config, samples) // config.features.hop_samples
    given = conditions.frames.shape[1] - frames_around(config)
    if given < needed:
        raise ValueError(f"{samples} samples need {needed} frames, got {given}; make fewer")
