"""Preparation of a program before its imports, which take seconds; nothing here imports anything heavy."""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType, TracebackType

INTERRUPTED = 130
"""Exit code of a program that Ctrl-C ended."""

_JAX_SETTINGS = os.path.join("jax", "_src", "config.py")


def prepare() -> None:
    """Makes the seconds of importing safe.

    Ctrl-C ends them quietly, a bad setting of JAX is one line, and no file takes the place of a closed stream.
    """
    _occupy_standard_descriptors()
    sys.excepthook = _explain
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, _leave)


def is_program() -> bool:
    """Returns true if Python is starting this package as a program: ``python -m``, or the command ``wavenet``."""
    started = sys.argv[0] if sys.argv else ""
    return started == "-m" or os.path.basename(started).partition(".")[0] == "wavenet"


def leave_to_the_system(number: int) -> None:
    """Has the next signal of a kind end the program at once; SIGHUP is ignored, as a terminal may send several."""
    hang_up = getattr(signal, "SIGHUP", None)
    signal.signal(number, signal.SIG_IGN if number == hang_up else signal.SIG_DFL)


def _leave(number: int, frame: FrameType | None) -> None:
    # Not KeyboardInterrupt: libraries that are being imported turn it into errors of their own, or abort.
    os._exit(INTERRUPTED)


def _explain(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Reports what JAX says of its environment variables while it is imported; anything else keeps its traceback."""
    last = trace
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = "" if last is None else last.tb_frame.f_code.co_filename
    if not isinstance(error, ValueError) or not place.endswith(_JAX_SETTINGS):
        sys.__excepthook__(kind, error, trace)
        return
    given = ", ".join(sorted(name for name in os.environ if name.startswith("JAX_")))
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(f"error: JAX cannot be set up: {error}; correct or unset {given}\n")


def _occupy_standard_descriptors() -> None:
    """Gives a closed standard stream's number to the null device, lest the next file that is opened gets it."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
