"""Streams under guard: chunks are held back until they are judged, and drawn again where the guard says so."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.sampling.guard import Guard
from wavenet_jax.sampling.scan import Session, copied, streams_of
from wavenet_jax.typing import Array

_NEVER = np.uint32(2**32 - 1)
"""A time that no stream reaches: what is drawn again does not share its randomness with a sample."""


class Redrawn(NamedTuple):
    """A stream went back and was drawn again, or, after as many attempts as the guard allows, kept what it had."""

    stream: int
    start: int  # samples of the stream, its prompt not counted, that were kept
    verdict: str  # "silence" or "noise"
    attempt: int  # from 1
    accepted: bool  # True: it is kept as it is


class Chunk(NamedTuple):
    """Samples of all streams."""

    codes: np.ndarray  # [B, T]
    nats: np.ndarray | None  # [B, T]
    lengths: np.ndarray  # [B]: how many of the T belong to each stream
    before: Session | None  # a copy, where it is needed


class Watch:
    """Generates chunks in order, and goes back where the guard says so; rows that it does not name stay as they are.

    Going back makes the chunks since then again for all streams: those with the same keys come out bit-equal, so that
    what becomes of a stream never depends on its neighbours.
    """

    def __init__(
        self,
        guard: Guard,
        config: WaveNetConfig,
        session: Session,
        make: Callable[[Session, int], tuple[Chunk, Session]],
        chunk: int,
    ) -> None:
        """``make`` returns a chunk by its number, and the session after it; it uses the session up."""
        self._guard, self._config, self._make, self._chunk = guard, config, make, chunk
        self._lag = guard.chunks_held_back(config.sample_rate, chunk)
        self._session, self._next = session, 0
        self._held: dict[int, Chunk] = {}
        self._keys: dict[int, Array] = {}  # [B] keys that the chunks held back were made with
        streams = streams_of(session)
        self._verdicts: list[dict[int, str]] = [{} for _ in range(streams)]
        self._judged = np.zeros(streams, int)  # chunks of each stream whose verdict counts
        self._attempts = np.zeros(streams, int)
        self._incident = np.full(streams, -1)  # the chunk at whose end the stream went back last
        self._resigned = np.zeros(streams, bool)
        self.session = session
        """The session after the chunk that was given out last; not a copy."""

    def chunk(self, number: int, count: int) -> tuple[Chunk, tuple[Redrawn, ...]]:
        """Returns the chunk ``number`` of ``count``, to be asked for in order, and what happened until it was ready."""
        events: list[Redrawn] = []
        while self._next <= min(number + self._lag, count - 1):
            events += self._advance()
        chunk = self._held.pop(number)
        self._keys.pop(number)
        following = self._held.get(number + 1)
        self.session = self._session if following is None or following.before is None else following.before
        return chunk, tuple(events)

    def _advance(self) -> list[Redrawn]:
        """Generates the next chunk; goes back where a stream has to."""
        now = self._next
        keys = self._keys.setdefault(now, jnp.copy(self._session.keys))
        self._held[now], self._session = self._make(self._session._replace(keys=jnp.copy(keys)), now)
        self._next += 1
        events, back = [], now + 1
        for stream, length in enumerate(self._held[now].lengths):
            if self._judged[stream] > now or not length:
                continue
            self._judged[stream] = now + 1
            event, start = self._judge(stream, now, int(length))
            if event is not None:
                events.append(event)
            back = min(back, start)
        if back <= now:
            before = self._held[back].before
            assert before is not None
            self._session, self._next = copied(before), back
        return events

    def _judge(self, stream: int, now: int, length: int) -> tuple[Redrawn | None, int]:
        """Decides what happens to a stream after a new chunk of it, and which chunk comes next."""
        chunk, verdicts = self._held[now], self._verdicts[stream]
        assert chunk.nats is not None
        verdict = self._guard.verdict(self._config, chunk.codes[stream, :length], chunk.nats[stream, :length])
        verdicts[now] = verdict
        verdicts.pop(now - self._lag - 1, None)
        if verdict == "sound":
            if now >= self._incident[stream]:
                self._attempts[stream], self._resigned[stream] = 0, False
            return None, now + 1
        first = now
        while verdicts.get(first - 1) == verdict:
            first -= 1
        samples = (now - first) * self._chunk + length
        if self._resigned[stream] or samples < self._guard.patience(verdict, self._config.sample_rate):
            return None, now + 1
        # The chunk before may have been on its way already.
        start = max(first - 1, min(self._held))
        self._attempts[stream] += 1
        attempt, kept = int(self._attempts[stream]), start * self._chunk
        if attempt > self._guard.attempts:
            self._resigned[stream] = True
            return Redrawn(stream, first * self._chunk, verdict, attempt - 1, accepted=True), now + 1
        fresh = jax.random.fold_in(jax.random.fold_in(self._keys[start][stream], _NEVER), attempt)
        for number in range(start, now + 1):
            self._keys[number] = self._keys[number].at[stream].set(fresh)
        self._incident[stream], self._judged[stream] = now, start
        return Redrawn(stream, kept, verdict, attempt, accepted=False), start
