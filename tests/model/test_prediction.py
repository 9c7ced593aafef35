"""Linear prediction and pitch taps: against their definitions, and against signals whose filter and pitch are known."""

import dataclasses
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg
import scipy.signal

from wavenet_jax.audio.features import LogMel
from wavenet_jax.config import ConditioningConfig, FeatureConfig, PredictionConfig, WaveNetConfig
from wavenet_jax.model import WaveNet, prediction
from wavenet_jax.model.heads import head_of
from wavenet_jax.model.prediction import Filter
from wavenet_jax.typing import Conditions

CONFIG = WaveNetConfig(
    levels=256,
    companding="linear",
    head="logistic_mixture",
    mixture_components=2,
    mixture_axis="linear",
    input="scalar",
    residual_channels=4,
    skip_channels=6,
    dilation_cycle=(1, 2),
    features=FeatureConfig(local_features=("mel", "f0"), hop_samples=200, window_samples=640),
    conditioning=ConditioningConfig(local_channels=3, upsampling="held"),
    prediction=PredictionConfig(linear_prediction=8, pitch_taps=5),
)
BEFORE, AFTER = CONFIG.conditioning.frames_before, CONFIG.conditioning.frames_after


@cache
def noise(resonance_hz: float = 1_000, radius: float = 0.95, seconds: float = 2) -> tuple[np.ndarray, np.ndarray]:
    """White noise of standard deviation 0.01 through one resonance, and the filter's two coefficients."""
    angle = 2 * np.pi * resonance_hz / CONFIG.sample_rate
    coefficients = np.array([2 * radius * np.cos(angle), -(radius**2)])
    white = 0.01 * np.random.default_rng(0).standard_normal(round(seconds * CONFIG.sample_rate))
    return scipy.signal.lfilter([1], [1, *-coefficients], white).astype(np.float32), coefficients


def frames_of(waveform: np.ndarray, pitch: float = 0.0, voiced: float = 0.0) -> np.ndarray:
    """Frames ``[1, before + F + after, C]`` of a waveform whose pitch is given."""
    mel = LogMel.of(CONFIG).whole(waveform)
    frames = np.concatenate([mel, np.full((len(mel), 1), pitch), np.full((len(mel), 1), voiced)], axis=1)
    return np.pad(frames, ((BEFORE, AFTER), (0, 0)), mode="edge")[None].astype(np.float32)


@cache
def filters_of_noise() -> Filter:
    return jax.jit(lambda frames: prediction.filters(CONFIG, frames))(frames_of(noise()[0]))


def test_coefficients_solve_the_normal_equations() -> None:
    random = np.random.default_rng(1)
    spectrum = random.uniform(0.1, 10, 40)
    autocorrelation = (spectrum[:, None] * np.cos(np.pi * np.outer(np.arange(40), np.arange(9)) / 40)).sum(axis=0)
    coefficients, power = prediction.levinson(jnp.asarray(autocorrelation[None], jnp.float32))
    expected = scipy.linalg.solve_toeplitz(autocorrelation[:-1], autocorrelation[1:])
    np.testing.assert_allclose(coefficients[0], expected, atol=1e-4)
    np.testing.assert_allclose(power[0], autocorrelation[0] - expected @ autocorrelation[1:], rtol=1e-4)


