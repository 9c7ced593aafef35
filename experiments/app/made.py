"""Makes a generation of the page, and keeps its sound so far, also after it was stopped."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from experiments.app import player
from wavenet_jax.generation.generation import Generation, Waveforms


@dataclass
class Made:
    """A generation, and what there is of it so far."""

    name: str
    """Unique in this session."""
    generation: Generation
    command: str
    """Generates the same in a terminal."""
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
        """Returns how many seconds of sound there are of a stream."""
        return sum(len(rows[stream]) for rows in self.pieces) / self.generation.rate

    def files(self) -> list[tuple[np.ndarray, float]]:
        """The most likely take of each file, as far as it goes: its waveform ``[T]`` and its bits per sample."""
        takes, bits = self.generation.takes, self.generation.bits_per_sample
        streams = [file * takes + take for file, take in enumerate(self.generation.best())]
        return [(np.concatenate([rows[stream] for rows in self.pieces]), float(bits[stream])) for stream in streams]


def new_name(kind: str) -> str:
    """Returns a name that no other sound of this session has."""
    serial = st.session_state.serial = st.session_state.get("serial", 0) + 1
    return f"{kind}-{serial}"


def make(made: Made, status: DeltaGenerator, pieces: DeltaGenerator) -> None:
    """Makes the sound while the browser plays it; a click on anything ends it, and what there is stays."""
    with status.container(horizontal=True, vertical_alignment="center"):
        progress = st.progress(0.0, "Compiling: once for each kind of network")
        st.button("Stop", icon=":material/stop:", key="stop_generating")
    sending = player.Sending(made.name, made.generation.rate, pieces)
    for piece in made.generation:
        made.add(piece)
        if sending.add(piece.rows[0], last=made.seconds() >= made.goal) is not None:
            speed = made.times_real_time
            pace = "" if speed is None else f", {speed:.2f} × real time"
            progress.progress(min(made.seconds() / made.goal, 1.0), f"{made.seconds():.1f} of {made.goal:.1f} s{pace}")
    made.whole = True
    status.empty()
