"""Small data sets, and a cache of its own for every test."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from wavenet_jax.config import DataConfig, WaveNetConfig

RATE = 16_000


@pytest.fixture(autouse=True)
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cache goes; never the user's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache-home"))
    return tmp_path / "cache-home" / "wavenet_jax"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for recordings."""
    path = tmp_path / "recordings"
    path.mkdir()
    return path


@pytest.fixture
def model() -> WaveNetConfig:
    """16 kHz, and a receptive field of 16 samples."""
    return WaveNetConfig(sample_rate=RATE, dilation_cycle=(1, 2, 4, 8))


@pytest.fixture
def data(folder: Path) -> Callable[..., DataConfig]:
    """Makes a config that reads ``folder``, all of it for training."""
    return lambda **options: DataConfig(**{"data_dir": (str(folder),), "validation_fraction": 0.0} | options)


@pytest.fixture
def record(folder: Path) -> Callable[..., np.ndarray]:
    """Writes a file of noise, and returns what a 16-bit file of it holds: float ``[T]``."""

    def write(name: str, samples: int = 1_000, *, rate: int = RATE, level: float = 0.3, **form: str) -> np.ndarray:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn = np.random.default_rng(len(name) + samples).uniform(-level, level, samples)
        waveform = np.round(drawn * 32_768) / 32_768
        soundfile.write(path, waveform, rate, **form)
        return waveform

    return write
