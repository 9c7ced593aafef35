"""Bit for bit means: with the programs that users run."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def as_users_run_it(optimized: None) -> None:
    """Has XLA optimize."""
