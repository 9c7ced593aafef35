"""From a clip through training, a checkpoint and the sampler: what comes out are the notes that went in."""

from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.signal import find_peaks

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import DataConfig, OptimizerConfig, RunConfig, TrainConfig, WaveNetConfig
from wavenet_jax.data import Source
from wavenet_jax.model import WaveNet
from wavenet_jax.runs import load
from wavenet_jax.sampling import Ancestral, begin, prepare_weights, stream
from wavenet_jax.training import train_events

RATE = 8_000
CHORD = (262.0, 330.0, 392.0)  # C major, in Hz
CONFIG = RunConfig(
    WaveNetConfig(
        sample_rate=RATE,
        residual_channels=32,
        skip_channels=64,
        dilation_cycle=(1, 2, 4, 8, 16, 32, 64, 128),
    ),
    DataConfig(batch_size=4, crop_samples=1_000),
    OptimizerConfig(learning_rate=3e-3, ema_decay=0.98),
    TrainConfig(num_steps=800, validate_every=800, save_every=800, overfit_one_clip=True),
)


class Chord(Source):
    """A data set of one clip: one second of three sines."""

    names = ("chord",)
    lengths = np.array([RATE])

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        times = np.arange(start, stop) / RATE
        return sum(0.25 * np.sin(2 * np.pi * frequency * times) for frequency in CHORD).astype(np.float32)


@pytest.mark.slow
def test_a_network_that_knows_one_chord_plays_it(tmp_path: Path) -> None:
    for _ in train_events(CONFIG, tmp_path, Chord(), Chord(), devices=jax.devices()[:1]):
        pass
    config, params, _ = load(tmp_path)
    model = WaveNet(config.model)
    session = begin(model, jax.random.key(0), 1)
    chunks = stream(model, prepare_weights(model, params), session, Ancestral(0.5), length=2 * RATE, chunk=2 * RATE)
    codes = np.concatenate([piece.codes[0] for piece in chunks])
    waveform = Grid.of(config.model).decode(codes)[RATE:]  # past the attack

    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(RATE)))
    peaks, _ = find_peaks(spectrum, distance=20)
    loudest = sorted(peaks[np.argsort(spectrum[peaks])[-3:]])  # bins are 1 Hz apart
    print(f"the spectrum peaks at {[int(bin_) for bin_ in loudest]} Hz; the chord is {CHORD}")
    np.testing.assert_allclose(loudest, CHORD, atol=4)
