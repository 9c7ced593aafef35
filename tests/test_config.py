"""Config dataclasses: bounds, derived facts, and JSON both ways."""

import dataclasses
import json

import pytest
from hypothesis import given

from tests.strategies import run_configs
from wavenet_jax.config import DataConfig, RunConfig, WaveNetConfig, from_json, to_json
from wavenet_jax.model import receptive_field


@given(run_configs())
def test_json_round_trip(config: RunConfig) -> None:
    assert from_json(RunConfig, to_json(config)) == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"levels": 1}, "levels must be at least 2, got 1"),
        ({"sample_rate": 10**6}, "sample_rate must be at most 768000, got 1000000"),
        ({"dropout": 1.0}, "dropout must be below 1, got 1.0"),
        ({"dropout": float("nan")}, "dropout must be a finite number, got nan"),
        ({"companding": "a_law"}, "companding must be one of mu_law, linear, got 'a_law'"),
        ({"dilation_cycle": (1, 0)}, "dilation_cycle must be at least 1, got 0"),
        ({"dilation_cycle": ()}, "dilation_cycle must name at least one dilation, got none"),
        ({"gate_channels": 63}, r"gate_channels must be even \(a tanh and a sigmoid half\), got 63"),
        ({"skip_channels": None}, "skip_channels needs a value, got none"),
    ],
)
def test_values_out_of_bounds_are_refused_by_name(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        WaveNetConfig(**options)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not valid JSON: "),
        ("[]", r"RunConfig must be a JSON object, got \[\]"),
        ('{"colour": 1}', "RunConfig has no field 'colour'; it was written by another version"),
        ('{"model": {"levels": 1}}', "levels must be at least 2, got 1"),
        ('{"model": {"levels": "256"}}', "levels must be of type int, got '256'"),
        ('{"model": {"bias": 1}}', "bias must be of type bool, got 1"),
        ('{"model": {"levels": true}}', "levels must be of type int, got True"),
        ('{"model": {"levels": null}}', "levels needs a value, got none"),
        ('{"model": {"dilation_cycle": [1, 2.5]}}', "dilation_cycle must be of type "),
    ],
)
def test_json_that_is_no_config_is_refused_by_name(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        from_json(RunConfig, text)


def test_a_text_in_place_of_a_tuple_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"^data_dir must be a tuple, got the text 'recordings'; write \('recordings',\)$"
    ):
        DataConfig(data_dir="recordings")  # type: ignore[arg-type]


def test_json_keeps_every_field() -> None:
    tree = json.loads(to_json(RunConfig()))
    assert set(tree) == {field.name for field in dataclasses.fields(RunConfig)}
    assert set(tree["model"]) == {field.name for field in dataclasses.fields(WaveNetConfig)}


def test_base_system_is_the_default() -> None:
    config = WaveNetConfig()
    assert config.layers == 10
    assert config.hidden_channels == 64
    assert config.resolved_end_channels == 256


def test_derived_facts_follow_the_options() -> None:
    config = WaveNetConfig(
        dilation_cycle=(1, 3), cycles=2, kernel_size=4, input_kernel_size=5, gate_channels=6, end_channels=7
    )
    assert config.dilations == (1, 3, 1, 3)
    assert receptive_field(config) == 3 * 8 + 5
    assert config.hidden_channels == 3
    assert config.resolved_end_channels == 7
