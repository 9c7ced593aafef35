"""What a user of the page has had made, also while it goes on and after it was stopped."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from experiments.generation import Generation, Waveforms


@dataclass
class Made:
    """A generation, and what there is of it so far."""

    name: str
    """Unique in this session."""
    generation: Generation
    command: str
    """That makes the same in a terminal."""
    began: float = field(default_factory=time.monotonic)
    first: float | None = None
    """Seconds until the first piece, which compiles."""
    took: float | None = None
    """Seconds in all; None before it has ended."""
    whole: bool = False
    pieces: list[Sequence[np.ndarray]] = field(default_factory=list)

    def add(self, piece: Waveforms) -> None:
        """Takes the next piece of every stream."""
        self.took = time.monotonic() - self.began
        self.first = self.took if self.first is None else self.first
        self.pieces.append(piece.rows)

    @property
    def times_real_time(self) -> float | None:
        """Seconds of sound, of all streams together, that a second made behind the first piece."""
        if len(self.pieces) < 2 or self.took is None or self.first is None:
            return None
        samples = sum(len(row) for rows in self.pieces[1:] for row in rows)
        return samples / self.generation.rate / (self.took - self.first)

    @property
    def goal(self) -> float:
        """Seconds that the first file will last."""
        return self.generation.lengths[0] / self.generation.rate

    def seconds(self, stream: int = 0) -> float:
        """Of sound that there is of a stream."""
        return sum(len(rows[stream]) for rows in self.pieces) / self.generation.rate

    def files(self) -> list[tuple[np.ndarray, float]]:
        """The most likely take of each file, as far as it goes: its waveform ``[T]`` and its bits per sample."""
        takes, bits = self.generation.takes, self.generation.bits_per_sample
        streams = [file * takes + take for file, take in enumerate(self.generation.best())]
        return [(np.concatenate([rows[stream] for rows in self.pieces]), float(bits[stream])) for stream in streams]
