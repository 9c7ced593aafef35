"""A folder with a trained run, and the page as its users meet it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from experiments.app import voices
from tests.experiments.conftest import ROOT

MAIN = ROOT / "experiments" / "app" / "main.py"
TINY = (
    f"--flagfile={ROOT / 'experiments' / 'presets' / 'tiny.flags'}",
    "--synthetic_clips=20",
    "--synthetic_seconds=0.5",
    "--num_steps=4",
    "--validate_every=4",
    "--log_every=2",
    "--probe_seconds=0.25",
)

Visit = Callable[..., AppTest]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one run, called ``small``, of the preset ``tiny``; made apart, where there is one device."""
    folder = tmp_path_factory.mktemp("runs")
    train_tiny(folder / "small")
    return folder


def train_tiny(workdir: Path, *flags: str) -> None:
    """Trains a network for some steps in a process of its own."""
    program = [sys.executable, "-m", "experiments.train", *TINY, f"--workdir={workdir}", *flags]
    subprocess.run(program, cwd=ROOT, check=True, env={**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"})


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Visit:
    """Opens a page in a new session, where the package has no voice; further arguments are those of the server."""
    monkeypatch.setattr(voices, "DEFAULT_VOICE", tmp_path / "no voice")

    def open_page(name: str, *arguments: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", *arguments])
        session = AppTest.from_file(str(MAIN), default_timeout=240).run()
        if name != "speak":
            session.switch_page(f"{name}.py").run()
        return session

    return open_page


def errors(session: AppTest) -> list[str]:
    """What the page says went wrong, tracebacks included."""
    return [element.value for element in (*session.error, *session.exception)]
