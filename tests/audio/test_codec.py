"""Quantisation grids: rounding, clipping, silence, and the published companding curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import WaveNetConfig

grids = st.builds(Grid, st.integers(2, 65_536), st.sampled_from(["mu_law", "linear"]))
waveforms = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=50).map(lambda x: np.array(x, np.float32))


@given(grids)
def test_every_code_survives_decoding_and_encoding(grid: Grid) -> None:
    codes = np.arange(grid.levels)
    np.testing.assert_array_equal(grid.encode(grid.decode(codes)), codes)


@given(grids)
def test_values_increase_from_minus_one_to_one(grid: Grid) -> None:
    assert grid.values.dtype == np.float32
    assert grid.values[0] == -1
    assert grid.values[-1] == 1
    assert (np.diff(grid.values) > 0).all()


@given(grids, waveforms)
def test_codes_lie_on_the_grid_next_to_the_waveform(grid: Grid, waveform: np.ndarray) -> None:
    codes = grid.encode(waveform)
    assert codes.dtype == np.int32
    below = grid.values[np.maximum(codes - 1, 0)]
    above = grid.values[np.minimum(codes + 1, grid.levels - 1)]
    assert ((below <= waveform) & (waveform <= above)).all()


@given(grids, waveforms)
def test_louder_than_full_scale_is_clipped(grid: Grid, waveform: np.ndarray) -> None:
    np.testing.assert_array_equal(grid.encode(waveform * 40), grid.encode(np.clip(waveform * 40, -1, 1)))


@given(waveforms)
def test_linear_error_is_at_most_half_a_level(waveform: np.ndarray) -> None:
    grid = Grid(1024, "linear")
    assert np.abs(grid.decode(grid.encode(waveform)) - waveform).max() <= 1 / 1023 + 1e-7


def test_mu_law_spends_its_levels_near_silence() -> None:
    spacing = np.diff(Grid(256, "mu_law").values)
    assert spacing[127] == pytest.approx(1.7e-4, rel=0.02)
    assert spacing[-1] == pytest.approx(0.0430, rel=0.02)


def test_mu_law_follows_the_published_curve() -> None:
    """ITU-T G.711 with mu = 255: half of full scale is compressed to ln(128.5) / ln(256)."""
    expected = round((np.log(128.5) / np.log(256) + 1) / 2 * 255)
    assert Grid(256, "mu_law").encode(np.array([0.5]))[0] == expected


@pytest.mark.parametrize("companding", ["mu_law", "linear"])
def test_silence_is_the_middle_of_the_grid(companding: str) -> None:
    assert Grid(256, companding).silence == 128
    assert Grid(255, companding).silence == 127


def test_a_model_names_its_grid() -> None:
    assert Grid.of(WaveNetConfig(levels=64, companding="linear")) == Grid(64, "linear")
