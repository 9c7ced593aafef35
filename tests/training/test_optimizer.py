"""Schedules have the shape they are named for; rules update what they should."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wavenet_jax.config import OptimizerConfig, WaveNetConfig
from wavenet_jax.model import WaveNet
from wavenet_jax.training.optimizer import make_optimizer, make_schedule, update_average

PARAMS = {
    "layer": {"dilated_kernel": jnp.ones((2, 2, 1, 3)), "dilated_bias": jnp.ones((2, 3)), "kernel_scale": jnp.ones(3)}
}


def rates(count: int, **options: object) -> np.ndarray:
    schedule = make_schedule(OptimizerConfig(learning_rate=1.0, **options), num_steps=100)
    return np.array([schedule(step) for step in range(count)])


def test_the_warm_up_rises_evenly_and_moves_from_the_first_step() -> None:
    assert rates(5, schedule="constant", warmup_steps=4) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])


def test_constant() -> None:
    assert (rates(200, schedule="constant", warmup_steps=0) == 1).all()


def test_cosine_ends_at_its_fraction_when_the_run_ends() -> None:
    values = rates(151, schedule="cosine", warmup_steps=10, final_fraction=0.1)
    assert values[10] == pytest.approx(1)
    assert values[55] == pytest.approx(0.55, abs=1e-3)
    assert values[100:] == pytest.approx(0.1)


def test_step_decay() -> None:
    values = rates(25, schedule="step_decay", warmup_steps=0, decay_steps=10, decay_rate=0.5)
    assert values[[0, 9, 10, 19, 20]] == pytest.approx([1, 1, 0.5, 0.5, 0.25])


def test_noam_falls_with_the_root_of_the_step() -> None:
    values = rates(41, schedule="noam", warmup_steps=10)
    assert values.argmax() == 10
    assert values[40] == pytest.approx(0.5)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "adafactor", "lion", "muon"])
def test_every_rule_goes_downhill(optimizer: str) -> None:
    config = OptimizerConfig(optimizer=optimizer, learning_rate=0.15, schedule="constant", warmup_steps=0)
    rule = make_optimizer(config, make_schedule(config, 50))

    @jax.jit
    def step(params: dict, state: object) -> tuple[dict, object]:
        gradient = jax.grad(lambda tree: sum(jnp.square(leaf).sum() for leaf in jax.tree.leaves(tree)))(params)
        updates, state = rule.update(gradient, state, params)
        return jax.tree.map(jnp.add, params, updates), state

    params, state = PARAMS, rule.init(PARAMS)
    for _ in range(50):
        params, state = step(params, state)
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(params)) < 0.5


def test_muon_moves_each_layer_by_an_orthogonal_matrix_as_far_as_adam_would() -> None:
    config = OptimizerConfig(optimizer="muon", learning_rate=1.0, clip_norm=None, schedule="constant", warmup_steps=0)
    model = WaveNet(WaveNetConfig(levels=8, residual_channels=4, skip_channels=6, dilation_cycle=(1, 2)))
    params = model.init(jax.random.key(0), method="weights")["params"]
    gradient = jax.tree.map(lambda leaf: jax.random.normal(jax.random.key(leaf.size), leaf.shape), params)
    rule = make_optimizer(config, make_schedule(config, 1))
    updates = jax.jit(rule.update)(gradient, rule.init(params), params)[0]
    stack, output = updates["stack"], updates["output"]
    matrices = {
        "dilated": stack["dilated_kernel"].reshape(2, 8, 8),
        "residual": stack["residual_kernel"],
        "skip": stack["skip_kernel"].reshape(1, 8, 6),
        "hidden": output["hidden_kernel"][None],
    }
    for name, kernel in matrices.items():
        for matrix in np.asarray(kernel):
            stretch = np.linalg.svd(matrix, compute_uv=False) / (0.2 * max(matrix.shape) ** 0.5)
            # Its polynomial brings singular values near one, not to it.
            assert stretch == pytest.approx(1, abs=0.4), name
    # The first step of Adam, whatever the gradient, is the learning rate; Nesterov's momentum goes half a step further.
    for adams in (updates["input"]["kernel"], stack["dilated_bias"], output["outputs_kernel"]):
        assert np.abs(adams) == pytest.approx(1 + 0.9 * 0.1 / (1 - 0.9**2), abs=1e-3)


@pytest.mark.parametrize("optimizer", ["adamw", "lion", "muon"])
def test_weight_decay_spares_biases_and_scales(optimizer: str) -> None:
    config = OptimizerConfig(
        optimizer=optimizer, learning_rate=0.1, weight_decay=0.5, schedule="constant", warmup_steps=0
    )
    rule = make_optimizer(config, make_schedule(config, 1))
    nothing = jax.tree.map(jnp.zeros_like, PARAMS)
    updates = rule.update(nothing, rule.init(PARAMS), PARAMS)[0]["layer"]
    assert np.asarray(updates["dilated_kernel"]) == pytest.approx(-0.05)
    assert not updates["dilated_bias"].any()
    assert not updates["kernel_scale"].any()


def test_clipping_bounds_the_gradient() -> None:
    # Adam scales every gradient away, except one far below its epsilon: there the length shows in the update.
    def longest(clip_norm: float | None) -> float:
        config = OptimizerConfig(clip_norm=clip_norm, learning_rate=1.0, schedule="constant", warmup_steps=0)
        rule = make_optimizer(config, make_schedule(config, 1))
        updates = rule.update(PARAMS, rule.init(PARAMS), PARAMS)[0]
        return max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(updates))

    assert longest(None) == pytest.approx(1, rel=1e-4)
    assert longest(1e-12) < 1e-3


def test_the_average_forgets_the_start_then_remembers() -> None:
    average, params = {"w": jnp.zeros(())}, {"w": jnp.ones(())}
    assert float(update_average(average, params, jnp.int32(0), 0.999)["w"]) == pytest.approx(0.9)
    assert float(update_average(average, params, jnp.int32(10**6), 0.999)["w"]) == pytest.approx(0.001, rel=1e-4)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight_decay": 0.1}, "^weight_decay works with adamw, lion or muon, got optimizer adam$"),
        ({"schedule": "noam", "warmup_steps": 0}, "^schedule noam needs warmup_steps of at least 1, got 0$"),
    ],
)
def test_options_that_do_not_fit_each_other(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        OptimizerConfig(**options)
