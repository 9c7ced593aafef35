"""The contract of tests/contract.py, over the layers and the options of the model."""

import dataclasses
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.contract import tempos_of_layer, tempos_of_model, verify
from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.conditions import stream_conditions
from wavenet_jax.config import ConditioningConfig, ContextConfig, FeatureConfig, PredictionConfig, WaveNetConfig
from wavenet_jax.model import WaveNet, context, stack
from wavenet_jax.model import input as input_layer
from wavenet_jax.model.context import ContextStack
from wavenet_jax.model.input import CausalInput
from wavenet_jax.model.stack import GatedStack
from wavenet_jax.typing import Conditions

TINY = {"levels": 8, "residual_channels": 4, "skip_channels": 6, "dilation_cycle": (1, 2)}

SLOW = ContextConfig(
    context_periods=(5, 3),
    context_residual_channels=3,
    context_skip_channels=4,
    context_dilation_cycle=(1, 2),
    context_channels=2,
)

# Together they turn every option on; few, because each is compiled for whole, chunks and steps, with gradients.
CONFIGS = {
    "plain": {},
    "one_layer_one_tap": {"kernel_size": 1, "dilation_cycle": (3,), "bias": False},
    "any_dilations_and_widths": {"kernel_size": 3, "dilation_cycle": (3, 1), "gate_channels": 6, "end_channels": 3},
    "cycles_and_wide_input": {"cycles": 2, "input_kernel_size": 3, "residual_scaling": True},
    "weight_norm_and_smoothed_features": {
        "weight_norm": True,
        "dilation_cycle": (2,),
        "kernel_size": 4,
        "features": FeatureConfig(local_features=("file",), file_channels=3, hop_samples=6),
        "conditioning": ConditioningConfig(
            local_channels=3, upsampling="smoothed", upsampling_strides=(2, 3), smoothing_channels=3
        ),
    },
    "bfloat16": {"compute_dtype": "bfloat16"},
    "scalar_mixture": {
        "input": "scalar",
        "input_kernel_size": 2,
        "head": "logistic_mixture",
        "levels": 65_536,
        "mixture_components": 2,
    },
    "two_bytes_recomputed": {
        "input": "waveform",
        "head": "coarse_fine",
        "levels": 65_536,
        "fine_channels": 3,
        "cycles": 2,
        "rematerialize": True,
    },
    "gaussian_of_classes": {
        "head": "gaussian_mixture",
        "mixture_components": 1,
        "conditioning": ConditioningConfig(condition_on_classes=True, classes=("who=a", "who=b", "where=c")),
    },
    "features_and_vector": {
        "features": FeatureConfig(local_features=("file",), file_channels=3, hop_samples=6),
        "conditioning": ConditioningConfig(local_channels=5, vector_channels=2, lookahead_frames=2),
    },
    "two_contexts": {"context": SLOW},
    "contexts_and_features": {
        "kernel_size": 3,
        "context": dataclasses.replace(SLOW, context_periods=(4,)),
        "features": FeatureConfig(local_features=("file",), file_channels=1, hop_samples=3),
        "conditioning": ConditioningConfig(local_channels=2, upsampling="linear", lookbehind_frames=0),
    },
}

VOICED = FeatureConfig(
    local_features=("f0", "mel"),
    hop_samples=6,
    fft_size=64,
    mel_channels=5,
    f0_low_hz=300.0,
    f0_high_hz=900.0,
)
MIXTURE = {"companding": "linear", "mixture_axis": "linear", "head": "logistic_mixture", "mixture_components": 2}
CONFIGS |= {
    "prediction": {
        **MIXTURE,
        "input": "scalar",
        "sample_rate": 4_000,
        "levels": 65_536,
        "features": VOICED,
        "conditioning": ConditioningConfig(local_channels=3, upsampling="held", frame_layers=2),
        "prediction": PredictionConfig(linear_prediction=3, pitch_taps=3),
    },
    "prediction_from_the_past": {
        **MIXTURE,
        "sample_rate": 3_000,
        "levels": 1_024,
        "context": dataclasses.replace(SLOW, context_periods=(4,), context_dilation_cycle=(1,)),
        "prediction": PredictionConfig(linear_prediction=2),
    },
    "prediction_as_input": {
        "sample_rate": 4_000,
        "context": dataclasses.replace(SLOW, context_periods=(4,)),
        "features": dataclasses.replace(VOICED, local_features=("mel",)),
        "conditioning": ConditioningConfig(local_channels=2),
        "prediction": PredictionConfig(linear_prediction=2),
    },
}

# Measured: 9e-7 in float32 and 0.02 in bfloat16, whose numbers have 8 bits.
TOLERANCE = {"float32": 2e-6, "bfloat16": 5e-2}


@pytest.fixture(scope="module")
def differences() -> Iterator[dict[str, float]]:
    """Collects the greatest difference of each config, and prints it at the end (``pytest -s``)."""
    found: dict[str, float] = {}
    yield found
    for dtype, names in (("float32", found.keys() - {"bfloat16"}), ("bfloat16", found.keys() & {"bfloat16"})):
        greatest = max((found[name] for name in names), default=0.0)
        print(f"\ngreatest difference between whole, chunks and steps, {len(names)} configs in {dtype}: {greatest:.1e}")


