"""Spectra as sharp as measured ones: a flow from noise to what a mean leaves out.

A mean absolute error learns averages, and averages of spectra are smooth. What a measured frame has beyond the average
is drawn: noise is carried along a velocity field, which a network has learned by flow matching on straight paths
(Lipman et al. 2023; Matcha-TTS, Mehta et al. 2024). The network is conditioned on the average, the layer it comes
from, and where the harmonics of the pitch lie. Shapes: F frames, M mel bands, C channels of the condition.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.acoustic.config import AcousticRunConfig
from wavenet_jax.acoustic.layers import Conv
from wavenet_jax.arithmetic import round_up
from wavenet_jax.audio.features import LogMel
from wavenet_jax.typing import Array, Key

UNIT = 0.15
"""About the spread of what the average leaves out, of a range from -1 to 1: the flow works in units of it."""

_PIECE = 200
"""Frames that share a time of the flow in training: more times in a batch are a steadier gradient."""

_WAVES = 32

_BAND_REACHES = ((0.5, 0.5), (0.3, 0.06), (0.2, 0.015))
_REACH_SECONDS = 0.035
"""Correlations of what averages leave out of speech, sums of exponentials: shares, and reaches in parts of all bands;
and the reach in time."""


class Harmonics(NamedTuple):
    """Where the harmonics of a pitch lie among the mel bands."""

    centres: np.ndarray  # [M] Hz
    widths: np.ndarray  # [M] Hz, half of a band's triangle
    low: float
    high: float

    @classmethod
    def of(cls, config: AcousticRunConfig) -> "Harmonics":
        """Returns those of the features of a config."""
        features = config.features
        corners = LogMel(config.acoustic.sample_rate, features).corners
        return cls(corners[1:-1], (corners[2:] - corners[:-2]) / 2, features.f0_low_hz, features.f0_high_hz)

    def __call__(self, pitch: Any, voiced: Any) -> Array:
        """Describes the pitch: ``[..., F]`` to ``[..., F, M + 2]``, zeros where there is none.

        The columns are, of each band, the mean of a cosine that peaks at the harmonics, over a triangle; then 1, and
        the pitch itself.

        Args:
          pitch: from 0 to 1, as ``wavenet_jax.conditions`` has it.
          voiced: 1 where there is one.
        """
        hz = (self.low * (self.high / self.low) ** pitch)[..., None]
        centres, widths = (hertz.reshape((1,) * (hz.ndim - 1) + (-1,)) for hertz in (self.centres, self.widths))
        wave = jnp.cos(2 * np.pi * centres / hz) * jnp.sinc(widths / hz) ** 2
        return jnp.concatenate([wave, jnp.ones_like(hz), pitch[..., None]], axis=-1) * voiced[..., None]


class Noise(NamedTuple):
    """Noise that is as alike from band to band, and from frame to frame, as what averages leave out.

    Paths from it to spectra are shorter than from white noise, and what the flow has not learned yet is no hiss (as the
    prior of PriorGrad, Lee et al. 2022, but of correlations).
    """

    mixing: np.ndarray  # [M, M]
    taps: np.ndarray  # [K]: of a filter over frames

    @classmethod
    def of(cls, config: AcousticRunConfig) -> "Noise":
        """Returns that of the features of a config."""
        apart = np.abs(np.subtract.outer(*[np.arange(config.features.mel_channels)] * 2)) / config.features.mel_channels
        alike = sum(share * np.exp(-apart / reach) for share, reach in _BAND_REACHES)
        decay = np.exp(-config.hop_seconds / _REACH_SECONDS)
        taps = decay ** np.arange(1 + int(3 * _REACH_SECONDS / config.hop_seconds))
        return cls(np.linalg.cholesky(alike).astype(np.float32), (taps / np.linalg.norm(taps)).astype(np.float32))

    @property
    def before(self) -> int:
        """White frames that are taken before the first one."""
        return len(self.taps) - 1

    def __call__(self, white: Array) -> Array:
        """Colours white noise of variance 1, which the result has, too: ``[..., before + F, M]`` to ``[..., F, M]``."""
        count = white.shape[-2] - self.before
        parts = [tap * white[..., self.before - k : self.before - k + count, :] for k, tap in enumerate(self.taps)]
        return sum(parts[1:], parts[0]) @ self.mixing.T


class Flow(nn.Module):
    """The velocity of each frame: dilated residual convolutions, scaled and shifted by the time."""

    channels: int
    dilations: tuple[int, ...]
    dropout: float

    @nn.compact
    def __call__(self, x: Array, time: Array, condition: Array, present: Array, train: bool) -> Array:
        """Returns velocities in units of ``UNIT``.

        Args:
          x: where the flow is, ``[B, F, M]``.
          time: from 0, noise, to 1, ``[B]``.
          condition: the condition of each frame, ``[B, F, C]``.
          present: 1 for frames that there are, ``[B, F, 1]``.
          train: drops channels.
        """
        angles = time[:, None] * (np.pi * np.geomspace(0.5, 100, _WAVES, dtype=np.float32))[None]
        clock = nn.gelu(nn.Dense(2 * _WAVES)(jnp.concatenate([jnp.sin(angles), jnp.cos(angles)], axis=-1)))
        y = nn.Dense(self.channels)(jnp.concatenate([x, condition], axis=-1))
        for dilation in self.dilations:
            scale, shift = jnp.split(nn.Dense(2 * self.channels)(clock)[:, None], 2, axis=-1)
            z = nn.gelu(nn.LayerNorm(use_bias=False, use_scale=False)(y) * (1 + scale) + shift)
            z = nn.Dropout(self.dropout, broadcast_dims=(1,), deterministic=not train)(z)
            y = y + Conv(self.channels, 3, dilation)(z * present)
        return nn.Dense(x.shape[-1], kernel_init=nn.initializers.zeros)(nn.gelu(nn.LayerNorm()(y)))


Velocity = Callable[[Array, Array, Array, Array], Array]
"""``x [B, F, M], time [B], condition [B, F, C], present [B, F, 1] -> [B, F, M]``."""


def flow_error(velocity: Velocity, noise: Noise, rest: Array, condition: Array, mask: Array, key: Key) -> Array:
    """Returns the squared error of velocities on straight paths, one mean over bands for each frame: ``[B, F]``.

    Args:
      velocity: the network.
      noise: where paths begin.
      rest: measured frames less their averages, ``[B, F, M]``.
      condition: ``[B, F, C]``.
      mask: 1 for frames that there are, ``[B, F]``; others get 0.
      key: of the noise and of the times, which are spread evenly over the pieces of a batch.
    """
    rows, frames, bands = rest.shape
    more = round_up(frames, _PIECE) - frames

    def cut(array: Array) -> Array:
        return jnp.pad(array, ((0, 0), (0, more), (0, 0))).reshape(-1, _PIECE, array.shape[-1])

    end, condition, present = cut(rest / UNIT), cut(condition), cut(mask[:, :, None])
    noise_key, time_key, order_key = jax.random.split(key, 3)
    count = len(end)
    time = (jax.random.permutation(order_key, count) + jax.random.uniform(time_key, (count,))) / count
    start = noise(jax.random.normal(noise_key, (count, noise.before + _PIECE, bands)))
    share = time[:, None, None]
    found = velocity(start + share * (end - start), time, condition, present)
    error = ((found - (end - start)) ** 2).mean(axis=-1) * present[:, :, 0]
    return error.reshape(rows, -1)[:, :frames]


def flowed(velocity: Velocity, start: Array, condition: Array, present: Array, steps: int) -> Array:
    """Carries noise along the flow by the midpoint rule: ``[B, F, M]`` to what is added to the averages.

    Args:
      velocity: the network.
      start: noise, times the temperature.
      condition: ``[B, F, C]``.
      present: ``[B, F, 1]``.
      steps: each takes two velocities.
    """

    def step(x: Array, begin: Array) -> tuple[Array, None]:
        def at(x: Array, time: Array) -> Array:
            return velocity(x, jnp.broadcast_to(time, x.shape[:1]), condition, present)

        middle = x + at(x, begin) * (0.5 / steps)
        return x + at(middle, begin + 0.5 / steps) / steps, None

    return jax.lax.scan(step, start, jnp.arange(steps) / steps)[0] * UNIT
