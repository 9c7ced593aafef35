"""SIGTERM and SIGINT (Ctrl-C) end a run after the step that it is at, and a generation after the piece."""

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeAlias

import jax
from jax.experimental import multihost_utils

Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | None


class StopSignals:
    """While it is entered, a first signal asks the run to stop; a second one of the same kind ends the program at once.

    Called after every step, it gives the reason to stop, or None: the ``stop`` of ``wavenet_jax.training.train``.
    """

    def __init__(self, promise: str = "saving after this step") -> None:
        """``promise`` is what the user is told when a signal comes."""
        self._promise = promise
        self._received: str | None = None
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> "StopSignals":
        if jax.process_count() == 1:
            handlers: dict[int, Handler] = {signal.SIGTERM: self._remember, signal.SIGINT: self._remember}
        else:
            # JAX waits for SIGTERM itself, to stop all processes after the same step.
            handlers = {signal.SIGINT: self._forward}
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __call__(self, step: int) -> str | None:
        if jax.process_count() > 1 and multihost_utils.reached_preemption_sync_point(step):
            return signal.SIGTERM.name
        return self._received

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self._received = signal.Signals(number).name
        signal.signal(number, signal.SIG_DFL)
        # Not print: the signal may have come in the middle of one.
        os.write(sys.stderr.fileno(), f"{self._received}: {self._promise}; once more ends at once\n".encode())

    def _forward(self, number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)


def exit_code(reason: str) -> int:
    """That of a program ended by the signal, as shells and schedulers expect it: 143 for SIGTERM, 130 for SIGINT."""
    return 128 + signal.Signals[reason].value
