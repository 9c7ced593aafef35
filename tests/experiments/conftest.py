"""A trained run, and programs called as from the command line."""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import pytest

from experiments.support import flags
from wavenet_jax.config import RunConfig, to_json
from wavenet_jax.data import open_source, with_classes
from wavenet_jax.runs import RunDirectory
from wavenet_jax.training import train_events

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


def short_run(path: Path, *arguments: str) -> Path:
    """Trains a run of two steps, with the preset ``tiny`` on synthetic sounds; returns its directory."""
    preset = f"--flagfile={ROOT / 'experiments' / 'presets' / 'tiny.flags'}"
    (config,) = flags.read([RunConfig], ["program", preset, "--num_steps=2", *arguments])
    training, held_out = (open_source(config.data, config.model, split) for split in ("train", "validation"))
    config = dataclasses.replace(config, model=with_classes(config.model, training))
    for _ in train_events(config, path, training, held_out, devices=jax.devices()[:1]):
        pass
    return path


@pytest.fixture(scope="session")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of the plainest run."""
    return short_run(tmp_path_factory.mktemp("run"), "--synthetic_clips=2", "--synthetic_seconds=0.1")


def with_pre_emphasis(workdir: Path, copy: Path, coefficient: float | None) -> Path:
    """A copy of a run, whose data had this pre-emphasis."""
    shutil.copytree(workdir, copy)
    run = RunDirectory(workdir).read_config()
    changed = dataclasses.replace(run, data=dataclasses.replace(run.data, pre_emphasis=coefficient))
    (copy / "config.json").write_text(to_json(changed))
    return copy
