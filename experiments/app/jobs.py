"""Training as a process of its own, which outlives the page: started, watched, stopped and resumed.

Whoever opens the page, today or after the server was started again, finds the process by what stands in page.json of
the directory that it works in. It is the same program that a terminal would run.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from experiments.app.runs import RunEntry
from experiments.support.processes import ISOLATED, own_environment
from wavenet_jax.runs import RunDirectory
from wavenet_jax.storage import write_whole

_LAUNCHING = threading.Lock()
_BIRTH_TOLERANCE = 2.0  # seconds between two readings of when a process began
_TAIL_BYTES = 4_096
_PROGRESS = re.compile(r"step \d+/\d+  ")


@dataclass(frozen=True)
class Job:
    """A process that trains, or trained."""

    pid: int
    born: float  # seconds since the epoch
    arguments: list[str]  # of its program
    program: str = "train"


def start(folder: str, name: str, arguments: Sequence[str]) -> Path:
    """Begins a new run in ``folder``, in a directory called ``name`` and a number; returns it.

    Args:
      folder: made where there is none.
      name: of our own choosing.
      arguments: flags of ``experiments.train``, all but the workdir.
    """
    parent = Path(folder)
    parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, 10_000):
        workdir = parent / f"{name}-{number}"
        with contextlib.suppress(FileExistsError):
            workdir.mkdir()
            _launch(workdir, list(arguments))
            return workdir
    raise ValueError(f"{folder} is full of runs called {name}; delete some")


def resume(run: RunEntry, num_steps: int) -> None:
    """Goes on with a run up to ``num_steps``.

    Raises:
      ValueError: it is being trained already.
    """
    with _LAUNCHING:  # two users may press at once
        if is_running(run):
            raise ValueError(f"{run.name} is being trained already")
        job = _read(run.path)
        flagfile = run.directory.flags_file
        if flagfile.is_file():
            arguments = [f"--flagfile={flagfile}"]
        elif job is not None:  # it was stopped before it had begun
            arguments = job.arguments
        else:
            raise ValueError(f"{run.name} has no run.flags to go on from")
        _launch(run.path, [*arguments, f"--num_steps={num_steps}"])


def begin(run: RunEntry, program: str, arguments: Sequence[str]) -> None:
    """Runs a program that works in the directory of ``run``, which is made where there is none.

    Args:
      run: where the job is found again.
      program: its module below ``experiments``.
      arguments: its flags.

    Raises:
      ValueError: one runs there already.
    """
    with _LAUNCHING:
        if is_ours(run):
            raise ValueError(f"{run.name} is being worked on already")
        run.path.mkdir(parents=True, exist_ok=True)
        _launch(run.path, list(arguments), program)


def stop(run: RunEntry) -> None:
    """Asks the process to save after the step under way and to end (SIGTERM); does not wait for it."""
    process = _process(run.path)
    if process is not None:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGTERM)


def is_ours(run: RunEntry) -> bool:
    """Tells whether a process that the page started is training it, and can be stopped."""
    return _process(run.path) is not None


def is_running(run: RunEntry) -> bool:
    """Tells whether any process, started here or elsewhere, is training it."""
    return is_ours(run) or run.directory.is_locked()


def last_words(run: RunEntry) -> str:
    """The last line that the process said besides its progress: how it ended, or why it could not begin."""
    return next((line for line in reversed(_said(run)) if not _PROGRESS.match(line)), "")


def last_line(run: RunEntry) -> str:
    """The last line that the process said; nothing before its first one."""
    return next(reversed(_said(run)), "")


def _said(run: RunEntry) -> list[str]:
    """The last lines of the process."""
    try:
        with open(run.directory.page_log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return []
    return [line.strip() for line in lines if line.strip()]


def _launch(workdir: Path, arguments: list[str], program: str = "train") -> None:
    place = [f"--workdir={workdir}"] if program == "train" else []
    with open(RunDirectory(workdir).page_log, "w") as log:
        process = subprocess.Popen(
            [sys.executable, *ISOLATED, "-m", f"experiments.{program}", *arguments, *place],
            env=own_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,  # neither Ctrl-C at the server nor its end reaches it
        )
    # Somebody has to wait for it, or it stays as a zombie while the server runs.
    threading.Thread(target=process.wait, daemon=True).start()
    job = {
        "pid": process.pid,
        "born": psutil.Process(process.pid).create_time(),
        "arguments": arguments,
        "program": program,
    }
    write_whole(RunDirectory(workdir).page_state, f"{json.dumps(job)}\n".encode())


def _read(workdir: Path) -> Job | None:
    try:
        return Job(**json.loads(RunDirectory(workdir).page_state.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _process(workdir: Path) -> psutil.Process | None:
    """The process of the job, if it still runs; a number that now belongs to another process is not taken for it."""
    job = _read(workdir)
    if job is None:
        return None
    try:
        process = psutil.Process(job.pid)
        alive = abs(process.create_time() - job.born) < _BIRTH_TOLERANCE and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return None
    return process if alive else None
