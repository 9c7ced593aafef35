"""Pre-emphasis and its inverse undo each other, in chunks too."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wavenet_jax.audio.emphasis import deemphasize, emphasize


@given(coefficient=st.floats(0.01, 0.99), cut=st.integers(1, 999))
def test_the_inverse_gives_the_waveform_back_in_chunks_of_any_size(coefficient: float, cut: int) -> None:
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, 1_000)
    emphasized = emphasize(waveform, coefficient)
    first = deemphasize(emphasized[:cut], coefficient)
    second = deemphasize(emphasized[cut:], coefficient, previous=float(first[-1]))
    assert np.abs(np.concatenate([first, second]) - waveform).max() < 1e-5  # measured: 3e-6 at 0.99


def test_it_is_the_difference_that_the_formula_says() -> None:
    assert np.allclose(emphasize(np.array([1.0, 0.5, 0.25]), 0.9, previous=1.0), [0.1, -0.4, -0.2])
