"""Linear prediction and pitch taps: a prediction of each sample from features and the past, refined by the network.

A voice is an excitation that a filter shapes. The filter's coefficients follow from the log-mel spectrum of a frame, so
that the network only has to model the residual (LPCNet, Valin and Skoglund 2019; LP-WaveNet,
Hwang et al. 2018). The residual one pitch period ago predicts it best (QPNet, Wu et al. 2019). Inputs of the network
are the prediction, the residual, and both signals around one period back; a head with a location and a scale is shifted
to the prediction, and its scale is in units of the residual.

Networks without log-mel features compute their filters from the past: see ``wavenet_jax.model.adaptation``.

Sizes in the shapes: P is ``linear_prediction``, the order; V is ``pitch_taps``; H the samples back that
both reach; a filter holds for n samples, ``predicted_samples`` of the config, or 1.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.audio.features import LogMel
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model.draws import along
from wavenet_jax.model.heads import Head
from wavenet_jax.model.input import codes_of, waveform_of
from wavenet_jax.model.ops import arcsinh, linear, total
from wavenet_jax.model.parameters import Projections
from wavenet_jax.typing import Array, Key

_BINS = 256
"""Steps of the spectrum that autocorrelations are computed from, between 0 Hz and half the sample rate."""
_LAG_WINDOW_HZ = 20.0
"""Bandwidth that is added to the filter's resonances, so that none rings longer than a frame justifies."""
_WHITE_NOISE = 1e-5
"""Fraction of the power added as white noise: bounds the gain of a filter, and rounding errors with it."""
NOISE_FLOOR = 0.5 / 32_768
"""Amplitude of the white noise that is added everywhere: half a step of 16 bits."""

_NEIGHBOURS = (slice(None, -2), slice(1, -1), slice(2, None))
"""Previous, own and next frames, of frames with one more on each side."""


class Filter(NamedTuple):
    """The linear prediction of samples, a few of them for each filter."""

    coefficients: Array  # [B, T / n, P]: for the newest sample first
    scale: Array  # [B, T / n]: the residual's standard deviation, full scale being 1
    period: Array  # [B, T / n] int32: samples of a pitch period, 0 where unvoiced

    def at(self, samples: Any) -> "Filter":
        """Returns the filters of a slice, or of one by its number."""
        return Filter(*(rows[:, samples] for rows in self))

    def each(self, samples: int) -> "Filter":
        """Returns the filters of single samples, each repeated."""
        return Filter(*(jnp.repeat(rows, samples, axis=1) for rows in self))


class PredictionWeights(NamedTuple):
    """The projection of prediction, residual and taps into the residual stream."""

    kernel: Array  # [3 + 2 V, R]


class PredictionState(NamedTuple):
    """The past that predictions and pitch taps use; zeros before the signal."""

    signal: Array  # [B, H]: the newest samples, the newest last
    residual: Array  # [B, H]: their residuals
    predicted: Array  # [B]: the prediction of the sample that comes next


class Prediction(NamedTuple):
    """The predictions of the samples that follow each of T."""

    inputs: Array  # [B, T, R]: for the residual stream
    centre: Array  # [B, T]: the prediction
    log_scale: Array  # [B, T]: natural logarithm of the residual's standard deviation
    residuals: Array  # [B, T, P + V]: the residuals that the centre can follow, in units of the scale


class PredictionInput(Projections):
    """Owns the projection into the residual stream."""

    @nn.compact
    def weights(self) -> PredictionWeights:
        """Returns the prepared weights."""
        inputs = 3 + 2 * self.config.prediction.pitch_taps
        return PredictionWeights(self.kernel("kernel", (inputs, self.config.residual_channels), fan_in=(0,)))


def is_on(config: WaveNetConfig) -> bool:
    """Returns whether the network has linear prediction."""
    return config.prediction.linear_prediction > 0


def moves(config: WaveNetConfig, head: Head) -> bool:
    """Returns whether predictions move the head's distribution."""
    return is_on(config) and head.moves


def gains(config: WaveNetConfig) -> int:
    """Counts the outputs of the network that weight residuals, in addition to the head's."""
    return config.prediction.linear_prediction + config.prediction.pitch_taps


