"""What runs on GPUs and TPUs is lowered for them on a CPU: nothing that only a CPU has gets into it."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from jax import export

from tests.sampling.networks import CONFIGS, KEY, STRATEGY, conditions
from tests.training.tiny import TRAINING, configured
from wavenet_jax.data import Batches
from wavenet_jax.engine import Engine
from wavenet_jax.engine.build import Library
from wavenet_jax.engine.packing import attributes
from wavenet_jax.model import WaveNet, parameter_shapes
from wavenet_jax.sampling import (
    Ancestral,
    Mode,
    Strategy,
    advance,
    begin,
    choose_engine,
    conditions_at,
    prefill,
    prepare_weights,
)
from wavenet_jax.sampling.native import advance_native
from wavenet_jax.training import make_mesh
from wavenet_jax.training.state import Trainer

ONLY_ON_POSIX = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
LENGTH, ACCELERATORS = 12, ["cuda", "tpu", pytest.param("rocm", marks=pytest.mark.slow)]
KERNEL, ENGINE = "xla_cpu_small_call", "wavenet_engine"
ONLY_ON_CPUS = re.compile(rf"xla_cpu_\w+|{ENGINE}|@(?:lapack|ducc|cpu)\w+")
WITH_EVERY_PART = [pytest.param(name, marks=pytest.mark.slow) for name in CONFIGS if name != "plain"]
NAMES = ["plain", *WITH_EVERY_PART]


def only_on_cpus(platform: str, function: Callable[..., Any], *forms: Any, **options: Any) -> set[str]:
    """What of a program is for CPUs alone. ``export`` refuses custom calls that JAX does not promise to keep."""
    program = export.export(jax.jit(function), platforms=[platform], **options)(*forms).mlir_module()
    return set(ONLY_ON_CPUS.findall(program))


def parts(name: str, guided: bool = False) -> tuple[Any, ...]:
    """A network, and forms of its weights, of a session of one stream, and of conditions."""
    model = WaveNet(CONFIGS[name])
    weights = jax.eval_shape(functools.partial(prepare_weights, model), parameter_shapes(CONFIGS[name]))
    session = jax.eval_shape(functools.partial(begin, model, KEY, 1, guided=guided))
    return model, weights, session, conditions_at(CONFIGS[name], conditions(name, 1), [0], LENGTH)


def of_sampler(platform: str, name: str, strategy: Strategy = STRATEGY, guidance: float | None = None) -> set[str]:
    model, weights, session, given = parts(name, guidance is not None)

    def sampler(weights: Any, session: Any, given: Any) -> Any:
        return advance(model, weights, strategy, session, LENGTH, given, guidance, scored=True)

    return only_on_cpus(platform, sampler, weights, session, given)


@pytest.mark.parametrize("platform", ACCELERATORS)
@pytest.mark.parametrize("name", NAMES)
def test_the_sampler(name: str, platform: str) -> None:
    assert of_sampler(platform, name) == set()


@pytest.mark.slow
@pytest.mark.parametrize("platform", ACCELERATORS)
@pytest.mark.parametrize("strategy", [Mode(), Ancestral(0.9, {"top_k": 3, "top_p": 0.9, "min_p": 0.01})])
def test_the_sampler_by_other_strategies_and_with_guidance(strategy: Strategy, platform: str) -> None:
    assert of_sampler(platform, "plain", strategy) == set()
    assert of_sampler(platform, "frames_and_classes", Mode(), guidance=1.5) == set()


@pytest.mark.parametrize("platform", ACCELERATORS)
@pytest.mark.parametrize("name", NAMES)
def test_the_prefill(name: str, platform: str) -> None:
    model, weights, session, given = parts(name)
    codes = jax.ShapeDtypeStruct((1, LENGTH), "int32")
    assert only_on_cpus(platform, functools.partial(prefill, model), weights, session, codes, given) == set()


@pytest.mark.parametrize("platform", ACCELERATORS)
@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.1},
        pytest.param({"compute_dtype": "bfloat16", "rematerialize": True, "microbatches": 2}, marks=pytest.mark.slow),
    ],
)
def test_the_training_step(changes: dict[str, Any], platform: str) -> None:
    config, mesh = configured(ema_decay=0.9, **changes), make_mesh(jax.devices()[:1])
    trainer = Trainer(config, mesh)
    batch = Batches.of(config, TRAINING)[0]
    assert only_on_cpus(platform, trainer.step, trainer.state_shapes, batch) == set()


def test_what_only_a_cpu_has_is_found() -> None:
    """The kernels of a stream alone, and the engine's custom call."""
    assert of_sampler("cpu", "plain") == {KERNEL}
    model, weights, session, _ = parts("plain")
    network = (*attributes(model.config, weights, "float32").items(), ("blocks", ()))
    engine = Engine(jax.ShapeDtypeStruct((64,), np.uint8), Library(ENGINE, "none"), network, 0.0)  # type: ignore[arg-type]

    def native(engine: Engine, weights: Any, session: Any) -> Any:
        return advance_native(model, weights, STRATEGY, session, LENGTH, engine=engine)

    allowed = [export.DisabledSafetyCheck.custom_call(ENGINE)]
    assert only_on_cpus("cpu", native, engine, weights, session, disabled_checks=allowed) == {ENGINE}


@pytest.mark.parametrize("platform", ["gpu", "tpu"])
def test_the_engine_is_never_chosen_there(platform: str) -> None:
    model, weights, session, _ = parts("plain")
    there = SimpleNamespace(devices=lambda: [SimpleNamespace(platform=platform)])
    chosen = choose_engine(model, weights, session._replace(latest=there), STRATEGY)
    assert chosen == (None, f"scan: the device is a {platform}")


def test_nothing_imports_what_only_posix_has() -> None:
    root = Path(__file__).parents[1]
    found = set()
    for path in (*root.glob("wavenet_jax/**/*.py"), *root.glob("experiments/**/*.py")):
        imported = re.findall(r"^(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
        found |= {(name, path.name) for name in imported if name in ONLY_ON_POSIX}
    assert found == set()
