"""The WaveNet: the whole network in every tempo."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import context, ends, stack
from wavenet_jax.model.conditioner import ConditionerWeights
from wavenet_jax.model.context import ContextState, ContextWeights
from wavenet_jax.model.ends import InputState, InputWeights, OutputWeights
from wavenet_jax.model.heads import Head, head_of
from wavenet_jax.model.modules import CausalInput, Conditioner, ContextStack, GatedStack, OutputHead, OutputProjections
from wavenet_jax.model.stack import Condition, StackState, StackWeights
from wavenet_jax.typing import Array, Conditions


class WaveNetWeights(NamedTuple):
    """Everything the network multiplies by, ready to use."""

    input: InputWeights
    contexts: tuple[ContextWeights, ...]
    conditioner: ConditionerWeights
    stack: StackWeights
    output: OutputWeights
    head: Head


class WaveNetState(NamedTuple):
    """Everything the network remembers of the past."""

    input: InputState
    contexts: tuple[ContextState, ...]
    stack: StackState


def extend(
    config: WaveNetConfig,
    weights: WaveNetWeights,
    state: WaveNetState,
    codes: Array,
    condition: Condition = Condition(),
    valid: Array | int | None = None,
) -> tuple[Array, WaveNetState]:
    """The head's outputs for the samples after each of the next chunk, and the state after it.

    This is ``WaveNet.extend`` with the weights in hand: ``[B, T] -> [B, T, outputs]``. ``valid`` (default: all) says
    how many samples of the chunk count, a scalar in [0, T] that may be traced: the state is the one after those.
    """
    x, input_state = ends.embed(config, weights.input, state.input, codes, valid)
    slow = [
        context.extend(config, context_weights, before, codes, valid)
        for context_weights, before in zip(weights.contexts, state.contexts, strict=True)
    ]
    condition = _joined(condition, [heard for heard, _ in slow], codes.shape[1])
    skip, stack_state = stack.extend(config, weights.stack, state.stack, x, condition, valid)
    return ends.project(weights.output, skip), WaveNetState(input_state, tuple(after for _, after in slow), stack_state)


def state_before(config: WaveNetConfig, weights: WaveNetWeights, batch_size: int, length: Array | int) -> WaveNetState:
    """The state before the first sample of a signal whose end, after ``length`` samples, ends every context's block.

    Signals of any lengths then end in step with each other, and with one that never began: ``WaveNet.init_state``,
    which this is where there are no context stacks.
    """
    state = WaveNet(config).init_state(batch_size)
    contexts = tuple(
        context.at_phase(config, slow, period, batch_size, -length % period)
        for slow, period in zip(weights.contexts, config.context_periods, strict=True)
    )
    return state._replace(contexts=contexts)


def step(
    config: WaveNetConfig, weights: WaveNetWeights, state: WaveNetState, codes: Array, told: Array | None = None
) -> tuple[Array, WaveNetState]:
    """The head's outputs for the sample after ``codes``, and the state after it: ``[B] -> [B, outputs]``.

    This is ``WaveNet.step`` with the weights in hand, for loops that prepare them once. ``told [L, B, G]`` is what
    conditions add inside the gates, one sample of what ``stack.told`` gives.
    """
    x, input_state = ends.embed(config, weights.input, state.input, codes[:, None])
    contexts = []
    if state.contexts:
        heard = []
        for slow, before in zip(weights.contexts, state.contexts, strict=True):
            now, after = context.step(config, slow, before, codes)
            heard.append(now)
            contexts.append(after)
        assert weights.stack.time is not None
        kernel = weights.stack.time[config.time_channels - config.context_channels :]
        from_contexts = jnp.einsum("bd,dlg->lbg", jnp.concatenate(heard, axis=-1), kernel)
        told = from_contexts if told is None else told + from_contexts
    skip, stack_state = stack.step(config, weights.stack, state.stack, x[:, 0], told)
    return ends.project(weights.output, skip), WaveNetState(input_state, tuple(contexts), stack_state)


class WaveNet(nn.Module):
    """The whole network: codes ``[B, T]`` into outputs ``[B, T, outputs]``, each about the sample that follows.

    ``__call__`` runs a whole signal from silence, ``extend`` the next chunk, ``step`` the next sample; all three are
    the same function of the same parameters. What is known besides the signal comes as ``Conditions`` for the whole,
    and as what ``condition`` makes of them (``[B, T, D]`` for samples) for the pieces.
    """

    config: WaveNetConfig

    def setup(self) -> None:
        config = self.config
        self.input = CausalInput(config)
        self.contexts = [ContextStack(config, period) for period in config.context_periods]
        self.conditioner = Conditioner(config)
        self.stack = GatedStack(config)
        self.output = OutputProjections(config)
        self.fine = OutputHead(config)

    @property
    def head(self) -> Head:
        """What the outputs mean; without the weights that a head may have of its own (``bound_head`` has them)."""
        return head_of(self.config)

    def bound_head(self) -> Head:
        """What the outputs mean."""
        return self.fine()

    def weights(self) -> WaveNetWeights:
        """The prepared weights of every part."""
        return WaveNetWeights(
            input=self.input.weights(),
            contexts=tuple(slow.weights() for slow in self.contexts),
            conditioner=self.conditioner.weights(),
            stack=self.stack.weights(),
            output=self.output.weights(),
            head=self.fine(),
        )

    def init_state(self, batch_size: int) -> WaveNetState:
        """The state of ``batch_size`` streams after endless silence: zeros. Needs no parameters."""
        config = self.config
        return WaveNetState(
            input=ends.init_input_state(config, batch_size),
            contexts=tuple(context.init_state(config, period, batch_size) for period in config.context_periods),
            stack=stack.init_state(config, batch_size),
        )

    def condition(self, conditions: Conditions, present: Array | None = None) -> Condition:
        """What ``extend`` and ``step`` are told: see ``conditioner.condition``."""
        return self.conditioner(conditions, present)

    def __call__(self, codes: Array, conditions: Conditions = Conditions(), train: bool = False) -> Array:
        """The outputs of a whole signal: ``[B, T] -> [B, T, outputs]`` float32.

        ``train`` turns dropout on, of channels and of conditions; it needs a key named "dropout" where there is any.
        Frames may reach beyond the signal.
        """
        present = None
        if train and self.config.conditioning.condition_dropout:
            kept = 1 - self.config.conditioning.condition_dropout
            present = jax.random.bernoulli(self.make_rng("dropout"), kept, codes.shape[:1])
        condition = self.conditioner(conditions, present)
        heard = [slow(codes) for slow in self.contexts]
        if self.is_initializing():
            self.fine()
        return self.output(self.stack(self.input(codes), _joined(condition, heard, codes.shape[1]), train))

    def extend(
        self, state: WaveNetState, codes: Array, condition: Condition = Condition()
    ) -> tuple[Array, WaveNetState]:
        """The outputs of the next chunk, ``[B, T] -> [B, T, outputs]``, and the state after it."""
        return extend(self.config, self.weights(), state, codes, condition)

    def step(self, state: WaveNetState, codes: Array, condition: Condition = Condition()) -> tuple[Array, WaveNetState]:
        """The outputs of the next sample, ``[B] -> [B, outputs]``, and the state after it."""
        weights = self.weights()
        if condition.time is not None:
            condition = condition._replace(time=condition.time[:, None])
        told = stack.told(weights.stack, condition)
        return step(self.config, weights, state, codes, None if told is None else told[:, 0])


def _joined(condition: Condition, contexts: list[Array], length: int) -> Condition:
    """The condition with what context stacks say behind the features, cut to ``length`` samples."""
    parts = ([] if condition.time is None else [condition.time[:, :length]]) + contexts
    return condition._replace(time=jnp.concatenate(parts, axis=-1) if parts else None)


def batch_axes(model: WaveNet) -> WaveNetState:
    """The state with, in place of each array, the axis of its streams as a tuple; () where streams share it."""
    one, two = (jax.eval_shape(lambda size=size: model.init_state(size)) for size in (1, 2))

    def axes(left: jax.ShapeDtypeStruct, right: jax.ShapeDtypeStruct) -> tuple[int, ...]:
        return tuple(
            axis for axis, sizes in enumerate(zip(left.shape, right.shape, strict=True)) if sizes[0] != sizes[1]
        )

    return jax.tree.map(axes, one, two)


def parameter_shapes(config: WaveNetConfig) -> dict:
    """Names, shapes and dtypes of the parameters, without making them."""
    model = WaveNet(config)
    return jax.eval_shape(lambda key: model.init(key, method="weights"), jax.random.key(0))["params"]


def parameter_count(config: WaveNetConfig) -> int:
    """Parameters of the network, without making them."""
    return sum(leaf.size for leaf in jax.tree.leaves(parameter_shapes(config)))
