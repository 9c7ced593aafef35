"""From the codes of streams to what is heard of them, and session files that go on with both."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import Deemphasis
from wavenet_jax.config import RunConfig
from wavenet_jax.sampling import Session, load_session, save_session


class Decoder:
    """From codes to the waveforms of streams, with the pre-emphasis of the run's data undone."""

    def __init__(self, run: RunConfig, streams: int, latest: Sequence[float] | None = None) -> None:
        """``latest`` is that of the decoder that the streams go on from; none: they begin."""
        self._grid = Grid.of(run.model)
        coefficient = run.data.pre_emphasis
        before = latest or [0.0] * streams
        self._undo = None if coefficient is None else [Deemphasis(coefficient, sample) for sample in before]

    def __call__(self, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Float32 ``[T]`` of the next codes ``[T]`` of each stream."""
        rows = [self._grid.decode(row) for row in codes]
        return rows if self._undo is None else [undo(row) for undo, row in zip(self._undo, rows, strict=True)]

    @property
    def latest(self) -> list[float]:
        """Of each stream the newest sample, which the next one depends on; empty where none does."""
        return [] if self._undo is None else [undo.latest for undo in self._undo]


class Begun(NamedTuple):
    """Streams that go on from where a file left them."""

    session: Session
    latest: list[float]
    """See ``Decoder``."""


def restore(path: str, run: RunConfig, streams: int) -> Begun:
    """What ``keep`` wrote.

    Raises:
      ValueError: it is damaged, of another network, of other data, or of another number of streams.
    """
    session, notes = load_session(Path(path), run.model)
    found, wanted = len(session.latest), streams
    if found != wanted:
        raise ValueError(f"{path} holds {found} streams, got num_samples={wanted}; give --num_samples={found}")
    heard = json.loads(notes.get("pre_emphasis", "null"))
    if heard != run.data.pre_emphasis:
        raise ValueError(f"{path} is of a run with pre_emphasis={heard}, this one has {run.data.pre_emphasis}")
    return Begun(session, json.loads(notes.get("latest", "[]")))


def keep(path: str, session: Session, run: RunConfig, decoder: Decoder) -> None:
    """Writes where streams stand; what is made from there is what they would have gone on with, bit for bit."""
    notes = {"pre_emphasis": json.dumps(run.data.pre_emphasis), "latest": json.dumps(decoder.latest)}
    save_session(Path(path), session, run.model, notes)
