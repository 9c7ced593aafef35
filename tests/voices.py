"""An untrained voice of a few weights, for tests that only need one to speak."""

import dataclasses
from pathlib import Path

import jax

import wavenet_jax
from tests.acoustic.test_acoustic import CONFIG
from wavenet_jax.acoustic import TrainedAcoustic
from wavenet_jax.acoustic.model import AcousticModel
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.model import WaveNet
from wavenet_jax.runs import Trained
from wavenet_jax.text import Lexicon
from wavenet_jax.voice import Voice


def small_voice(classes: tuple[str, ...] = ()) -> Voice:
    """A voice at 8 kHz, of some classes, that says noise, and pronounces hello in its own way."""
    model = WaveNetConfig(
        sample_rate=8_000, features=CONFIG.features, dilation_cycle=(1, 2), residual_channels=4, skip_channels=8
    )
    key = jax.random.key(0)
    params = jax.device_get(WaveNet(model).init(key, method="weights")["params"])
    run = wavenet_jax.Run(RunConfig(model=model), Path("vocoder"), Trained(RunConfig(model=model), params, 1))
    config = dataclasses.replace(CONFIG.acoustic, condition_on_classes=bool(classes), classes=classes)
    acoustic = AcousticModel(config, CONFIG.bands)
    own = {"hello": ("HH", "AH0", "L", "OW1")}
    params = jax.device_get(acoustic.init(key, method="weights")["params"])
    trained = TrainedAcoustic(dataclasses.replace(CONFIG, acoustic=config), params, 1)
    return Voice(trained, run, Lexicon(own), "# Somebody\n")
