"""TensorBoard's event files, written synchronously by the thread that reports.

``tensorboardX.SummaryWriter`` writes in a thread of its own; on a full disk that thread dies, its queue fills up, and
the program waits for it forever.
"""

import time
from pathlib import Path

import numpy as np
from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog


class Board:
    """One event file of a run that resumes after ``step``; TensorBoard hides later steps of earlier files."""

    def __init__(self, folder: Path, step: int) -> None:
        folder.mkdir(exist_ok=True)
        self._events = EventsWriter(str(folder / "events"))
        self._write(Event(step=step + 1, file_version="brain.Event:2"))
        self._write(Event(step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def add_scalars(self, values: dict[str, float], step: int) -> None:
        """Adds values by their tags."""
        for tag, value in values.items():
            self._write(Event(step=step, summary=summary.scalar(tag, value)))
        self._events.flush()

    def add_sound(self, tag: str, waveform: np.ndarray, spectrogram: np.ndarray, step: int, sample_rate: int) -> None:
        """Adds a waveform ``[T]`` and a picture of it ``[height, width]`` with values in [0, 1]."""
        # The library prints a warning on standard output about samples beyond full scale.
        waveform = np.clip(waveform, -1.0, 1.0)
        self._write(Event(step=step, summary=summary.audio(tag, waveform, sample_rate)))
        self._write(Event(step=step, summary=summary.image(tag, spectrogram, dataformats="HW")))
        self._events.flush()

    def close(self) -> None:
        """Ends the writing."""
        self._events.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._events.write_event(event)
