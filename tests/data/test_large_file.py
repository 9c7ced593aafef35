"""A file larger than memory is read like any other."""

import struct
from pathlib import Path

import numpy as np
import psutil
import pytest

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import Batches, open_source

MIB = 2**20


@pytest.mark.parametrize("gib", [0.5, pytest.param(34, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_file(gib: float, folder: Path) -> None:
    with open(folder / "long.au", "wb") as file:
        file.write(b".snd" + struct.pack(">IIIII", 24, 0xFFFFFFFF, 6, 16_000, 1))  # float32, length unknown
        file.write(np.full(1_000, 0.5, ">f4").tobytes())
        file.truncate(int(gib * 2**30))
    before = psutil.Process().memory_info().rss
    data = DataConfig(data_dir=(str(folder),), validation_fraction=0.0)
    source = open_source(data, WaveNetConfig(), "train")
    assert source.lengths.tolist() == [(int(gib * 2**30) - 24) // 4]
    batches = Batches(source, Grid(256, "mu_law"), batch_size=8, crop_samples=4_000, seed=0)
    for k in range(25):
        assert batches[k].mask.any()
    order = 8 * len(batches) * 8
    # Measured: 0.4 MiB for opening 34 GiB, 18 MiB for batches, most of them the order of its 2.3 million crops.
    assert psutil.Process().memory_info().rss - before < 32 * MIB + 2 * order
