"""The WaveNet: all layers together, over a whole signal, chunk by chunk and sample by sample."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from flax import linen as nn

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import adaptation, conditioner, context, output, prediction, stack
from wavenet_jax.model import input as input_layer
from wavenet_jax.model.adaptation import AdaptationState
from wavenet_jax.model.conditioner import Conditioner, ConditionerWeights
from wavenet_jax.model.context import ContextStack, ContextState, ContextWeights
from wavenet_jax.model.heads import Head, head_of
from wavenet_jax.model.input import CausalInput, InputState, InputWeights
from wavenet_jax.model.ops import one_kernel
from wavenet_jax.model.output import OutputHead, OutputProjections, OutputWeights
from wavenet_jax.model.prediction import Filter, Prediction, PredictionInput, PredictionState, PredictionWeights
from wavenet_jax.model.stack import GatedStack, GateInputs, StackState, StackWeights
from wavenet_jax.typing import Array, Conditions

RunStack: TypeAlias = Callable[[WaveNetConfig, StackWeights, OutputWeights, Array, GateInputs], Array]
"""Something that runs whole signals through the stack and the output layer, without dropout."""


class WaveNetWeights(NamedTuple):
    """The prepared weights of all layers."""

    input: InputWeights
    prediction: PredictionWeights | None
    contexts: tuple[ContextWeights, ...]
    conditioner: ConditionerWeights
    stack: StackWeights
    output: OutputWeights
    head: Head


class WaveNetState(NamedTuple):
    """The past that the next outputs depend on."""

    input: InputState
    prediction: PredictionState | None
    adaptation: AdaptationState | None
    contexts: tuple[ContextState, ...]
    stack: StackState


def receptive_field(config: WaveNetConfig) -> int:
    """Samples of the past, the newest included, that a prediction depends on at most."""
    entry, centre = input_layer.receptive_field(config), 0
    if prediction.is_on(config):
        # A residual is what a prediction left over, and that is of older samples.
        span = config.prediction.linear_prediction
        span = max(span, adaptation.receptive_field(config)) if adaptation.is_on(config) else span
        as_input, followed = prediction.oldest_residuals(config)
        entry, centre = max(entry, as_input + span), followed + span
    main = entry + stack.receptive_field(config) + output.receptive_field(config) - 2
    through_gates = stack.gate_receptive_field(config) - 1
    slow = (through_gates + context.receptive_field(config, period) for period in config.context_periods)
    return max(main, centre, *slow)


def multiply_adds(config: WaveNetConfig) -> int:
    """Multiply-adds per sample; slower parts count by their share."""
    optional = [layer for layer in (prediction, adaptation) if layer.is_on(config)]
    layers = (input_layer, stack, conditioner, output, *optional)
    contexts = (context.multiply_adds(config, period) for period in config.context_periods)
    return round(sum(layer.multiply_adds(config) for layer in layers) + sum(contexts))


def extend(
    config: WaveNetConfig,
    weights: WaveNetWeights,
    state: WaveNetState,
    codes: Array,
    gate_inputs: GateInputs = GateInputs(),
    valid: Array | int | None = None,
) -> tuple[Array, WaveNetState]:
    """Computes the head's outputs after each sample of the next chunk, ``[B, T] -> [B, T, outputs]``, and the state.

    This is ``WaveNet.extend`` for prepared weights. The state is the one after the first ``valid`` samples (default:
    all), a scalar in [0, T] that may be traced.
    """
    filters, adapted = _adapted(config, state.adaptation, codes, gate_inputs.filters, valid)
    x, predicted, entered = _enter(config, _entrance(weights), _entrance(state), codes, filters, valid)
    slow = [
        context.extend(config, context_weights, before, codes, valid)
        for context_weights, before in zip(weights.contexts, state.contexts, strict=True)
    ]
    gate_inputs = _with_contexts(gate_inputs, [outputs for outputs, _ in slow], codes.shape[1])
    skip, stack_state = stack.extend(config, weights.stack, state.stack, x, gate_inputs, valid)
    outputs = _moved(config, weights.head, output.project(weights.output, skip), predicted)
    return outputs, WaveNetState(*entered, adapted, tuple(after for _, after in slow), stack_state)


def state_before(config: WaveNetConfig, weights: WaveNetWeights, batch_size: int, length: Array | int) -> WaveNetState:
    """Returns the state before a signal whose end, after ``length`` samples, ends the blocks of contexts and filters.

    Signals of any lengths then end in step with each other, and with one that never began: ``WaveNet.init_state``,
    which this is where there are no blocks.
    """
    state = WaveNet(config).init_state(batch_size)
    contexts = tuple(
        context.at_phase(config, slow, period, batch_size, -length % period)
        for slow, period in zip(weights.contexts, config.context_periods, strict=True)
    )
    if adaptation.is_on(config):
        phase = -length % config.adaptation_samples
        state = state._replace(adaptation=adaptation.init_state(config, batch_size, phase))
    return state._replace(contexts=contexts)


def step(
    config: WaveNetConfig,
    weights: WaveNetWeights,
    state: WaveNetState,
    codes: Array,
    gate_bias: Array | None = None,
    filters: Filter | None = None,
) -> tuple[Array, WaveNetState]:
    """Computes the head's outputs after the next sample, ``[B] -> [B, outputs]``, and the state after it.

    This is ``WaveNet.step`` for prepared weights, in loops that prepare them once. ``gate_bias [L, B, G]`` is one
    sample of what ``stack.gate_bias`` gives, and ``filters``, of ``[B, ...]``, are those of the sample that follows.
    """

    adapted = state.adaptation
    if adapted is not None:
        filters, adapted = adaptation.step(config, adapted, codes)
    enter: Callable[..., tuple[Array, Prediction | None, _EntranceState]] = functools.partial(_enter, config)
    if filters is not None:
        filters = Filter(*(rows[:, None] for rows in filters))
        enter = one_kernel(enter, codes.shape[0])
    x, predicted, entered = enter(_entrance(weights), _entrance(state), codes[:, None], filters)
    contexts = []
    if state.contexts:
        context_outputs = []
        for slow, before in zip(weights.contexts, state.contexts, strict=True):
            context_output, slow_state = context.step(config, slow, before, codes)
            context_outputs.append(context_output)
            contexts.append(slow_state)
        assert weights.stack.time is not None
        kernel = weights.stack.time[config.feature_channels :]
        from_contexts = jnp.einsum("bd,dlg->lbg", jnp.concatenate(context_outputs, axis=-1), kernel)
        gate_bias = from_contexts if gate_bias is None else gate_bias + from_contexts
    skip, stack_state = stack.step(config, weights.stack, state.stack, x[:, 0], gate_bias)
    outputs = _moved(config, weights.head, output.project(weights.output, skip)[:, None], predicted)[:, 0]
    return outputs, WaveNetState(*entered, adapted, tuple(contexts), stack_state)


_EntranceState = tuple[InputState, PredictionState | None]


def _entrance(of: Any) -> Any:
    """Returns the part of weights or of a state that codes pass before the stack."""
    return of.input, of.prediction


def _enter(
    config: WaveNetConfig,
    weights: tuple[InputWeights, PredictionWeights | None],
    state: _EntranceState,
    codes: Array,
    filters: Filter | None,
    valid: Array | int | None = None,
) -> tuple[Array, Prediction | None, _EntranceState]:
    """Turns a chunk of codes into the residual stream: returns it, what is predicted, and the state after it."""
    (input_weights, prediction_weights), (input_state, past) = weights, state
    x, input_state = input_layer.extend(config, input_weights, input_state, codes, valid)
    if prediction_weights is None:
        return x, None, (input_state, None)
    if filters is None or past is None:
        raise ValueError("the network has linear prediction, whose filters the gate inputs lack")
    predicted, past = prediction.extend(config, prediction_weights, past, codes, filters, valid)
    return x + predicted.inputs, predicted, (input_state, past)


def _adapted(
    config: WaveNetConfig,
    state: AdaptationState | None,
    codes: Array,
    filters: Filter | None,
    valid: Array | int | None = None,
) -> tuple[Filter | None, AdaptationState | None]:
    """Returns the filters that follow from the past, where those of frames do not serve."""
    return (filters, None) if state is None else adaptation.extend(config, state, codes, valid)


def _moved(config: WaveNetConfig, head: Head, outputs: Array, predicted: Prediction | None) -> Array:
    return outputs if predicted is None else prediction.moved(config, head, outputs, predicted)


class WaveNet(nn.Module):
    """The whole network: codes ``[B, T]`` into outputs ``[B, T, outputs]``, each about the sample that follows.

    ``__call__`` runs a whole signal from silence, ``extend`` the next chunk, ``step`` the next sample; all three are
    the same function of the same parameters. ``__call__`` takes ``Conditions``; the other two take the part for their
    samples of what ``gate_inputs`` makes of them.
    """

    config: WaveNetConfig
    run_stack: RunStack | None = None
    """What ``__call__`` runs the gated stack and the output layer by; None: the layers in JAX."""

    def setup(self) -> None:
        config = self.config
        self.input = CausalInput(config)
        self.prediction = PredictionInput(config) if prediction.is_on(config) else None
        self.contexts = [ContextStack(config, period) for period in config.context_periods]
        self.conditioner = Conditioner(config)
        self.stack = GatedStack(config)
        self.output = OutputProjections(config)
        self.fine = OutputHead(config)

    @property
    def head(self) -> Head:
        """The distribution that the outputs stand for, without weights of its own (``bound_head`` has them)."""
        return head_of(self.config)

    @property
    def receptive_field(self) -> int:
        """See the function ``receptive_field``."""
        return receptive_field(self.config)

    @property
    def multiply_adds(self) -> int:
        """See the function ``multiply_adds``."""
        return multiply_adds(self.config)

    def bound_head(self) -> Head:
        """Returns the distribution that the outputs stand for."""
        return self.fine()

    def weights(self) -> WaveNetWeights:
        """Returns the prepared weights of all layers."""
        return WaveNetWeights(
            input=self.input.weights(),
            prediction=None if self.prediction is None else self.prediction.weights(),
            contexts=tuple(slow.weights() for slow in self.contexts),
            conditioner=self.conditioner.weights(),
            stack=self.stack.weights(),
            output=self.output.weights(),
            head=self.fine(),
        )

    def init_state(self, batch_size: int) -> WaveNetState:
        """Returns the state of ``batch_size`` streams after endless silence: zeros. Needs no parameters."""
        config = self.config
        return WaveNetState(
            input=input_layer.init_state(config, batch_size),
            adaptation=adaptation.init_state(config, batch_size) if adaptation.is_on(config) else None,
            prediction=prediction.init_state(config, batch_size) if prediction.is_on(config) else None,
            contexts=tuple(context.init_state(config, period, batch_size) for period in config.context_periods),
            stack=stack.init_state(config, batch_size),
        )

    def gate_inputs(self, conditions: Conditions, present: Array | None = None) -> GateInputs:
        """Embeds conditions for ``extend`` and ``step``, sample by sample: see ``conditioner.embed_conditions``."""
        return conditioner.at_samples(self.config, self.conditioner(conditions, present))

    def __call__(self, codes: Array, conditions: Conditions = Conditions(), train: bool = False) -> Array:
        """Computes the outputs of a whole signal: ``[B, T] -> [B, T, outputs]`` float32.

        ``train`` turns on dropout, of channels and of conditions, and noise; it needs a key named "dropout" where there
        is any.
        Frames may reach beyond the signal.
        """
        present = None
        if train and self.config.conditioning.condition_dropout:
            kept = 1 - self.config.conditioning.condition_dropout
            present = jax.random.bernoulli(self.make_rng("dropout"), kept, codes.shape[:1])
        config, length = self.config, codes.shape[1]
        gate_inputs = self.conditioner(conditions, present)
        if config.is_local and conditions.frames.shape[1] * config.hop != length + config.around_samples:
            gate_inputs = conditioner.at_samples(config, gate_inputs, length)
        before = self.init_state(codes.shape[0])
        if train and config.prediction.input_noise:
            filters, _ = _adapted(config, before.adaptation, codes, gate_inputs.filters)
            assert filters is not None
            codes = prediction.noisy(config, codes, filters, self.make_rng("dropout"))
        gate_inputs = _with_contexts(gate_inputs, [slow(codes) for slow in self.contexts], length)
        if self.is_initializing():
            self.fine()
        filters, _ = _adapted(config, before.adaptation, codes, gate_inputs.filters)
        weights = self.weights()
        x, predicted, _ = _enter(config, _entrance(weights), _entrance(before), codes, filters)
        if self.run_stack is None:
            outputs = self.output(self.stack(x, gate_inputs, train))
        else:
            outputs = self.run_stack(config, weights.stack, weights.output, x, gate_inputs)
        return _moved(config, self.head, outputs, predicted)

    def extend(
        self, state: WaveNetState, codes: Array, gate_inputs: GateInputs = GateInputs()
    ) -> tuple[Array, WaveNetState]:
        """Computes the outputs of the next chunk, ``[B, T] -> [B, T, outputs]``, and the state after it."""
        return extend(self.config, self.weights(), state, codes, gate_inputs)

    def step(
        self, state: WaveNetState, codes: Array, gate_inputs: GateInputs = GateInputs()
    ) -> tuple[Array, WaveNetState]:
        """Computes the outputs of the next sample, ``[B] -> [B, outputs]``, and the state after it."""
        weights = self.weights()
        if gate_inputs.time is not None:
            gate_inputs = gate_inputs._replace(time=gate_inputs.time[:, None])
        bias = stack.gate_bias(weights.stack, gate_inputs)
        return step(self.config, weights, state, codes, None if bias is None else bias[:, 0], gate_inputs.filters)


def _with_contexts(gate_inputs: GateInputs, context_outputs: list[Array], length: int) -> GateInputs:
    """Returns the gate inputs of ``length`` samples with the context outputs after the features."""
    if not context_outputs:
        return gate_inputs
    parts, features = context_outputs, gate_inputs.time
    if features is not None:
        parts = [jnp.repeat(features, length // features.shape[1], axis=1), *parts]
    return gate_inputs._replace(time=jnp.concatenate(parts, axis=-1))


def batch_axes(model: WaveNet) -> WaveNetState:
    """Returns, in place of each array of the state, the axis of its streams as a tuple; () where streams share it."""
    one, two = (jax.eval_shape(lambda size=size: model.init_state(size)) for size in (1, 2))

    def axes(left: jax.ShapeDtypeStruct, right: jax.ShapeDtypeStruct) -> tuple[int, ...]:
        return tuple(
            axis for axis, sizes in enumerate(zip(left.shape, right.shape, strict=True)) if sizes[0] != sizes[1]
        )

    return jax.tree.map(axes, one, two)


def parameter_shapes(config: WaveNetConfig) -> dict:
    """Returns names, shapes and dtypes of the parameters, without making them."""
    model = WaveNet(config)
    return jax.eval_shape(lambda key: model.init(key, method="weights"), jax.random.key(0))["params"]


def parameter_count(config: WaveNetConfig) -> int:
    """Counts the parameters of the network, without making them."""
    return sum(leaf.size for leaf in jax.tree.leaves(parameter_shapes(config)))
