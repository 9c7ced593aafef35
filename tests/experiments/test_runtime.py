"""How a process is set up."""

import os
import subprocess
import sys

import pytest

from tests.experiments.conftest import ROOT

_PROGRAM = """
from experiments import runtime
runtime.start(cores_as_devices=%s)
import jax
print(jax.device_count())
"""


@pytest.mark.parametrize(
    ("asked", "environment", "devices"),
    [
        (True, {}, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        (True, {"JAX_NUM_CPU_DEVICES": "3"}, 3),
        (True, {"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}, 3),
        (False, {}, 1),
    ],
)
def test_cores_are_devices_where_that_is_asked_and_nothing_else_chosen(
    asked: bool, environment: dict[str, str], devices: int
) -> None:
    others = {name: value for name, value in os.environ.items() if name not in ("JAX_NUM_CPU_DEVICES", "XLA_FLAGS")}
    ended = subprocess.run(
        [sys.executable, "-c", _PROGRAM % asked],
        cwd=ROOT,
        env={**others, **environment, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(ended.stdout) == devices