def make(config: WaveNetConfig, length: int, seed: int = 0) -> tuple[WaveNet, dict, jax.Array, jax.Array]:
    """Makes a model, parameters that no symmetry makes special, and two inputs that differ in every sample."""
    model = WaveNet(config)
    random = np.random.default_rng(seed)
    codes = random.integers(0, config.levels, (3, length))
    other = (codes + random.integers(1, config.levels, codes.shape)) % config.levels
    params = jax.jit(lambda key: model.init(key, method="weights"))(jax.random.key(seed))["params"]

    def changed(path: tuple, leaf: jax.Array) -> jax.Array:
        # In front of rectifiers, above zero: ones that let nothing through would hide the past.
        middle = 1.0 if path[-1].key in ("skip_bias", "hidden_bias") else 0.0
        return leaf + middle + 0.1 * random.standard_normal(leaf.shape).astype(np.float32)

    params = jax.tree_util.tree_map_with_path(changed, params)
    return model, params, jnp.asarray(codes, jnp.int32), jnp.asarray(other, jnp.int32)


def conditions_for(config: WaveNetConfig, rows: int, length: int) -> Conditions:
    """Makes conditions of all kinds that the network has, for signals of ``length`` samples."""
    random, options = np.random.default_rng(2), config.conditioning
    if not config.is_local and not options.is_global:
        return Conditions()
    frames = ceil_div(length, config.features.hop_samples) + options.frames_before + options.frames_after
    sizes = [len(names) + 1 for names in options.families.values()]
    streams = {
        "class": jnp.asarray(random.integers(0, sizes, (rows, len(sizes)))) if options.condition_on_classes else None,
        "vector": jnp.asarray(random.standard_normal((rows, options.vector_channels)), jnp.float32),
    }
    values = random.standard_normal((rows, frames, config.features.channels)).astype(np.float32)
    if "f0" in config.features.local_features:  # voiced, the period changing, and the longest at the end
        values[..., config.features.columns("f0")] = 0, 1
        values[:, : frames // 2, 0] = random.uniform(0, 1, (rows, frames // 2))
    return Conditions(
        streams={name: values for name, values in streams.items() if name in stream_conditions(config)},
        frames=jnp.asarray(values) if config.is_local else None,
    )


def telling_length(config: WaveNetConfig, at_least: int) -> int:
    """Returns a length at which the last output depends on as many samples as it ever does."""
    handed_on = (config.kernel_size - 1) * sum(config.dilations[1:])
    period = max(config.context_periods, default=1)
    if config.prediction.linear_prediction and not config.has_log_mel:
        # The oldest residual that is heard is one at the end of its filter's block.
        handed_on = (config.kernel_size - 1) * sum(config.dilations) + 1
        period = config.adaptation_samples
    return math.ceil((at_least - handed_on) / period) * period + handed_on


@pytest.mark.parametrize("name", CONFIGS)
def test_model(name: str, differences: dict[str, float]) -> None:
    config = WaveNetConfig(**{**TINY, **CONFIGS[name]})
    field = WaveNet(config).receptive_field
    model, params, codes, other = make(config, telling_length(config, field + 10))
    differences[name] = verify(
        tempos_of_model(model),
        params,
        codes,
        receptive_field=field,
        chunks=(1, 6),
        other=other,
        tolerance=TOLERANCE[config.compute_dtype],
        conditions=conditions_for(config, *codes.shape),
    )


LAYERS = WaveNetConfig(**{**TINY, **CONFIGS["any_dilations_and_widths"]}, context=SLOW)


@pytest.mark.parametrize("kind", ["input", "stack", "context"])
def test_layers(kind: str) -> None:
    random, config = np.random.default_rng(1), LAYERS
    if kind == "input":
        config = dataclasses.replace(config, input_kernel_size=3)
        layer, field = CausalInput(config), input_layer.receptive_field(config)
        tempos = tempos_of_layer(
            layer, lambda rows: input_layer.init_state(config, rows), input_layer.extend, input_layer.step
        )
    elif kind == "stack":
        config = dataclasses.replace(config, context=ContextConfig())
        layer, field = GatedStack(config), stack.receptive_field(config)
        tempos = tempos_of_layer(layer, lambda rows: stack.init_state(config, rows), stack.extend, stack.step)
    else:
        layer, field = ContextStack(config, 5), context.receptive_field(config, 5)
        tempos = tempos_of_layer(layer, lambda rows: context.init_state(config, 5, rows), context.extend, context.step)
    if kind == "stack":
        x = jnp.asarray(random.standard_normal((2, field + 10, config.residual_channels)), jnp.float32)
        other = x + 1
    else:
        x = jnp.asarray(random.integers(0, config.levels, (2, field + 10)), jnp.int32)
        other = (x + 1) % config.levels
    params = jax.jit(layer.init)(jax.random.key(0), x)["params"]
    verify(tempos, params, x, receptive_field=field, chunks=(7, 2), other=other, tolerance=TOLERANCE["float32"])


@pytest.mark.slow
@settings(max_examples=30, phases=[Phase.generate])
@given(
    cycle=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    kernel_size=st.integers(1, 4),
    input_kernel_size=st.integers(1, 4),
    chunks=st.lists(st.integers(1, 9), max_size=3),
    seed=st.integers(0, 99),
)
def test_any_config(cycle: list[int], kernel_size: int, input_kernel_size: int, chunks: list[int], seed: int) -> None:
    config = WaveNetConfig(
        **{**TINY, "dilation_cycle": tuple(cycle)}, kernel_size=kernel_size, input_kernel_size=input_kernel_size
    )
    field = WaveNet(config).receptive_field
    model, params, codes, other = make(config, field + sum(chunks) + 2, seed)
    verify(
        tempos_of_model(model),
        params,
        codes,
        receptive_field=field,
        chunks=chunks,
        other=other,
        tolerance=TOLERANCE["float32"],
    )
