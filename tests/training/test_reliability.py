"""What a run promises when processes are killed, disks fill up, and the work is shared: with real processes.

The figures that these tests print (``pytest -s``) are those of docs/training.md.
"""

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np
import psutil
import pytest

from tests.training.tiny import configured, events
from wavenet_jax.runs import load

pytestmark = pytest.mark.slow

KILLS = 24
ENDLESS = {"num_steps": 10**6, "save_every": 10**6, "validate_every": 10**6}
LEAVE = """
import contextlib, sys
from pathlib import Path
from tests.training.tiny import CONFIG, HELD_OUT, TRAINING
from wavenet_jax.training import Saving, train_events

def main(workdir, how):
    with contextlib.closing(train_events(CONFIG, Path(workdir), TRAINING, HELD_OUT)) as run:
        for event in run:
            if isinstance(event, Saving):
                {"return": lambda: None, "exception": lambda: 1 / 0, "exit": sys.exit}[how]()
                return

main(*sys.argv[1:])
"""


@pytest.fixture(scope="module", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAX_COMPILATION_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("XLA_FLAGS", raising=False)
        yield


@contextlib.contextmanager
def child(workdir: Path, changes: dict[str, Any], **options: Any) -> Iterator[subprocess.Popen]:
    arguments = json.dumps({"workdir": str(workdir), "changes": changes, **options})
    with subprocess.Popen(
        [sys.executable, "-m", "tests.training.child", arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(workdir: Path, changes: dict[str, Any], **options: Any) -> tuple[int, list[str]]:
    """Exit code and lines of a child that is left alone."""
    with child(workdir, changes, **options) as process:
        out, err = process.communicate(timeout=120)
        assert "Traceback" not in err, err
        return process.returncode, out.splitlines()


def digests(workdir: Path, step: int) -> dict[str, Any]:
    """SHA-256 of every array of a checkpoint: parameters, average, optimizer, counters."""
    meta = json.loads((workdir / "checkpoints" / str(step) / "state" / "meta.json").read_text())
    return {"arrays": meta["arrays"], "progress": meta["progress"], "bits": meta["bits_per_sample"]}


def test_a_run_that_is_killed_again_and_again_ends_bit_for_bit_the_same(tmp_path: Path) -> None:
    changes = {"num_steps": 400, "save_every": 5, "validate_every": 50}
    assert ended(tmp_path / "unbroken", changes)[0] == 0

    draw = random.Random(0)
    workdir = tmp_path / "killed"
    kills = inside_a_save = lost = 0
    reached = 0
    while kills < KILLS:
        with child(workdir, changes) as process:
            assert process.stdout is not None
            # Some die just after a save has begun, the others after some steps or on the way to the first.
            wanted, after = ("Saving", 1) if kills % 2 else ("StepDone", draw.randint(1, 14))
            for line in process.stdout:
                name, step = line.split()[:2]
                if name == "Started":
                    lost += max(0, reached - int(step))
                reached = int(step)
                after -= name == wanted
                if after <= 0:
                    break
            time.sleep(draw.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += 1
        inside_a_save += any((workdir / "checkpoints").glob("*tmp*"))
    assert inside_a_save > 0
    code, lines = ended(workdir, changes)
    assert (code, lines[-1]) == (0, "Stopped 400 finished")
    assert digests(workdir, 400) == digests(tmp_path / "unbroken", 400)
    print(f"\n{kills} kills, {inside_a_save} of them inside a save, {lost} steps repeated, all digests equal")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_saves_after_the_step_and_says_so(number: signal.Signals, tmp_path: Path) -> None:
    preset = Path(__file__).parents[2] / "experiments" / "presets" / "tiny.flags"
    command = [sys.executable, "-m", "experiments.train", f"--flagfile={preset}", f"--workdir={tmp_path}"]
    with subprocess.Popen(
        [*command, "--log_every=1", "--save_every=100000", "--validate_every=100000", "--num_steps=100000"],
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if line.startswith("step 20/"))
        began = time.monotonic()
        process.send_signal(number)
        lines = process.stderr.read().splitlines()
        seconds = time.monotonic() - began
    assert process.returncode == 128 + number
    saved = next(line for line in lines if line.startswith(f"{number.name}: saved at step "))
    step = int(saved.removeprefix(f"{number.name}: saved at step ").split(";")[0])
    received = next(index for index, line in enumerate(lines) if line.startswith(f"{number.name}: saving"))
    # The step that was done and not reported yet, the one under way, and where that had been asked already, the next.
    assert len([line for line in lines[received:] if line.startswith("step ")]) <= 3
    assert load(tmp_path)[2] == step
    print(f"\n{number.name}: {seconds:.2f} s from the signal to the end of the process, checkpoint of step {step}")


def test_a_full_disk_loses_no_good_checkpoint(tmp_path: Path) -> None:
    assert ended(tmp_path, {"num_steps": 3})[0] == 0
    room = (tmp_path / "config.json").stat().st_size + 100  # for all but the arrays of the optimizer
    code, lines = ended(tmp_path, {"num_steps": 50}, largest_file=room)
    assert code == 1
    assert lines[-1].startswith(f"ValueError could not write a checkpoint to {tmp_path}: ")
    assert lines[-1].endswith("free the disk and run the same command again")
    assert "File too large" in lines[-1]
    assert load(tmp_path)[2] == 3
    code, lines = ended(tmp_path, {"num_steps": 50})
    assert (code, lines[0].strip(), lines[-1]) == (0, "Started 3", "Stopped 50 finished")
    assert not list((tmp_path / "checkpoints").glob("*tmp*"))


@pytest.mark.parametrize("how", ["return", "exception", "exit", "SIGTERM"])
def test_the_last_step_is_always_on_disk(how: str, tmp_path: Path) -> None:
    """However the program ends, the save that had begun is finished."""
    if how == "SIGTERM":
        with child(tmp_path, ENDLESS) as process:
            assert process.stdout is not None
            next(line for line in process.stdout if line.startswith("StepDone 20 "))
            process.send_signal(signal.SIGTERM)
            last = process.stdout.read().splitlines()[-1]
            process.wait()
        assert last.startswith("Stopped ")
        assert load(tmp_path)[2] == int(last.split()[1])
        return
    subprocess.run([sys.executable, "-c", LEAVE, str(tmp_path), how], check=False, capture_output=True)
    assert load(tmp_path)[2] == 3


@contextlib.contextmanager
def pair(workdir: Path, changes: dict[str, Any]) -> Iterator[list[subprocess.Popen]]:
    """Two children that train as one."""
    with socket.socket() as found:
        found.bind(("localhost", 0))
        address = f"localhost:{found.getsockname()[1]}"
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(child(workdir, changes, processes=[address, 2, index])) for index in range(2)]


def test_two_processes_are_one(tmp_path: Path) -> None:
    """Over gloo, one device each; their parameters after 20 steps, and a SIGTERM to one of them stops both."""
    changes = {"num_steps": 20, "save_every": 7, "validate_every": 10}
    events(tmp_path / "one", configured(**changes))
    workdir = tmp_path / "two"

    with pair(workdir, changes) as processes:
        outputs = [process.communicate(timeout=150) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert [out.splitlines()[-1] for out, _ in outputs] == ["Stopped 20 finished"] * 2
    ours, theirs = load(workdir)[1], load(tmp_path / "one")[1]
    difference = max(jax.tree.leaves(jax.tree.map(lambda a, b: float(np.abs(a - b).max()), ours, theirs)))
    assert difference < 1e-6, difference  # measured: 6e-8
    print(f"\ngreatest parameter difference of two processes to one after 20 steps: {difference:.2g}")

    with pair(workdir, ENDLESS) as (first, second):
        next(line for line in first.stdout if line.startswith("StepDone 50 "))
        began = time.monotonic()
        second.send_signal(signal.SIGTERM)
        lasts = [process.communicate(timeout=60)[0].splitlines()[-1] for process in (first, second)]
        seconds = time.monotonic() - began
    assert lasts[0] == lasts[1]
    assert lasts[0].endswith("SIGTERM")
    assert load(workdir)[2] == int(lasts[0].split()[1])
    print(f"two processes: {seconds:.2f} s from SIGTERM to one until both had ended, {lasts[0]}")


def leaves(tree: dict) -> list[np.ndarray]:
    return [
        leaf for key in sorted(tree) for leaf in (leaves(tree[key]) if isinstance(tree[key], dict) else [tree[key]])
    ]


def test_memory_does_not_grow_over_a_long_run(tmp_path: Path) -> None:
    changes = {"num_steps": 5_000, "save_every": 500, "validate_every": 500}
    resident = {}
    with child(tmp_path, changes) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split()[:2] in (["StepDone", "1000"], ["StepDone", "5000"]):
                resident[line.split()[1]] = psutil.Process(process.pid).memory_info().rss / 2**20
    growth = resident["5000"] - resident["1000"]
    print(f"\nresident memory at step 1,000: {resident['1000']:.0f} MiB, at step 5,000: {resident['5000']:.0f} MiB")
    assert growth < 30, growth