def test_the_filter_of_a_spectrum_is_the_one_that_shaped_it() -> None:
    """Of noise through a resonance it leaves about the noise, and says how loud that is."""
    waveform, expected = noise()
    filters = filters_of_noise()
    assert filters.coefficients.shape == (1, len(waveform) // 50, 8)
    coefficients = np.repeat(np.asarray(filters.coefficients)[0], 50, axis=0)
    predicted = sum(coefficients[8:, lag - 1] * waveform[8 - lag : -lag] for lag in range(1, 9))
    residual = waveform[8:] - predicted
    assert 0.0095 < residual.std() < 0.012 < 0.02 < waveform.std()
    assert 0.8 < (residual / np.repeat(np.asarray(filters.scale)[0], 50)[8:]).std() < 1.25
    poles = np.roots([1, *-coefficients.mean(axis=0)])
    assert np.abs(np.roots([1, *-expected])[0] - poles).min() < 0.05


def test_filters_of_a_piece_are_those_of_the_whole() -> None:
    frames = frames_of(noise()[0])
    piece = jax.jit(lambda frames: prediction.filters(CONFIG, frames))(frames[:, 7 : 7 + BEFORE + 3 + AFTER])
    for part, whole in zip(piece, filters_of_noise(), strict=True):
        np.testing.assert_allclose(part, whole[:, 4 * 7 : 4 * 10], atol=2e-4)


@pytest.mark.parametrize(("pitch", "voiced", "period"), [(0, 1, 267), (1, 1, 32), (0.5, 1, 92), (0.5, 0, 0)])
def test_periods_are_those_of_the_pitch(pitch: float, voiced: float, period: int) -> None:
    filters = prediction.filters(CONFIG, jnp.asarray(frames_of(noise(seconds=0.1)[0], pitch, voiced)))
    assert (np.asarray(filters.period) == period).all()


def test_taps_lie_around_one_period_back_and_are_silent_without_a_pitch() -> None:
    memory = prediction.memory_samples(CONFIG)
    lines = jnp.arange(memory + 10.0)[None, :, None]
    period = jnp.asarray([[100, 0, 267, 32] + [50] * 6])
    found = prediction._taps(CONFIG, lines, period)[0, :, :, 0]
    # Sample t of the chunk is number memory + t of the line; what is predicted follows it.
    for t, lag in ((0, 100), (2, 267), (3, 32), (9, 50)):
        np.testing.assert_array_equal(found[t], memory + t + 1 - lag + np.arange(-2, 3))
    np.testing.assert_array_equal(found[1], 0)


def test_the_distribution_moves_with_the_prediction_and_stays_one() -> None:
    head = head_of(CONFIG)
    outputs = jnp.tile(jnp.asarray(np.random.default_rng(2).standard_normal(head.outputs), jnp.float32), (5, 1))
    centre, log_unit = jnp.linspace(-0.5, 0.5, 5), jnp.linspace(-4.0, 0.0, 5)
    moved = head.moved(outputs, centre, log_unit)
    codes = jnp.broadcast_to(jnp.arange(256)[:, None], (256, 5))
    likely = jnp.exp(head.log_prob(jnp.broadcast_to(moved, (256, *moved.shape)), codes))
    np.testing.assert_allclose(likely.sum(axis=0), 1, atol=1e-4)
    values = (codes * (2 / 255) - 1)[:, :4]
    spread = jnp.sqrt((likely[:, :4] * (values - centre[None, :4]) ** 2).sum(axis=0))
    assert (jnp.diff(spread) > 0).all()
    np.testing.assert_allclose(head.moved(outputs, jnp.zeros(5), jnp.zeros(5)), outputs, atol=1e-6)


def test_noise_is_of_training_alone_and_as_loud_as_the_residual() -> None:
    loud = dataclasses.replace(
        CONFIG, levels=65_536, prediction=dataclasses.replace(CONFIG.prediction, input_noise=0.5)
    )
    filters = Filter(jnp.zeros((1, 4, 8)), jnp.asarray([[0.001, 0.01, 0.1, 0.2]]), jnp.zeros((1, 4), jnp.int32))
    codes = jnp.full((1, 4_000), 32_768)
    heard = prediction.noisy(loud, codes, filters, jax.random.key(0))
    steps = np.asarray(heard - codes).reshape(4, 1_000).std(axis=1) * 2 / 65_535
    np.testing.assert_allclose(steps, 0.5 * np.asarray(filters.scale)[0], rtol=0.1)

    model, frames = WaveNet(loud), frames_of(noise(seconds=0.05)[0])
    codes = jnp.full((1, 800), 32_768)
    params = model.init(jax.random.key(0), method="weights")["params"]
    outputs = [
        model.apply({"params": params}, codes, Conditions({}, frames), train=train, rngs={"dropout": jax.random.key(1)})
        for train in (False, True)
    ]
    np.testing.assert_array_equal(outputs[0], model.apply({"params": params}, codes, Conditions({}, frames)))
    assert (outputs[0] != outputs[1]).any()


def test_an_untrained_network_is_nearly_the_linear_prediction() -> None:
    """Its distribution lies around the prediction: what the filter knows need not be learned."""
    waveform, _ = noise()
    model, frames = WaveNet(CONFIG), frames_of(waveform)
    params = model.init(jax.random.key(0), method="weights")["params"]
    codes = np.round((waveform + 1) / 2 * 255).astype(np.int32)[None]
    inputs = np.pad(codes[:, :-1], ((0, 0), (1, 0)), constant_values=128)
    outputs = model.apply({"params": params}, jnp.asarray(inputs), Conditions({}, frames))
    _, means, _ = jnp.split(outputs, 3, axis=-1)
    left = np.asarray(means.mean(axis=-1))[0, 100:] - waveform[100:]
    assert left.std() < 0.6 * waveform.std()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixture_axis": "mu_law"}, "it needs companding=linear and mixture_axis=linear, got linear and mu_law"),
        ({"companding": "mu_law"}, "it needs companding=linear and mixture_axis=linear, got mu_law and linear"),
        (
            {"conditioning": ConditioningConfig(upsampling="nearest", lookbehind_frames=0)},
            "it needs lookbehind_frames and lookahead_frames of at least 1",
        ),
        ({"features": FeatureConfig(local_features=("mel",))}, "pitch_taps needs local_features=mel and f0"),
        ({"sample_rate": 1_600}, "pitch_taps=5 reach over the shortest pitch period of 3.2 samples"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CONFIG, **changes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pitch_taps": 3}, "pitch_taps needs linear_prediction above 0"),
        ({"input_noise": 0.1}, "input_noise needs linear_prediction above 0"),
        ({"linear_prediction": 4, "pitch_taps": 2}, "pitch_taps must be odd, or 0, got 2"),
    ],
)
def test_taps_and_noise_need_a_prediction(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PredictionConfig(**options)


def test_a_spectrum_too_steep_for_its_arithmetic_still_has_a_filter() -> None:
    coefficients, power = prediction.levinson(jnp.array([[1.0, 1.0001, 1.0], [1.0, 0.5, -0.99]]))
    assert np.isfinite(coefficients).all()
    assert (np.asarray(power) > 0).all()
