"""SIGTERM, SIGHUP and SIGINT (Ctrl-C): end a run after the current step, a generation after the current piece."""

import contextlib
import os
import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, TypeAlias

import jax
from jax.experimental import multihost_utils

from experiments.support.early import leave_to_the_system

Handler: TypeAlias = Callable[[int, FrameType | None], Any] | int | None

_STANDARD_ERROR = 2


class StopSignals:
    """While entered, a first signal asks the run to stop; a second one of the same kind ends the program at once.

    SIGHUP counts once, since a terminal that closes may send several; where it was ignored before (nohup), it stays
    ignored.

    Called after every step, it gives the reason to stop, or None: the ``stop`` of ``wavenet_jax.train``.
    """

    def __init__(self, promise: str = "saving after this step") -> None:
        """``promise`` is shown to the user when a signal comes."""
        self._promise = promise
        self._received: str | None = None
        self._before: dict[int, Handler] = {}

    def __enter__(self) -> "StopSignals":
        if jax.process_count() == 1:
            handlers: dict[int, Handler] = {signal.SIGTERM: self._remember, signal.SIGINT: self._remember}
        else:
            # JAX waits for SIGTERM itself, to stop all processes after the same step.
            handlers = {signal.SIGINT: self._forward}
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            handlers[signal.SIGHUP] = handlers[signal.SIGINT]
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
        leave_to_the_system(number)
        # Not print: the signal may have come in the middle of one. Whoever reads it may have ended by the same signal.
        with contextlib.suppress(OSError):
            more = "" if self._received == "SIGHUP" else "; a second one ends it at once"
            os.write(_STANDARD_ERROR, f"{self._received}: {self._promise}{more}\n".encode())

    def _forward(self, number: int, frame: FrameType | None) -> None:
        leave_to_the_system(number)
        signal.raise_signal(signal.SIGTERM)


def exit_code(reason: str) -> int:
    """Returns the exit code for a signal, as shells and schedulers expect it: 143 for SIGTERM, 130 for SIGINT, 129 for
    SIGHUP."""
    return 128 + signal.Signals[reason].value
