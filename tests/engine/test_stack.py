"""The gated stack and the output layer in C++ are those in JAX: outputs, every gradient, and what a run learns."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.contract import tempos_of_model, verify
from tests.model.test_contract import CONFIGS, TINY, conditions_for, make, telling_length
from tests.training.tiny import configured, events, of
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.engine import EngineMissingError, NativeStack, choose_stack, kinds, missing_stack_part, stack_library
from wavenet_jax.engine import stack as native
from wavenet_jax.model import GateInputs, OutputWeights, StackWeights, WaveNet
from wavenet_jax.model.output import project
from wavenet_jax.model.stack import GatedStack, whole
from wavenet_jax.training import Started, StepDone

RUNS = [name for name, options in CONFIGS.items() if missing_stack_part(WaveNetConfig(**{**TINY, **options})) is None]
FAST = ("any_dilations_and_widths", "prediction")

SHAPES: dict[str, dict[str, Any]] = {  # rows, samples, samples of a condition, and outputs, then the network
    "blocks": {"at": (3, 700, 7, 41), "residual_channels": 20, "gate_channels": 36, "skip_channels": 33}
    | {"kernel_size": 3, "end_channels": 50, "dilation_cycle": (1, 300, 2)},
    "stages": {"at": (1, 900, 0, 256), "residual_channels": 32, "skip_channels": 64, "dilation_cycle": (1, 512, 230, 1)}
    | {"residual_scaling": True, "bias": False},
    "one_tap": {"at": (2, 500, 500, 3), "residual_channels": 5, "skip_channels": 70, "dilation_cycle": (3,)}
    | {"kernel_size": 1},
    "wide": {"at": (4, 460, 1, 256), "residual_channels": 64, "skip_channels": 256, "dilation_cycle": (1, 2, 4)},
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in FAST)) for name in RUNS])
def test_it_keeps_the_contract(name: str) -> None:
    """The whole in C++ is the chunks and the steps in JAX."""
    config = WaveNetConfig(**{**TINY, **CONFIGS[name]})
    model, params, codes, other = make(config, telling_length(config, WaveNet(config).receptive_field + 10))
    verify(
        tempos_of_model(WaveNet(config, NativeStack(stack_library()))),
        params,
        codes,
        receptive_field=model.receptive_field,
        chunks=(1, 6),
        other=other,
        tolerance=5e-6,  # measured: 3e-6, of a mixture; others 1e-6
        conditions=conditions_for(config, *codes.shape),
    )


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow) for kind in kinds()[1:]] + kinds()[:1])
@pytest.mark.parametrize(
    "name", [name if name == "blocks" else pytest.param(name, marks=pytest.mark.slow) for name in SHAPES]
)
def test_long_signals_and_all_their_gradients(name: str, kind: str) -> None:
    """Blocks, stages of layers and groups of rows; the same bits each time, whatever threads do."""
    options = dict(SHAPES[name])
    rows, length, each, outputs = options.pop("at")
    config, random = WaveNetConfig(**options), np.random.default_rng(0)

    def normal(*shape: int) -> jax.Array:
        return jnp.asarray(random.standard_normal(shape), jnp.float32)

    layer = GatedStack(config)
    weights: StackWeights = layer.apply(layer.init(jax.random.key(0), method="weights"), method="weights")
    gate_inputs = GateInputs()
    if each:
        weights = weights._replace(time=normal(3, config.layers, 2 * config.hidden_channels))
        gate_inputs = GateInputs(time=normal(rows, length // each, 3))
    skip, end = config.skip_channels, config.resolved_end_channels
    output = OutputWeights(normal(skip, end) * skip**-0.5, normal(end), normal(end, outputs), normal(outputs))
    x, slope = normal(rows, length, config.residual_channels), normal(rows, length, outputs)

    def results(run: Any) -> Any:
        def of(*arrays: Any) -> Any:
            total, pull = jax.vjp(functools.partial(run, config), *arrays)
            return total, pull(slope)

        return jax.device_get(jax.jit(of)(weights, output, x, gate_inputs))

    ours, again = (results(NativeStack(stack_library(kind))) for _ in range(2))
    jax.tree.map(np.testing.assert_array_equal, ours, again)
    for left, right in zip(jax.tree.leaves(ours), jax.tree.leaves(results(_in_jax)), strict=True):
        scale = max(np.abs(right).max(initial=0), 1)
        assert np.abs(left - right).max(initial=0) <= 1e-5 * scale  # measured: 3e-6


def _in_jax(config: Any, weights: StackWeights, output: OutputWeights, x: jax.Array, gate_inputs: Any) -> jax.Array:
    return project(output, whole(config, weights, x, gate_inputs))


def test_a_run_learns_the_same(tmp_path: Any) -> None:
    runs = {name: events(tmp_path / name, configured(), stack=name) for name in ("native", "jax")}
    assert of(Started, runs["native"])[0].stack == f"native ({kinds()[0]})"
    assert of(Started, runs["jax"])[0].stack == "jax"
    ours, theirs = ([done.metrics["bits_per_sample"] for done in of(StepDone, run)] for run in runs.values())
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("changes", "devices", "reason"),
    [
        ({"dropout": 0.1}, 1, "dropout inside the stack"),
        ({"rematerialize": True}, 1, "rematerialize"),
        ({"compute_dtype": "bfloat16"}, 1, "compute_dtype=bfloat16"),
        ({}, 2, "several devices"),
    ],
)
def test_what_it_cannot_do_is_done_in_jax(changes: dict[str, Any], devices: int, reason: str) -> None:
    config = dataclasses.replace(WaveNetConfig(**TINY), **changes)
    assert choose_stack(config, jax.devices()[:devices]) == (None, f"jax: {reason}")
    with pytest.raises(ValueError, match=f"^stack=native cannot train this network: {reason}; leave stack out$"):
        choose_stack(config, jax.devices()[:devices], "native")


def test_without_a_compiler_there_is_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise EngineMissingError("there is no compiler")

    monkeypatch.setattr(native, "stack_library", missing)
    assert choose_stack(WaveNetConfig(**TINY), jax.devices()[:1]) == (None, "jax: there is no compiler")
