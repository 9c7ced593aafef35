"""A trained run, and programs called as from the command line."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import pytest

from experiments import flags
from wavenet_jax.config import RunConfig, to_json
from wavenet_jax.data.open import open_source
from wavenet_jax.training import train
from wavenet_jax.training.directory import read_config

ROOT = Path(__file__).parents[2]


class Ended(NamedTuple):
    """How a program ended."""

    code: int
    out: str
    err: str


Call = Callable[..., Ended]


@pytest.fixture
def call(capfd: pytest.CaptureFixture) -> Call:
    """Calls the ``main`` of a program with flags."""

    def program(main: Callable[..., int | None], *arguments: str) -> Ended:
        with pytest.raises(SystemExit) as caught:
            flags.run(main, ["program", *arguments])
        code = caught.value.code
        assert code is None or isinstance(code, int)
        return Ended(code or 0, *capfd.readouterr())

    return program


@pytest.fixture(scope="session")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run of two steps, with the preset ``tiny`` on synthetic sounds."""
    path = tmp_path_factory.mktemp("run")
    arguments = [
        f"--flagfile={ROOT / 'experiments' / 'presets' / 'tiny.flags'}",
        "--num_steps=2",
        "--synthetic_clips=2",
        "--synthetic_seconds=0.1",
    ]
    (config,) = flags.read([RunConfig], ["program", *arguments])
    for _ in train(
        config,
        path,
        open_source(config.data, config.model, "train"),
        open_source(config.data, config.model, "validation"),
        devices=jax.devices()[:1],
    ):
        pass
    return path


def with_pre_emphasis(workdir: Path, copy: Path, coefficient: float | None) -> Path:
    """A copy of a run, whose data had this pre-emphasis."""
    shutil.copytree(workdir, copy)
    run = read_config(workdir)
    changed = dataclasses.replace(run, data=dataclasses.replace(run.data, pre_emphasis=coefficient))
    (copy / "config.json").write_text(to_json(changed))
    return copy
