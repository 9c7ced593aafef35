"""Streams: chunks of codes as they are made, from a session that can be taken out at any time."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.audio.codec import Grid
from wavenet_jax.model import WaveNet, WaveNetWeights
from wavenet_jax.sampling.frames import frames_around, piece, whole_frames
from wavenet_jax.sampling.prompts import primed
from wavenet_jax.sampling.scan import Session, advance, begin, prepare
from wavenet_jax.sampling.strategies import Strategy
from wavenet_jax.typing import Conditions, Key, Params


class Piece(NamedTuple):
    """The next samples of every stream: T of them, or fewer where a stream ends."""

    codes: np.ndarray  # [B, T] int32; silence behind the end of a stream
    nats: np.ndarray | None  # [B, T] float32: log-likelihoods, see ``advance``; 0 behind the end of a stream
    lengths: np.ndarray  # [B]: how many of the T samples belong to each stream


class Stream(Iterator[Piece]):
    """Pieces of streams of given lengths. ``stream`` makes one."""

    def __init__(
        self,
        model: WaveNet,
        weights: WaveNetWeights,
        strategy: Strategy,
        session: Session,
        *,
        lengths: np.ndarray,
        chunk: int,
        conditions: Conditions,
        guidance: float | None,
        scored: bool,
    ) -> None:
        self._model, self._weights, self._strategy, self._session = model, weights, strategy, session
        self._lengths, self._chunk, self._conditions = lengths, chunk, conditions
        self._guidance, self._scored = guidance, scored
        self._began = np.asarray(session.time).astype(np.int64)
        self._made = 0
        self._before_last: Session | None = None

    def __next__(self) -> Piece:
        longest = int(self._lengths.max())
        if self._made >= longest:
            raise StopIteration
        count = min(self._chunk, longest - self._made)
        if count < self._chunk:  # the chunk runs beyond the end, where nobody wants the session to be
            self._before_last = _copied(self._session)
        codes, nats, self._session = self._advanced(self._session, self._chunk)
        lengths = np.clip(self._lengths - self._made, 0, count)
        self._made += count
        over = np.arange(count)[None] >= lengths[:, None]
        silence = Grid.of(self._model.config).silence
        return Piece(
            codes=np.where(over, silence, np.asarray(codes)[:, :count]),
            nats=None if nats is None else np.where(over, 0, np.asarray(nats)[:, :count]),
            lengths=lengths,
        )

    def snapshot(self) -> Session:
        """The session after the newest piece, as a value of its own: the stream goes on without touching it.

        Behind the last piece it stands where the longest streams end.

        Raises:
          ValueError: they end inside a frame, where no session can begin.
        """
        if self._before_last is None:
            return _copied(self._session)
        # The state of the very last sample: the part of the last chunk that counts is made once more.
        rest = self._made % self._chunk
        if rest != whole_frames(self._model.config, rest):
            raise ValueError(
                f"a session must end with a frame, a multiple of hop_samples={self._model.config.features.hop_samples}"
                f", got {self._made} samples"
            )
        return self._advanced(_copied(self._before_last), rest, self._made - rest)[2]

    def _advanced(
        self, session: Session, count: int, made: int | None = None
    ) -> tuple[jax.Array, jax.Array | None, Session]:
        starts = self._began + (self._made if made is None else made)
        now = piece(self._model.config, self._conditions, starts, count)
        return advance(
            self._model, self._weights, self._strategy, session, count, now, self._guidance, scored=self._scored
        )


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

    Raises:
      ValueError: a number below one; prompts, lengths, frames or a session of other streams than these.
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
    if session is not None:
        session = _copied(session)
    elif prompts is not None:
        session = primed(model, weights, key, prompts, conditions, guided=guided)
    else:
        session = begin(model, key, batch_size, guided=guided)
    return Stream(
        model,
        weights,
        strategy,
        session,
        lengths=lengths,
        chunk=whole_frames(model.config, chunk),
        conditions=conditions,
        guidance=guidance,
        scored=scored,
    )


def _copied(session: Session) -> Session:
    """The same value in other memory: ``advance`` uses up what it is given."""
    return jax.tree.map(jnp.copy, session)


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
