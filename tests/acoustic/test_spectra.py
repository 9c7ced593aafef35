"""Spectra as they are spoken: as far apart as asked, at the power that they have."""

import dataclasses

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.acoustic.test_acoustic import CONFIG, HELLO, alignments, random_params, source, with_model
from wavenet_jax.acoustic import Speaker, TrainedAcoustic
from wavenet_jax.acoustic.data import AcousticClips, held_out_rows
from wavenet_jax.acoustic.features import feature_range
from wavenet_jax.acoustic.spectra import contrasted, shapes
from wavenet_jax.acoustic.training import AcousticTrainer
from wavenet_jax.audio.features import LogMel
from wavenet_jax.data import Describer
from wavenet_jax.training import make_mesh

MEL = arrays(np.float32, (1, 6, 4), elements=st.floats(-1, 1, width=32))
SPEECH = arrays(np.bool_, (1, 6))


@settings(deadline=None, max_examples=50)
@given(mel=MEL, speech=SPEECH, factor=st.floats(0, 4), log_power=st.floats(0.5, 20))
def test_shapes_are_scaled_in_speech_alone_and_power_stays(
    mel: np.ndarray, speech: np.ndarray, factor: float, log_power: float
) -> None:
    wider = np.asarray(contrasted(mel, speech.astype("f"), factor, log_power))
    np.testing.assert_array_equal(wider[~speech], mel[~speech])
    power, before = (np.logaddexp.reduce(log_power * x.astype(float), axis=2) for x in (wider, mel))
    np.testing.assert_allclose(power, before, atol=1e-3)
    heard, whole = mel[0][speech[0]].astype(float), wider[0][speech[0]].astype(float)
    if len(heard):
        shape = heard - heard.mean(axis=0)
        shape -= shape.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(np.asarray(shapes(mel, speech.astype("f")))[0][speech[0]], shape, atol=1e-5)
        flat = (whole - heard) - (whole - heard).mean(axis=1, keepdims=True)  # but for the level of each frame
        np.testing.assert_allclose(flat, (factor - 1) * shape, atol=1e-4)


@pytest.mark.parametrize(
    "features",
    [
        {"mel_normalization": "range", "mel_power": 1.0},
        {"mel_normalization": "none", "mel_power": 2.0, "mel_log": "decibel"},
    ],
)
def test_a_sentence_is_spoken_with_more_contrast_as_loud_as_before(features: dict) -> None:
    config = dataclasses.replace(CONFIG, features=dataclasses.replace(CONFIG.features, **features))
    params = jax.tree.map(lambda leaf: 0.3 * leaf, random_params(config))
    layout, measure = feature_range(config), LogMel.of(config.measured)

    def frames(**options: float) -> np.ndarray:
        return Speaker(TrainedAcoustic(with_model(config, **options), params, 0))(HELLO)

    plain, sharp = frames(), frames(spectral_contrast=1.5)
    powers = [measure.linear(f[:, layout.mel]) ** (2 / measure.features.mel_power) for f in (plain, sharp)]
    np.testing.assert_allclose(*(power.sum(axis=1) for power in powers), rtol=1e-3)
    differ = np.abs(layout.split(sharp)[0] - layout.split(plain)[0]).max(axis=1)
    assert (differ > 1e-3).any()
    assert (differ == 0).any()  # pauses
    np.testing.assert_array_equal(sharp[:, layout.mel.stop :], plain[:, layout.mel.stop :])  # pitch and voicing


@pytest.mark.parametrize("flow_channels", [8, 0])
def test_contrast_is_compared_with_that_of_recordings(flow_channels: int) -> None:
    config = with_model(flow_channels=flow_channels, flow_temperature=0)
    clips = source(1)
    described = AcousticClips(config, clips, alignments(clips).clips, Describer(config.model, clips))
    (rows,) = held_out_rows(config, described)
    params = random_params(config)
    trainer = AcousticTrainer(config, make_mesh(jax.devices()[:1]))
    said, heard = trainer.judge(params, rows)["spectral_contrast_ratio"]
    clip = described.clip(0)
    followed = Speaker(TrainedAcoustic(config, params, 0)).follow(clip)
    speech = np.repeat(clip.symbols.kinds[:, 0] > 1, clip.lengths)[None].astype("f")
    for frames, found in ((followed, said), (clip.frames, heard)):
        mel = feature_range(config).split(frames[None])[0]
        np.testing.assert_allclose(found, (np.asarray(shapes(mel, speech)) ** 2).sum(), rtol=1e-3)
