"""The demonstration: sounds, one picture, and a run, from one command."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import wavenet_jax
from experiments import demo
from tests.acoustic.test_acoustic import CONFIG
from tests.experiments.conftest import Call
from tests.voices import small_voice
from wavenet_jax.audio.files import read_audio
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.model import WaveNet
from wavenet_jax.runs import Trained

pytestmark = pytest.mark.slow


def test_it_speaks_copies_trains_and_says_what_comes_next(call: Call, tmp_path: Path) -> None:
    small_voice().save(tmp_path / "voice")
    folder = tmp_path / "demo"
    arguments = [f"--output={folder}", f"--voice={tmp_path / 'voice'}", "--text=Hello. You?", "--preset=tiny"]
    ended = call(demo.main, *arguments, f"--data_dir={Path(demo.__file__).parents[1] / 'examples' / 'speech'}")
    assert ended.code == 0, ended.err
    sounds = json.loads(ended.out.splitlines()[-1])["sounds"]
    assert [Path(sound).name for sound in sounds] == ["said.wav", "recording.wav", "copy.wav", "trained.wav"]
    assert len(read_audio(sounds[1], 8_000)) == len(read_audio(sounds[2], 8_000))
    with Image.open(folder / "demo.png") as picture:
        assert min(picture.size) > 600
    assert "bits per sample of held-out audio; without one: uniform" in ended.err
    assert "wavenet say" in ended.err
    refused = call(demo.main, *arguments)
    assert refused.code == 1
    assert "exists; choose another --output, or replace it with --overwrite" in refused.err

    # Without time to learn, nothing is played that is only noise; a recording may be named.
    ended = call(demo.main, *arguments, "--overwrite", "--train_seconds=0.001", f"--clip={sounds[0]}")
    assert ended.code == 0, ended.err
    assert "there was time for 1 steps only" in ended.err
    assert not (folder / "trained.wav").exists()


def test_a_vocoder_without_pitch_copies_too(tmp_path: Path) -> None:
    features = dataclasses.replace(CONFIG.features, local_features=("mel",))
    model = WaveNetConfig(
        sample_rate=8_000, features=features, dilation_cycle=(1, 2), residual_channels=4, skip_channels=8
    )
    params = jax.device_get(WaveNet(model).init(jax.random.key(0), method="weights")["params"])
    vocoder = wavenet_jax.Run(RunConfig(model=model), tmp_path, Trained(RunConfig(model=model), params, 1))
    clip = tmp_path / "clip.wav"
    write_wav(str(clip), np.sin(np.arange(4_000, dtype=np.float32)) / 4, 8_000)
    copied = demo._copied(vocoder, str(clip), np.zeros(0, np.float32))
    assert len(copied["copy"]) == len(copied["recording"])
