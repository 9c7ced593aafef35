"""The parts of the network as Linen modules: they own the parameters; the arithmetic is in the modules beside.

Each of ``CausalInput``, ``ContextStack`` and ``GatedStack`` has the three tempos ``__call__``, ``extend`` and ``step``.
"""

import math

import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from wavenet_jax.config import WaveNetConfig, upsampling_factors
from wavenet_jax.model import conditioner, context, ends, stack
from wavenet_jax.model.conditioner import ConditionerWeights
from wavenet_jax.model.context import ContextState, ContextWeights
from wavenet_jax.model.ends import InputState, InputWeights, OutputWeights
from wavenet_jax.model.heads import CoarseFine, FineWeights, Head, head_of
from wavenet_jax.model.stack import Condition, StackState, StackWeights
from wavenet_jax.typing import Array, Conditions


class _Projections(nn.Module):
    """What the modules below share: kernels with optional weight normalisation, in the compute dtype."""

    config: WaveNetConfig

    def _kernel(self, name: str, shape: tuple[int, ...], fan_in: tuple[int, ...], gain: float = 1.0) -> Array:
        """A kernel whose outputs are its last axis and whose inputs are the axes ``fan_in``."""
        inputs = math.prod(shape[axis] for axis in fan_in)
        kernel = self.param(name, nn.initializers.normal(gain * inputs**-0.5), shape)
        if self.config.weight_norm:
            norm = jnp.sqrt(jnp.square(kernel).sum(fan_in, keepdims=True))
            scale = self.param(f"{name}_scale", lambda _: norm)
            kernel = kernel * (scale / norm)
        return kernel.astype(self.config.compute_dtype)

    def _table(self, name: str, shape: tuple[int, ...]) -> Array:
        """Rows to look up; weight normalisation is for what is multiplied with."""
        return self.param(name, nn.initializers.normal(1.0), shape).astype(self.config.compute_dtype)

    def _bias(self, name: str, shape: tuple[int, ...], start: np.ndarray | None = None) -> Array:
        def make(key: Array, shape: tuple[int, ...]) -> Array:
            return jnp.zeros(shape) if start is None else jnp.asarray(start, jnp.float32)

        return self.param(name, make, shape).astype(self.config.compute_dtype)


class CausalInput(_Projections):
    """Codes into the residual stream: ``[B, T] -> [B, T, R]``."""

    @nn.compact
    def weights(self) -> InputWeights:
        """The prepared weights."""
        config = self.config
        taps, rows, residual = config.input_kernel_size, config.table_rows, config.residual_channels
        return InputWeights(
            table=self._table("kernel", (taps, rows, residual)) if rows else None,
            values=self._table("value_kernel", (taps, residual)) if config.hears_values else None,
            bias=self._bias("bias", (residual,)) if config.hears_values else None,
        )

    def init_state(self, batch_size: int) -> InputState:
        """The state before the first sample."""
        return ends.init_input_state(self.config, batch_size)

    def __call__(self, codes: Array) -> Array:
        """The stream of a whole signal."""
        return self.extend(self.init_state(codes.shape[0]), codes)[0]

    def extend(self, state: InputState, codes: Array) -> tuple[Array, InputState]:
        """The stream of the next chunk, and the state after it."""
        return ends.embed(self.config, self.weights(), state, codes)

    def step(self, state: InputState, codes: Array) -> tuple[Array, InputState]:
        """The stream of the next sample, ``[B] -> [B, R]``, and the state after it."""
        x, state = self.extend(state, codes[:, None])
        return x[:, 0], state


class GatedStack(_Projections):
    """The residual stream into the skip sum: ``[B, T, R] -> [B, T, S]``."""

    @nn.compact
    def weights(self) -> StackWeights:
        """The prepared weights."""
        config = self.config
        layers, kernel, residual = config.layers, config.kernel_size, config.residual_channels
        hidden, skip = config.hidden_channels, config.skip_channels
        dilated = self._kernel("dilated_kernel", (layers, kernel, residual, 2 * hidden), fan_in=(1, 2))
        combining = self._kernel("skip_kernel", (layers, hidden, skip), fan_in=(0, 1))
        mixing: tuple[Array, ...] = ()
        mixing_bias: tuple[Array | None, ...] = ()
        if layers > 1:
            mixing = tuple(self._kernel("residual_kernel", (layers - 1, hidden, residual), fan_in=(1,)))
            mixing_bias = self._biases("residual_bias", layers - 1, residual)
        return StackWeights(
            past=dilated[:, :-1],
            current=tuple(dilated[:, -1]),
            dilated_bias=self._biases("dilated_bias", layers, 2 * hidden),
            residual=mixing,
            residual_bias=mixing_bias,
            skip=combining.reshape(layers * hidden, skip),
            skip_bias=self._bias("skip_bias", (skip,)) if config.bias else None,
            stream=self._conditioning("stream_kernel", config.stream_channels),
            time=self._conditioning("time_kernel", config.time_channels),
        )

    def _biases(self, name: str, layers: int, channels: int) -> tuple[Array | None, ...]:
        return tuple(self._bias(name, (layers, channels))) if self.config.bias else (None,) * layers

    def _conditioning(self, name: str, channels: int) -> Array | None:
        if not channels:
            return None
        return self._kernel(name, (channels, self.config.layers, 2 * self.config.hidden_channels), fan_in=(0,))

    def init_state(self, batch_size: int) -> StackState:
        """The state after endless silence."""
        return stack.init_state(self.config, batch_size)

    def __call__(self, x: Array, condition: Condition = Condition(), train: bool = False) -> Array:
        """The skip sum of a whole signal; ``train`` turns dropout on and needs a key named "dropout"."""
        key = self.make_rng("dropout") if train and self.config.dropout else None
        return stack.whole(self.config, self.weights(), x, condition, key)

    def extend(self, state: StackState, x: Array, condition: Condition = Condition()) -> tuple[Array, StackState]:
        """The skip sum of the next chunk, and the state after it."""
        return stack.extend(self.config, self.weights(), state, x, condition)

    def step(self, state: StackState, x: Array) -> tuple[Array, StackState]:
        """The skip sum of the next sample, ``[B, R] -> [B, S]``, and the state after it."""
        return stack.step(self.config, self.weights(), state, x)


