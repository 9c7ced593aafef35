"""Whatever happens to a data folder while it is read: a batch, or one line that says what happened and what to do."""

import contextlib
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.data.damages import DAMAGES, RATE, make
from wavenet_jax.config import DataConfig, RunConfig, WaveNetConfig
from wavenet_jax.data import Batches, open_sources, prefetch

BATCHES = 20


@pytest.mark.parametrize("seed", [*range(20), *(pytest.param(n, marks=pytest.mark.slow) for n in range(20, 100))])
def test_damage_while_batches_are_made_ends_in_batches_or_in_one_line(seed: int, folder: Path) -> None:
    draw = np.random.default_rng(seed)
    make(folder)
    run = RunConfig(
        model=WaveNetConfig(sample_rate=RATE, dilation_cycle=(1, 2, 4, 8)),
        data=DataConfig(data_dir=(str(folder),), crop_samples=1_000, batch_size=4),
    )
    training, _ = open_sources(run.data, run.model, ("train", "validation"))
    batches = Batches.of(run, training)
    damage = DAMAGES[seed % len(DAMAGES)]
    before = int(draw.integers(0, 3))
    failed: list[BaseException] = []

    def read() -> None:
        try:
            with contextlib.closing(prefetch(batches, threads=int(draw.integers(0, 3)))) as ahead:
                for number in range(BATCHES):
                    if number == before:
                        damage(folder, draw)
                    next(ahead)
        except BaseException as error:
            failed.append(error)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(600)
    assert not reader.is_alive(), f"{damage.__name__}: neither batches nor a line"
    for error in failed:
        assert isinstance(error, ValueError), repr(error)
        assert "\n" not in str(error)
        assert "start the same command again, which resumes" in str(error)

    # What a later start finds: a data set, or a line.
    with contextlib.suppress(ValueError):
        open_sources(run.data, run.model, ("train", "validation"))
