"""A strict room: eight CPU devices, no silent rank promotion; warnings are errors (pyproject.toml)."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

import hypothesis
import jax
import pytest

from wavenet_jax.acoustic import training as acoustic
from wavenet_jax.config import TrainConfig
from wavenet_jax.training import run

pytest.register_assert_rewrite("tests.contract")

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_rank_promotion", "raise")
# Most of the time goes into compilation, of programs that run for milliseconds. Where the bits of what users run are
# tested, the fixture ``optimized`` undoes it.
jax.config.update("jax_disable_most_optimizations", True)

hypothesis.settings.register_profile("tests", deadline=None, max_examples=50, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("tests")


@pytest.fixture(scope="module")
def optimized() -> Iterator[None]:
    """Has XLA optimize as it does for users."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keeps caches out of the user's folder; tests of the same configuration share compiled programs, as users do.

    So do the workers of one run, whose folders lie side by side: what one has compiled, the others find.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "cache"
    folder.mkdir(exist_ok=True)
    jax.config.update("jax_compilation_cache_dir", str(folder / "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield


def made_once(make: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a function that makes things, but only one of the same arguments."""
    made = functools.lru_cache(maxsize=16)(lambda mode, *arguments: make(*arguments))
    return lambda *arguments: made(jax.config.read("jax_disable_most_optimizations"), *arguments)


def traced_once(trainer: Callable[..., Any]) -> Callable[..., Any]:
    """Returns ``Trainer``, but one for all runs that compute the same, whatever they learn from and report."""
    made = made_once(trainer)

    def shared(config: Any, *others: Any) -> Any:
        data = dataclasses.replace(config.data, data_dir=(), cache_dir=None)
        train = TrainConfig(num_steps=config.train.num_steps, seed=config.train.seed)
        return made(dataclasses.replace(config, data=data, train=train), *others)

    return shared


@pytest.fixture(scope="session", autouse=True)
def shared_functions() -> Iterator[None]:
    """Has runs share jitted functions, which are pure: tracing them takes longer than all steps of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "Trainer", traced_once(run.Trainer))
        patch.setattr(run, "Evaluator", made_once(run.Evaluator))
        patch.setattr(acoustic, "AcousticTrainer", traced_once(acoustic.AcousticTrainer))
        yield
