"""The conditioner: conditions of streams and frames into what the gates of the stack add (WaveNet §2.5)."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.conditions import stream_conditions
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import prediction
from wavenet_jax.model.ops import linear, total
from wavenet_jax.model.parameters import Projections
from wavenet_jax.model.stack import GateInputs
from wavenet_jax.typing import Array, Conditions


class ConditionerWeights(NamedTuple):
    """Parameters that turn conditions into gate inputs."""

    streams: dict[str, Any]  # of each stream condition, as its class makes and embeds them
    frames: tuple[Array, ...]  # of [taps, features or D, D]: convolutions over frames; none without features
    frames_bias: tuple[Array, ...]  # of [D]
    upsampling: tuple[Array, ...]  # of [D, 2 * stride, D], one for each transposed convolution, or of smoothing filters


def embed_conditions(
    config: WaveNetConfig, weights: ConditionerWeights, conditions: Conditions, present: Array | None = None
) -> GateInputs:
    """Turns conditions into gate inputs: ``stream [B, C]``, ``time [B, F * hop / held, D]`` and filters, if any.

    ``held`` is that of the config; ``at_samples`` brings all to the tempo of samples. ``present [B]`` bool says which
    streams have any conditions at all (default: all); filters stay.

    Raises:
      ValueError: a condition of the network is missing.
    """
    stream = time = filters = None
    kinds = stream_conditions(config)
    for name in kinds:
        if name not in conditions.streams:
            raise ValueError(f"the network is conditioned on {name!r}, which the conditions lack")
    if config.is_local and conditions.frames is None:
        raise ValueError("the network is conditioned on features of frames, which the conditions lack")
    if kinds:
        parts = [kind.embed(weights.streams[name], conditions.streams[name]) for name, kind in kinds.items()]
        stream = total(parts)
    if config.is_local:
        time = upsampled(config, weights, conditions.frames)
        if prediction.is_on(config) and config.has_log_mel:
            filters = prediction.filters(config, jnp.asarray(conditions.frames))
    if present is not None:
        stream = None if stream is None else jnp.where(present[:, None], stream, 0)
        time = None if time is None else jnp.where(present[:, None, None], time, 0)
    return GateInputs(stream, time, filters)


def at_samples(config: WaveNetConfig, gate_inputs: GateInputs, length: int | None = None) -> GateInputs:
    """Brings what ``embed_conditions`` gives to the tempo of samples, and cuts it to ``length`` of them; None: all."""
    time, filters = gate_inputs.time, gate_inputs.filters
    if time is not None:
        time = jnp.repeat(time, config.held, axis=1)[:, :length]
    if filters is not None:
        filters = filters.each(config.predicted_samples).at(slice(length))
    return GateInputs(gate_inputs.stream, time, filters)


def upsampled(config: WaveNetConfig, weights: ConditionerWeights, frames: Array) -> Array:
    """Brings features of frames to the tempo of samples, or near: ``[B, before + F + after, features]``.

    To ``[B, F * hop / held, D]``.

    ``before`` and ``after`` are ``frames_before`` and ``frames_after`` of the config: every sample of the F frames is
    computed from the same neighbourhood, wherever a piece of a signal is cut.
    """
    options, steps = config.conditioning, config.hop // config.held
    x = frames.astype(weights.frames[0].dtype)
    for layer, (kernels, bias) in enumerate(zip(weights.frames, weights.frames_bias, strict=True)):
        x = jax.nn.relu(x) if layer else x
        count = x.shape[1] - options.lookbehind_frames - options.lookahead_frames
        taps = [
            linear(x[:, tap : tap + count], kernel, bias if tap == 0 else None) for tap, kernel in enumerate(kernels)
        ]
        x = total(taps)
    if options.upsampling == "nearest":
        x = jnp.repeat(x, steps, axis=1)
    elif options.upsampling in ("linear", "held"):
        # A transposed convolution with a triangle, channel by channel.
        x = _overlapped(x[:, :, None] * jnp.asarray(triangle(steps), x.dtype)[None, None, :, None])
    elif options.upsampling == "smoothed":
        first = options.frame_layers * options.lookbehind_frames
        x = _smoothed(
            x, weights.upsampling, config.upsampling_strides, (frames != 0).any(axis=-1)[:, first:][:, :count]
        )
    else:
        for kernel in weights.upsampling:
            spread = linear(x, kernel.reshape(kernel.shape[0], -1))
            x = _overlapped(spread.reshape(*x.shape[:2], *kernel.shape[1:]))
    reach = options.reach_frames * steps
    return x[:, reach : x.shape[1] - reach]


def triangle(stride: int) -> np.ndarray:
    """Returns the weights of linear interpolation as a transposed convolution of twice its stride: ``[2 * stride]``."""
    return 1 - np.abs(np.arange(2 * stride) + 0.5 - stride) / stride


class Conditioner(Projections):
    """Conditions of streams and frames into gate inputs: see ``embed_conditions``."""

    @nn.compact
    def weights(self) -> ConditionerWeights:
        """Returns the prepared weights."""
        config, options = self.config, self.config.conditioning
        streams = {
            name: kind.weights(self, options.global_channels) for name, kind in stream_conditions(config).items()
        }
        if not config.is_local:
            return ConditionerWeights(streams, (), (), ())
        local = options.local_channels
        names = ["frames", *(f"frames_{layer}" for layer in range(1, options.frame_layers))]
        widths = [config.features.channels] + [local] * (options.frame_layers - 1)
        taps = options.lookbehind_frames + 1 + options.lookahead_frames
        make = _averaging if options.upsampling == "smoothed" else _interpolation
        width = options.smoothing_channels if options.upsampling == "smoothed" else local
        return ConditionerWeights(
            streams=streams,
            # Bands rise and fall together, so a step of the optimizer would move their sum by all its inputs at once.
            frames=tuple(
                self.kernel(f"{name}_kernel", (taps, width, local), (0, 1), gain=10) / 10
                for name, width in zip(names, widths, strict=True)
            ),
            frames_bias=tuple(self.bias(f"{name}_bias", (local,)) for name in names),
            upsampling=tuple(
                self.param(f"upsampling_{index}_kernel", make, stride, width).astype(config.compute_dtype)
                for index, stride in enumerate(config.upsampling_strides)
            ),
        )

    def __call__(self, conditions: Conditions, present: Array | None = None) -> GateInputs:
        """See ``embed_conditions``."""
        return embed_conditions(self.config, self.weights(), conditions, present)


def multiply_adds(config: WaveNetConfig) -> float:
    """Multiply-adds per sample: its share of those of a frame."""
    if not config.is_local:
        return 0.0
    options, hop = config.conditioning, config.features.hop_samples
    channels = options.local_channels
    taps = options.lookbehind_frames + 1 + options.lookahead_frames
    frame = taps * channels * (config.features.channels + (options.frame_layers - 1) * channels)
    rate = 1
    for factor in config.upsampling_strides:
        rate *= factor
        smoothing = 3 * options.smoothing_channels
        frame += rate * channels * (smoothing if options.upsampling == "smoothed" else 2 * channels)
    return frame / hop


def _smoothed(x: Array, kernels: tuple[Array, ...], strides: tuple[int, ...], present: Array) -> Array:
    """Repeats and smooths frames stage by stage, by filters over channels and time: ``[B, F, D] -> [B, F * hop, D]``.

    ``present [B, F]`` says which frames there are: a frame of zeros stands for what lies beyond the ends of a clip, and
    gives nothing at any stage. The filters are ``[channels, 2 * stride + 1]``. This is the upsampling network of
    https://github.com/r9y9/wavenet_vocoder, at the ends of a clip, too.
    """
    for kernel, stride in zip(kernels, strides, strict=True):
        # Repeated and filtered, each sample is a sum over three frames, whose weights depend on its phase.
        behind = (np.arange(stride)[:, None] + np.arange(2 * stride + 1)) // stride  # [stride, taps]: 0 to 2
        phases = jnp.asarray(behind == np.arange(3)[:, None, None], kernel.dtype)
        weights = jnp.einsum("fpt,ct->fcp", phases, kernel)
        x = jnp.where(present[:, :, None], x, 0)
        _, frames, channels = x.shape
        reach = kernel.shape[0] // 2
        around = jnp.pad(x, ((0, 0), (1, 1), (reach, reach)))[:, :, None]
        parts = [
            around[:, at : at + frames, :, channel : channel + channels] * weights[at, channel][None, None, :, None]
            for at in range(3)
            for channel in range(kernel.shape[0])
        ]
        x = total(parts).reshape(x.shape[0], frames * stride, channels)
        present = jnp.repeat(present, stride, axis=1)
    return x


def _averaging(key: Array, stride: int, channels: int) -> Array:
    """Makes a smoothing filter that begins as an average: ``[channels, 2 * stride + 1]``."""
    shape = (channels, 2 * stride + 1)
    return jnp.full(shape, 1 / np.prod(shape), jnp.float32)


def _overlapped(spread: Array) -> Array:
    """Adds what each frame spreads over its own samples and half of both neighbours'.

    ``[B, F, 2 s, D] -> [B, F s, D]``
    """
    batch, frames, width, channels = spread.shape
    stride = width // 2
    rising = jnp.pad(spread[:, :, :stride], ((0, 0), (0, 1), (0, 0), (0, 0)))
    falling = jnp.pad(spread[:, :, stride:], ((0, 0), (1, 0), (0, 0), (0, 0)))
    signal = (rising + falling).reshape(batch, (frames + 1) * stride, channels)
    return signal[:, stride // 2 : stride // 2 + frames * stride]


def _interpolation(key: Array, stride: int, channels: int) -> Array:
    """Makes a transposed convolution that begins as linear interpolation: ``[D, 2 * stride, D]``."""
    return jnp.eye(channels)[:, None] * jnp.asarray(triangle(stride), jnp.float32)[None, :, None]
