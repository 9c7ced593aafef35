"""From the codes of streams to waveforms as they sound, and session files that resume both."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.emphasis import Deemphasis, deemphasize
from wavenet_jax.config import RunConfig
from wavenet_jax.generation.equalization import Equalization
from wavenet_jax.sampling import Session, load_session, save_session


class SavedSession(NamedTuple):
    """Streams in the middle of being generated: a value that can be kept, saved and resumed."""

    session: Session
    latest: list[float]
    """The newest sample of each stream before the run's pre-emphasis; empty for a run without one."""

    def save(self, path: Path, run: RunConfig) -> None:
        """Writes a session file; what is generated from it is what the streams would have resumed with, bit for bit."""
        notes = {"pre_emphasis": json.dumps(run.data.pre_emphasis), "latest": json.dumps(self.latest)}
        save_session(path, self.session, run.model, notes)

    @classmethod
    def load(cls, path: Path, run: RunConfig) -> "SavedSession":
        """Reads a session file.

        Raises:
          ValueError: it is damaged, of another network, or of data with another pre-emphasis.
        """
        session, notes = load_session(path, run.model)
        theirs = json.loads(notes.get("pre_emphasis", "null"))
        if theirs != run.data.pre_emphasis:
            raise ValueError(f"{path} is of a run with pre_emphasis={theirs}, this one has {run.data.pre_emphasis}")
        return cls(session, json.loads(notes.get("latest", "[]")))


class Decoder:
    """Decodes the codes of streams, equalises them, and undoes the pre-emphasis of the run's data."""

    def __init__(
        self,
        run: RunConfig,
        streams: int,
        latest: Sequence[float] = (),
        equalizations: Sequence[Equalization] = (),
    ) -> None:
        """
        Args:
          run: the run whose network makes the codes.
          streams: how many streams there are.
          latest: of a saved session that they resume.
          equalizations: one for each stream, or none; waveforms are then late by their lookahead.
        """
        self._equalizations = equalizations
        self._grid = Grid.of(run.model)
        coefficient = run.data.pre_emphasis
        before = latest or [0.0] * streams
        self._undo = None if coefficient is None else [Deemphasis(coefficient, sample) for sample in before]

    def __call__(self, codes: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the waveforms, float32 ``[T]``, of the next codes ``[T]`` of each stream."""
        rows = [self._grid.decode(row) for row in codes]
        if self._equalizations:  # before emphasis is undone, as features are measured
            rows = [equalized(row) for equalized, row in zip(self._equalizations, rows, strict=True)]
        return rows if self._undo is None else [undo(row) for undo, row in zip(self._undo, rows, strict=True)]

    @property
    def latest(self) -> list[float]:
        """The newest sample of each stream, which the next one depends on; empty without pre-emphasis."""
        return [] if self._undo is None else [undo.latest for undo in self._undo]


def audible(waveform: np.ndarray, run: RunConfig) -> np.ndarray:
    """Undoes the pre-emphasis of the run's data, if it has one: float32 ``[T]`` of float ``[T]``.

    What a run's sources read is what the network learns from; this is how it sounds.
    """
    coefficient = run.data.pre_emphasis
    return waveform if coefficient is None else deemphasize(waveform, coefficient)