class ContextStack(_Projections):
    """What a slower stack tells each sample of what was long before: ``[B, T] -> [B, T, C]`` (WaveNet §2.6)."""

    period: int

    @nn.compact
    def weights(self) -> ContextWeights:
        """The prepared weights."""
        config = self.config.context
        residual, skip = config.context_residual_channels, config.context_skip_channels
        told = self.period * config.context_channels
        return ContextWeights(
            input=self._kernel("input_kernel", (self.period, residual), fan_in=(0,)),
            input_bias=self._bias("input_bias", (residual,)),
            stack=GatedStack(self.config.context_stack(self.period), name="stack").weights(),
            output=self._kernel("output_kernel", (skip, told), fan_in=(0,), gain=2**0.5),
            output_bias=self._bias("output_bias", (told,)),
        )

    def init_state(self, batch_size: int) -> ContextState:
        """The state before the first sample."""
        return context.init_state(self.config, self.period, batch_size)

    def __call__(self, codes: Array) -> Array:
        """What a whole signal is told."""
        return context.whole(self.config, self.weights(), codes)

    def extend(self, state: ContextState, codes: Array) -> tuple[Array, ContextState]:
        """What the next chunk is told, and the state after it."""
        return context.extend(self.config, self.weights(), state, codes)

    def step(self, state: ContextState, codes: Array) -> tuple[Array, ContextState]:
        """What the next sample is told, ``[B] -> [B, C]``, and the state after it."""
        return context.step(self.config, self.weights(), state, codes)


class Conditioner(_Projections):
    """Classes, vectors and frames as the gates want them."""

    @nn.compact
    def weights(self) -> ConditionerWeights:
        """The prepared weights."""
        config, options = self.config, self.config.conditioning
        width, local = options.global_channels, options.local_channels
        classes = tuple(
            self._table(f"class_{family}_table", (len(names), width)) for family, names in options.families.items()
        )
        vector = (
            self._kernel("vector_kernel", (options.vector_channels, width), (0,)) if options.vector_channels else None
        )
        if not config.is_local:
            return ConditionerWeights(classes, vector, None, None, ())
        taps = options.lookbehind_frames + 1 + options.lookahead_frames
        factors = upsampling_factors(config.features.hop_samples) if options.upsampling == "transposed" else ()
        return ConditionerWeights(
            classes=classes,
            vector=vector,
            # Bands rise and fall together, so a step of the optimizer would move their sum by all its inputs at once.
            frames=self._kernel("frames_kernel", (taps, config.features.channels, local), (0, 1), gain=10) / 10,
            frames_bias=self._bias("frames_bias", (local,)),
            upsampling=tuple(
                self.param(f"upsampling_{index}_kernel", _interpolation, stride, local).astype(config.compute_dtype)
                for index, stride in enumerate(factors)
            ),
        )

    def __call__(self, conditions: Conditions, present: Array | None = None) -> Condition:
        """See ``conditioner.condition``."""
        return conditioner.condition(self.config, self.weights(), conditions, present)


class OutputProjections(_Projections):
    """The skip sum into the head's outputs, sample by sample: ``[..., S] -> [..., outputs]``."""

    @nn.compact
    def weights(self) -> OutputWeights:
        """The prepared weights."""
        config = self.config
        skip, end, head = config.skip_channels, config.resolved_end_channels, head_of(config)
        units = jnp.asarray(head.units(), config.compute_dtype)
        return OutputWeights(
            hidden=self._kernel("hidden_kernel", (skip, end), fan_in=(0,), gain=2**0.5),
            hidden_bias=self._bias("hidden_bias", (end,)),
            # Small at first: an untrained model is close to what the head's bias says, uniform for probabilities.
            outputs=self._kernel("outputs_kernel", (end, head.outputs), fan_in=(0,), gain=0.1) * units[None],
            outputs_bias=self._bias("outputs_bias", (head.outputs,), head.initial_bias() / head.units()) * units,
        )

    def __call__(self, skip: Array) -> Array:
        """The head's outputs."""
        return ends.project(self.weights(), skip)


class OutputHead(_Projections):
    """What the outputs mean, with the weights that a head may have of its own."""

    @nn.compact
    def __call__(self) -> Head:
        """The head."""
        config, head = self.config, head_of(self.config)
        if not isinstance(head, CoarseFine):
            return head
        fine = FineWeights(
            table=self._table("table", (256, config.fine_channels)),
            kernel=self._kernel("kernel", (config.fine_channels, 256), fan_in=(0,), gain=0.1),
            bias=self._bias("bias", (256,)),
        )
        return CoarseFine(config.fine_channels, fine)


def _interpolation(key: Array, stride: int, channels: int) -> Array:
    """A transposed convolution that begins as linear interpolation: ``[D, 2 * stride, D]``."""
    return jnp.eye(channels)[:, None] * jnp.asarray(conditioner.triangle(stride), jnp.float32)[None, :, None]
