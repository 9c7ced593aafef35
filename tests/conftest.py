"""A strict room: eight CPU devices, no silent rank promotion; warnings are errors (pyproject.toml)."""

import hypothesis
import jax
import pytest

pytest.register_assert_rewrite("tests.contract")

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")

hypothesis.settings.register_profile("tests", deadline=None, max_examples=50, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("tests")
