"""Programs in processes of their own, whose standard streams fail."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY = (
    "--flagfile=tiny.flags",
    "--synthetic_clips=20",
    "--synthetic_seconds=0.5",
    "--dilation_cycle=1,2",
    "--log_every=1",
    "--num_steps=4",
    "--validate_every=2",
    "--save_every=4",
    "--probe_seconds=0.1",
)
"""Flags of a run of four steps with all ways of reporting."""

SECONDS = 240
"""After which a child counts as hung."""


def command(program: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"experiments.{program}", *arguments]


def environment(**more: str) -> dict[str, str]:
    """That of a user with one device, who shares compiled programs with the other tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_", "XLA_", "MPL"))}
    return {**kept, "JAX_NUM_CPU_DEVICES": "1", **more}


def end(program: Sequence[str], streams: str = "", **more: str) -> tuple[int, bytes, bytes]:
    """Runs a program whose standard streams a shell redirects, as in ``2>&-``: exit code, output, errors."""
    shell = ["bash", "-c", f'"$@" {streams}', "bash", *program]
    ended = subprocess.run(shell, cwd=ROOT, env=environment(**more), capture_output=True, timeout=SECONDS)
    return ended.returncode, ended.stdout, ended.stderr


def end_with_broken_pipe(program: Sequence[str], streams: Sequence[str], **more: str) -> int:
    """Runs a program, the reader of whose streams (stdout, stderr) has ended; returns the exit code."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        broken = {name: writing if name in streams else subprocess.DEVNULL for name in ("stdout", "stderr")}
        return subprocess.run(program, cwd=ROOT, env=environment(**more), timeout=SECONDS, **broken).returncode  # type: ignore[call-overload]
    finally:
        os.close(writing)


def saved_steps(workdir: Path) -> list[int]:
    """The steps of the checkpoints of a run."""
    return sorted(int(path.name) for path in (workdir / "checkpoints").glob("*") if path.name.isdecimal())


def wait_for(found: Callable[[], bool], process: subprocess.Popen) -> None:
    """Waits until something is found, while the process runs."""
    began = time.monotonic()
    while not found():
        assert process.poll() is None, "the program ended too early"
        assert time.monotonic() - began < SECONDS, "nothing happened"
        time.sleep(0.02)


class Terminal:
    """A shell in a terminal of its own, where keys can be typed."""

    def __init__(self, line: str, **more: str) -> None:
        self._keyboard, screen = os.openpty()
        self._seen = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
        # The shell only waits; Ctrl-C reaches all processes of the line.
        self.process = subprocess.Popen(
            [sys.executable, "-c", _IN_TERMINAL, line],
            cwd=ROOT,
            env=environment(TERM="dumb", **more),
            stdin=screen,
            stdout=screen,
            stderr=screen,
            start_new_session=True,
        )
        os.close(screen)
        os.set_blocking(self._keyboard, False)

    def type(self, keys: bytes) -> None:
        os.write(self._keyboard, keys)

    def hang_up(self) -> None:
        """Closes the terminal, as a window or a connection that is lost."""
        os.close(self._keyboard)
        self._keyboard = -1

    def ended(self) -> int:
        """Waits for the end, while the terminal shows what is written; returns the exit code of the shell."""
        began = time.monotonic()
        while self.process.poll() is None:
            self.look()
            if time.monotonic() - began > SECONDS:
                self.process.kill()
            time.sleep(0.02)
        self.look()
        self._seen.close()
        if self._keyboard >= 0:
            os.close(self._keyboard)
        return self.process.returncode

    def look(self) -> None:
        """Takes what was written, so that the writers need not wait."""
        if self._keyboard < 0:
            return
        try:
            while piece := os.read(self._keyboard, 65_536):
                self._seen.write(piece)
        except (BlockingIOError, OSError):
            pass


_IN_TERMINAL = """
import fcntl, os, signal, sys, termios
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # whoever runs the tests in the background may have them ignored
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # this terminal is the one that Ctrl-C is typed in
os.execvp("bash", ["bash", "-c", "trap : INT; " + sys.argv[1]])
"""

HANG_UP = getattr(signal, "SIGHUP", None)
