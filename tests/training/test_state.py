"""The train step: what it computes does not depend on how the work is cut, and nothing bad gets into the weights."""

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.training.tiny import TRAINING, configured
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import RunConfig
from wavenet_jax.data import Batch, Batches
from wavenet_jax.training.sharding import check_divisible, make_mesh, put
from wavenet_jax.training.state import Trainer, TrainState, averaged


def batches(config: RunConfig, count: int) -> list[Batch]:
    made = Batches(TRAINING, Grid.of(config.model), batch_size=8, crop_samples=32, seed=0)
    return [made[k] for k in range(count)]


@cache
def trainer_of(config: RunConfig, devices: int = 1) -> Trainer:
    """A trainer, which is traced once."""
    return Trainer(config, make_mesh(jax.devices()[:devices]))


def trained(config: RunConfig, steps: int, devices: int = 1) -> tuple[TrainState, dict[str, Any]]:
    trainer = trainer_of(config, devices)
    state = trainer.init()
    for batch in batches(config, steps):
        state, metrics = trainer.step(state, put(trainer.mesh, batch))
    return jax.device_get((state, metrics))


def greatest_difference(ours: Any, theirs: Any) -> float:
    return max(jax.tree.leaves(jax.tree.map(lambda a, b: float(np.abs(a - b).max()), ours, theirs)))


@pytest.fixture(scope="module")
def reference() -> tuple[TrainState, dict[str, Any]]:
    return trained(configured(), 20)


def test_the_loss_starts_at_the_uniform_distribution_and_falls(reference: tuple[TrainState, dict]) -> None:
    first = trained(configured(), 1)[1]
    assert first["bits_per_sample"] == pytest.approx(4, abs=0.1)
    assert first["samples"] == batches(configured(), 1)[0].mask.sum()
    assert reference[1]["bits_per_sample"] < first["bits_per_sample"]


def test_eight_devices_are_one(reference: tuple[TrainState, dict]) -> None:
    difference = greatest_difference(trained(configured(), 20, devices=8)[0].params, reference[0].params)
    assert difference < 1e-6, difference  # measured: 3e-8


def test_microbatches_are_one_batch(reference: tuple[TrainState, dict]) -> None:
    difference = greatest_difference(trained(configured(microbatches=2), 20)[0].params, reference[0].params)
    assert difference < 1e-6, difference  # measured: 3e-8


def test_samples_that_are_masked_do_not_count() -> None:
    config = configured()
    trainer = trainer_of(config)
    (batch,) = batches(config, 1)
    mask = np.zeros_like(batch.mask)
    mask[:, :8] = True
    other = batch.codes.copy()
    other[:, 12:] = 0
    losses = [
        float(trainer.step(trainer.init(), put(trainer.mesh, Batch(codes, mask)))[1]["bits_per_sample"])
        for codes in (batch.codes, other)
    ]
    assert losses[0] == losses[1]


def test_a_step_that_is_not_finite_changes_nothing_but_the_counters() -> None:
    config = configured()
    trainer = trainer_of(config)
    batch = put(trainer.mesh, batches(config, 1)[0])
    state = trainer.init()
    state = state._replace(params=jax.tree.map(lambda leaf: leaf.at[(0,) * leaf.ndim].set(jnp.nan), state.params))
    before = jax.device_get(state)
    for count in (1, 2):
        state, metrics = trainer.step(state, batch)
        assert (int(state.step), int(state.skipped), int(state.skipped_in_a_row)) == (count, count, count)
        assert not np.isfinite(metrics["bits_per_sample"])
    after = jax.device_get(state)
    for name in ("params", "opt_state", "ema"):
        jax.tree.map(np.testing.assert_array_equal, getattr(after, name), getattr(before, name))

    good = trainer.init()
    state, metrics = trainer.step(state._replace(params=good.params, ema=good.ema), batch)
    assert (int(state.skipped), int(state.skipped_in_a_row)) == (2, 0)
    # The schedule counts updates, not steps.
    assert float(metrics["learning_rate"]) == pytest.approx(float(trainer.schedule(0)))


def test_the_average_lags_behind_and_can_be_left_out(reference: tuple[TrainState, dict]) -> None:
    state = reference[0]
    assert 0 < greatest_difference(state.ema, state.params) < 0.1
    assert averaged(state) is state.ema
    alone = trained(configured(ema_decay=None), 20)[0]
    assert alone.ema is None
    assert greatest_difference(averaged(alone), state.params) == 0


def test_dropout_differs_from_step_to_step_and_repeats_with_the_seed() -> None:
    config = configured(dropout=0.5, learning_rate=1e-12)
    trainer = trainer_of(config)
    batch = put(trainer.mesh, batches(config, 1)[0])

    def losses() -> list[float]:
        state, found = trainer.init(), []
        for _ in range(3):
            state, metrics = trainer.step(state, batch)
            found.append(float(metrics["bits_per_sample"]))
        return found

    assert len(set(losses())) == 3
    assert losses() == losses()


def test_bfloat16_keeps_float32_masters() -> None:
    state, metrics = trained(configured(compute_dtype="bfloat16"), 3)
    assert np.isfinite(metrics["bits_per_sample"])
    assert {leaf.dtype for leaf in jax.tree.leaves((state.params, state.ema))} == {np.dtype("float32")}


def test_the_step_compiles_once() -> None:
    config = configured()
    trainer = trainer_of(config, len(jax.devices()))
    state = trainer.init()
    for batch in batches(config, 3):
        state, _ = trainer.step(state, put(trainer.mesh, batch))
    moved = jax.device_put(jax.device_get(state), jax.tree.map(lambda leaf: leaf.sharding, trainer.state_shapes))
    trainer.step(moved, put(trainer.mesh, batch))
    assert trainer.step._cache_size() == 1


def test_a_batch_that_does_not_divide_is_refused() -> None:
    mesh = make_mesh()
    check_divisible(16, 2, mesh)
    fewer = "or use fewer devices, as JAX_NUM_CPU_DEVICES in the environment says"
    with pytest.raises(ValueError, match=rf"^batch_size must be a multiple of 8 \(8 devices\), got 12; {fewer}$"):
        check_divisible(12, 1, mesh)
    with pytest.raises(
        ValueError, match=rf"^batch_size must be a multiple of 16 \(8 devices x 2 microbatches\), got 8; {fewer}$"
    ):
        check_divisible(8, 2, mesh)
    with pytest.raises(ValueError, match=r"^batch_size must be a multiple of 3 \(1 device x 3 microbatches\), got 8$"):
        check_divisible(8, 3, make_mesh(jax.devices()[:1]))
