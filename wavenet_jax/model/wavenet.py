"""The WaveNet as Linen modules: they own the parameters; the arithmetic is in ``ends.py`` and ``stack.py``."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import ends, stack
from wavenet_jax.model.ends import InputState, InputWeights, OutputWeights
from wavenet_jax.model.heads import Categorical
from wavenet_jax.model.stack import StackState, StackWeights
from wavenet_jax.typing import Array


class WaveNetWeights(NamedTuple):
    """Everything the network multiplies by, ready to use."""

    input: InputWeights
    stack: StackWeights
    output: OutputWeights


class WaveNetState(NamedTuple):
    """Everything the network remembers of the past."""

    input: InputState
    stack: StackState


def step(
    config: WaveNetConfig, weights: WaveNetWeights, state: WaveNetState, codes: Array
) -> tuple[Array, WaveNetState]:
    """The head's outputs for the sample after ``codes``, and the state after it: ``[B] -> [B, outputs]``.

    This is ``WaveNet.step`` with the weights in hand, for loops that prepare them once.
    """
    x, input_state = ends.embed(weights.input, state.input, codes[:, None])
    skip, stack_state = stack.step(config, weights.stack, state.stack, x[:, 0])
    return ends.project(weights.output, skip), WaveNetState(input_state, stack_state)


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

    def _bias(self, name: str, shape: tuple[int, ...]) -> Array:
        return self.param(name, nn.initializers.zeros, shape).astype(self.config.compute_dtype)


class CausalInput(_Projections):
    """Codes into the residual stream: ``[B, T] -> [B, T, R]``."""

    @nn.compact
    def weights(self) -> InputWeights:
        """The prepared weights."""
        config = self.config
        shape = (config.input_kernel_size, config.levels, config.residual_channels)
        return InputWeights(self.param("kernel", nn.initializers.normal(1.0), shape).astype(config.compute_dtype))

    def init_state(self, batch_size: int) -> InputState:
        """The state before the first sample."""
        return ends.init_input_state(self.config, batch_size)

    def __call__(self, codes: Array) -> Array:
        """The stream of a whole signal."""
        return self.extend(self.init_state(codes.shape[0]), codes)[0]

    def extend(self, state: InputState, codes: Array) -> tuple[Array, InputState]:
        """The stream of the next chunk, and the state after it."""
        return ends.embed(self.weights(), state, codes)

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
        )

    def _biases(self, name: str, layers: int, channels: int) -> tuple[Array | None, ...]:
        return tuple(self._bias(name, (layers, channels))) if self.config.bias else (None,) * layers

    def init_state(self, batch_size: int) -> StackState:
        """The state after endless silence."""
        return stack.init_state(self.config, batch_size)

    def __call__(self, x: Array, train: bool = False) -> Array:
        """The skip sum of a whole signal; ``train`` turns dropout on and needs a key named "dropout"."""
        key = self.make_rng("dropout") if train and self.config.dropout else None
        return stack.whole(self.config, self.weights(), x, key)

    def extend(self, state: StackState, x: Array) -> tuple[Array, StackState]:
        """The skip sum of the next chunk, and the state after it."""
        return stack.extend(self.config, self.weights(), state, x)

    def step(self, state: StackState, x: Array) -> tuple[Array, StackState]:
        """The skip sum of the next sample, ``[B, R] -> [B, S]``, and the state after it."""
        return stack.step(self.config, self.weights(), state, x)


class OutputProjections(_Projections):
    """The skip sum into the head's outputs, sample by sample: ``[..., S] -> [..., outputs]``."""

    outputs: int

    @nn.compact
    def weights(self) -> OutputWeights:
        """The prepared weights."""
        skip, end = self.config.skip_channels, self.config.resolved_end_channels
        return OutputWeights(
            hidden=self._kernel("hidden_kernel", (skip, end), fan_in=(0,), gain=2**0.5),
            hidden_bias=self._bias("hidden_bias", (end,)),
            # Small at first: an untrained model is close to uniform, so the loss starts at log2(Q) bits.
            outputs=self._kernel("outputs_kernel", (end, self.outputs), fan_in=(0,), gain=0.1),
            outputs_bias=self._bias("outputs_bias", (self.outputs,)),
        )

    def __call__(self, skip: Array) -> Array:
        """The head's outputs."""
        return ends.project(self.weights(), skip)


class WaveNet(nn.Module):
    """The whole network: codes ``[B, T]`` into outputs ``[B, T, outputs]``, each about the sample that follows.

    ``__call__`` runs a whole signal from silence, ``extend`` the next chunk, ``step`` the next sample; all three are
    the same function of the same parameters.
    """

    config: WaveNetConfig

    def setup(self) -> None:
        self.input = CausalInput(self.config)
        self.stack = GatedStack(self.config)
        self.output = OutputProjections(self.config, self.head.outputs)

    @property
    def head(self) -> Categorical:
        """What the outputs mean."""
        return Categorical(self.config.levels)

    def weights(self) -> WaveNetWeights:
        """The prepared weights of every part."""
        return WaveNetWeights(self.input.weights(), self.stack.weights(), self.output.weights())

    def init_state(self, batch_size: int) -> WaveNetState:
        """The state of ``batch_size`` streams after endless silence: zeros. Needs no parameters."""
        return WaveNetState(ends.init_input_state(self.config, batch_size), stack.init_state(self.config, batch_size))

    def __call__(self, codes: Array, train: bool = False) -> Array:
        """The outputs of a whole signal: ``[B, T] -> [B, T, outputs]`` float32."""
        return self.output(self.stack(self.input(codes), train))

    def extend(self, state: WaveNetState, codes: Array) -> tuple[Array, WaveNetState]:
        """The outputs of the next chunk, ``[B, T] -> [B, T, outputs]``, and the state after it."""
        x, input_state = self.input.extend(state.input, codes)
        skip, stack_state = self.stack.extend(state.stack, x)
        return self.output(skip), WaveNetState(input_state, stack_state)

    def step(self, state: WaveNetState, codes: Array) -> tuple[Array, WaveNetState]:
        """The outputs of the next sample, ``[B] -> [B, outputs]``, and the state after it."""
        return step(self.config, self.weights(), state, codes)


def parameter_count(config: WaveNetConfig) -> int:
    """Parameters of the network, without making them."""
    codes = jax.ShapeDtypeStruct((1, 1), jnp.int32)
    shapes = jax.eval_shape(WaveNet(config).init, jax.random.key(0), codes)
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))