def oldest_residuals(config: WaveNetConfig) -> tuple[int, int]:
    """Returns the lags of the oldest residuals that the network takes as input and that move the centre; 1: newest."""
    return memory_samples(config) if config.prediction.pitch_taps else 1, memory_samples(config)


def memory_samples(config: WaveNetConfig) -> int:
    """Returns H: the samples back that predictions and pitch taps reach."""
    taps, order = config.prediction.pitch_taps, config.prediction.linear_prediction
    return max(order, config.longest_period + taps // 2 if taps else 0)


def multiply_adds(config: WaveNetConfig) -> float:
    """Multiply-adds per sample; the coefficients of a filter count by their share."""
    order, taps = config.prediction.linear_prediction, config.prediction.pitch_taps
    filters = _BINS * (order + 1) + order**2 if config.has_log_mel else 0
    return order + (3 + 2 * taps) * config.residual_channels + order + taps + filters / config.predicted_samples


def init_state(config: WaveNetConfig, batch_size: int) -> PredictionState:
    """Returns the state before the first sample."""
    shape = (batch_size, memory_samples(config))
    return PredictionState(jnp.zeros(shape), jnp.zeros(shape), jnp.zeros((batch_size,)))


def filters(config: WaveNetConfig, frames: Array) -> Filter:
    """Computes the filters of F frames, without any parameter: ``[B, before + F + after, C]``, with n of the config.

    Spectra are interpolated linearly between the middles of frames, and so is the logarithm of the pitch.
    """
    before, after = config.conditioning.frames_before, config.conditioning.frames_after
    near = frames[:, before - 1 : frames.shape[1] - after + 1].astype(jnp.float32)
    amplitudes = _amplitudes(config, near)
    autocorrelation = _autocorrelation(config, _between(config, *(amplitudes[:, side] for side in _NEIGHBOURS)))
    coefficients, error = levinson(autocorrelation)
    period = jnp.zeros(error.shape, jnp.int32)
    if config.prediction.pitch_taps:
        period = _periods(config, near)
    return Filter(coefficients, jnp.sqrt(error), period)


def extend(
    config: WaveNetConfig,
    weights: PredictionWeights,
    state: PredictionState,
    codes: Array,
    filters: Filter,
    valid: Array | int | None = None,
) -> tuple[Prediction, PredictionState]:
    """Predicts what follows each sample of a chunk, ``[B, T]``, and returns the state after its first ``valid``.

    The filters are for the samples that follow, one each or one for ``predicted_samples``; ``valid`` defaults to
    all.
    """
    length, memory, order = codes.shape[1], memory_samples(config), config.prediction.linear_prediction
    units, period, filters = filters.scale, filters.period, filters.each(length // filters.scale.shape[1])
    samples = waveform_of(config, codes)
    signal = jnp.concatenate([state.signal, samples], axis=1)

    def lagged(line: Array, lag: int) -> Array:
        return line[:, memory - lag + 1 : memory - lag + 1 + length]

    predicted = total([filters.coefficients[..., lag - 1] * lagged(signal, lag) for lag in range(1, order + 1)])
    predictions = jnp.concatenate([state.predicted[:, None], predicted], axis=1)
    residual = jnp.concatenate([state.residual, samples - predictions[:, :-1]], axis=1)

    def in_units(lines: Array) -> Array:
        # Filter by filter: where it looks up the unit of each number, XLA on CPUs computes one after the other.
        return (lines.reshape(*units.shape, -1) * (1 / units)[..., None]).reshape(lines.shape)

    def projected(lines: Array, first: int) -> Array:
        kernel = weights.kernel[first : first + lines.shape[-1]]
        return linear(arcsinh(in_units(lines)).astype(kernel.dtype), kernel)

    # One by one: putting lines together costs XLA on CPUs more than all that it does with them.
    now = (samples, predicted, residual[:, memory:])
    inputs = total([projected(line[..., None], index) for index, line in enumerate(now)])
    places = jnp.arange(length)[:, None] + (memory - np.arange(order))[None]  # of the newest residual first
    residuals = residual.at[:, places].get(mode="promise_in_bounds")
    if config.prediction.pitch_taps:
        ago = _taps(config, jnp.stack([signal, residual], axis=-1), period)
        inputs = inputs + projected(ago.reshape(*ago.shape[:2], -1), len(now))
        residuals = jnp.concatenate([residuals, ago[..., 1]], axis=-1)
    count = length if valid is None else valid
    after = PredictionState(
        signal=jax.lax.dynamic_slice_in_dim(signal, count, memory, axis=1),
        residual=jax.lax.dynamic_slice_in_dim(residual, count, memory, axis=1),
        predicted=jax.lax.dynamic_index_in_dim(predictions, count, axis=1, keepdims=False),
    )
    return Prediction(inputs, predicted, jnp.log(filters.scale), in_units(residuals)), after


def step(
    config: WaveNetConfig, weights: PredictionWeights, state: PredictionState, codes: Array, filters: Filter
) -> tuple[Prediction, PredictionState]:
    """Predicts what follows one sample, ``[B]``, with the filters of one sample, ``[B, ...]``."""
    predicted, state = extend(config, weights, state, codes[:, None], Filter(*(rows[:, None] for rows in filters)))
    return Prediction(*(rows[:, 0] for rows in predicted)), state


def moved(config: WaveNetConfig, head: Head, outputs: Array, predicted: Prediction) -> Array:
    """Shifts the head's distribution to the prediction, if it has a location: ``[..., O + gains] -> [..., O]``.

    The centre is the prediction plus a sum of the newest residuals and of those around one pitch period ago, weighted
    by the tanh of the last outputs.
    """
    if not head.moves:
        return outputs
    outputs, weighing = jnp.split(outputs, [head.outputs], axis=-1)
    follows = (jnp.tanh(weighing) * predicted.residuals).sum(axis=-1)
    return head.moved(outputs, predicted.centre + jnp.exp(predicted.log_scale) * follows, predicted.log_scale)


def noisy(config: WaveNetConfig, codes: Array, filters: Filter, key: Key) -> Array:
    """Adds normally distributed ``input_noise``, in units of the residual, to codes ``[B, T]``."""
    scale = filters.each(codes.shape[1] // filters.scale.shape[1]).scale
    noise = config.prediction.input_noise * scale * jax.random.normal(key, codes.shape)
    return codes_of(config, waveform_of(config, codes) + noise)


def _amplitudes(config: WaveNetConfig, frames: Array) -> Array:
    """Computes the mean amplitude of the spectrum under each band: ``[..., C] -> [..., M]``, full scale being 1."""
    measure = LogMel.of(config)
    unit, offset = measure.log_scale
    weight = measure.filterbank.sum(axis=1) * np.sum(measure.window**2) ** (config.features.mel_power / 2)
    log_weight = along(jnp.asarray(np.log(weight), jnp.float32), frames[..., 0])
    logs = (frames[..., config.features.columns("mel")] - offset) * unit - log_weight
    return jnp.exp(logs / config.features.mel_power)


def _between(config: WaveNetConfig, before: Array, own: Array, after: Array) -> Array:
    """Interpolates linearly between the middles of frames and those before and after: ``[B, F, C]`` each.

    To ``[B, F * hop / n, C]``.
    """
    pieces = config.hop // config.predicted_samples
    places = (np.arange(pieces) + 0.5) / pieces - 0.5  # in frames, from the middle of a frame
    early, late = (np.maximum(side * places, 0).astype(np.float32).reshape(1, 1, pieces, 1) for side in (-1, 1))
    before, own, after = (frames[:, :, None] for frames in (before, own, after))
    mixed = own + early * (before - own) + late * (after - own)
    return mixed.reshape(own.shape[0], -1, own.shape[-1])


def _autocorrelation(config: WaveNetConfig, amplitudes: Array) -> Array:
    """Computes autocorrelations from amplitudes of bands: ``[..., M] -> [..., P + 1]``."""
    bins, lags = np.linspace(0, config.sample_rate / 2, _BINS + 1), np.arange(config.prediction.linear_prediction + 1)
    centres = LogMel.of(config).corners[1:-1]
    place = np.interp(bins, centres, np.arange(len(centres)))
    spread = np.maximum(0, 1 - np.abs(place[None] - np.arange(len(centres))[:, None]))  # [M, bins]
    inner = np.ones(_BINS + 1)
    inner[[0, -1]] = 0.5
    cosines = np.cos(np.pi * np.outer(np.arange(_BINS + 1), lags) / _BINS) * inner[:, None] / _BINS
    window = np.exp(-0.5 * (2 * np.pi * _LAG_WINDOW_HZ * lags / config.sample_rate) ** 2)
    window[0] += _WHITE_NOISE
    exact = jax.lax.Precision.HIGHEST  # an error in an autocorrelation is far greater in the coefficients
    power = jnp.square(jnp.matmul(amplitudes, jnp.asarray(spread, jnp.float32), precision=exact))
    correlation = jnp.matmul(power, jnp.asarray(cosines * window, jnp.float32), precision=exact)
    floor = jnp.where(jnp.asarray(lags) == 0, NOISE_FLOOR**2, 0)
    return correlation + along(floor, correlation[..., 0])


def levinson(autocorrelation: Array) -> tuple[Array, Array]:
    """Solves for the coefficients of the best linear prediction (Levinson 1946, Durbin 1960).

    ``[..., P + 1]`` to the coefficients ``[..., P]`` and the power of the residual ``[...]``.
    """
    power, *lags = jnp.moveaxis(autocorrelation, -1, 0)
    coefficients: list[Array] = []
    for order, lag in enumerate(lags):
        expected = total([np.float32(0) * lag, *(c * lags[order - 1 - k] for k, c in enumerate(coefficients))])
        reflection = (lag - expected) / power
        # Rounding of a spectrum as steep as no recording's can leave nothing to predict: this order adds nothing then.
        reflection = jnp.where(jnp.abs(reflection) < 1, reflection, 0)
        coefficients = [
            *(c - reflection * back for c, back in zip(coefficients, coefficients[::-1], strict=True)),
            reflection,
        ]
        power = power * (1 - jnp.square(reflection))
    return jnp.stack(coefficients, axis=-1), power


def _periods(config: WaveNetConfig, frames: Array) -> Array:
    """Computes pitch periods in samples, 0 where unvoiced: ``[B, 1 + F + 1, C]`` to ``[B, F * hop / n]`` int32."""
    features = config.features
    pitch, voicing = jnp.split(frames[..., features.columns("f0")], 2, axis=-1)
    before, own, after = (pitch[:, side] for side in _NEIGHBOURS)
    voiced_before, voiced, voiced_after = (voicing[:, side] > 0.5 for side in _NEIGHBOURS)
    # Unvoiced neighbours do not enter the interpolation.
    between = _between(config, jnp.where(voiced_before, before, own), own, jnp.where(voiced_after, after, own))
    low, high = features.f0_low_hz, features.f0_high_hz
    hertz = low * jnp.exp(jnp.clip(between, 0, 1) * np.log(high / low).astype(np.float32))
    period = jnp.minimum(jnp.round(config.sample_rate / hertz).astype(jnp.int32), config.longest_period)
    return jnp.where(jnp.repeat(voiced, config.hop // config.predicted_samples, axis=1), period, 0)[..., 0]


def _taps(config: WaveNetConfig, lines: Array, period: Array) -> Array:
    """Takes the samples around one period ago: ``[B, H + T, C], [B, T / n] -> [B, T, V, C]``; zeros where unvoiced."""
    taps, length, channels = config.prediction.pitch_taps, lines.shape[1] - memory_samples(config), lines.shape[-1]
    reach = np.arange(taps) - taps // 2
    # Sample t of the chunk is at H + t; what follows it is one further.
    newest = np.arange(length)[:, None] + (memory_samples(config) + 1) + reach[None]
    places = newest.reshape(1, period.shape[1], -1) - jnp.maximum(period, taps)[..., None]
    places = places.reshape(places.shape[0], -1, 1, 1)
    found = jnp.take_along_axis(lines[:, :, None], places, axis=1, mode="promise_in_bounds")
    found = jnp.where(period[..., None] > 0, found.reshape(*period.shape, -1), 0)
    return found.reshape(-1, length, taps, channels)
