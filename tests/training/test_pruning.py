"""Pruning: what becomes zero, when, and that it stays so."""

import itertools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.tiny import configured, events, of
from wavenet_jax.config import ConditioningConfig, FeatureConfig, PruningConfig, WaveNetConfig
from wavenet_jax.integrity import flatten
from wavenet_jax.runs import RunDirectory, load
from wavenet_jax.runs.checkpoint_files import read_meta
from wavenet_jax.training import StepDone, Validated
from wavenet_jax.training.checkpoints import checkpoint_items
from wavenet_jax.training.pruning import Blocks, Pruning, prunable
from wavenet_jax.training.sharding import make_mesh
from wavenet_jax.training.state import Trainer

CONFIG = configured(
    residual_channels=16,
    skip_channels=16,
    sparsity=0.75,
    sparsity_start=1,
    sparsity_end=6,
    sparsity_every=2,
    num_steps=8,
    save_every=4,
)


@settings(max_examples=15)
@given(sparsity=st.floats(0.01, 0.99), start=st.integers(0, 50), steps=st.integers(0, 100), every=st.integers(1, 20))
def test_the_share_of_zeros_rises_ever_slower_to_the_end(sparsity: float, start: int, steps: int, every: int) -> None:
    pruning = Pruning({}, sparsity, start, start + steps, every)
    shares = np.asarray(pruning.sparsity_after(np.arange(160)), np.float64)
    rises = np.diff(shares[start : start + steps + 1])
    assert (shares[:start] == 0).all()
    np.testing.assert_allclose(shares[start + steps :], sparsity, rtol=1e-6)
    assert (rises > -1e-7).all()
    assert (np.diff(rises) < 1e-6).all()


@settings(max_examples=15)
@given(
    shape=st.sampled_from([(3, 2, 2, 3), (2, 1, 5, 1)]),
    block=st.sampled_from([(1, 1), (4, 2)]),
    apart=st.sampled_from([0, 1]),
    share=st.floats(0, 1),
    seed=st.integers(0, 5),
)
def test_the_smallest_blocks_of_each_matrix_go(
    shape: tuple[int, ...], block: tuple[int, int], apart: int, share: float, seed: int
) -> None:
    outputs, inputs = block
    shape = (*shape[:2], shape[2] * inputs, shape[3] * outputs)
    kernel = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    blocks = Blocks(shape, 2, apart, inputs, outputs)
    pruned = np.asarray(blocks.smallest(blocks.sizes(kernel), share))
    masked = np.asarray(blocks.masked(kernel, ~pruned))
    for matrix, of_pruned, left in zip(
        *(
            array.reshape(-1 if apart else 1, *array.shape[1:]) if apart else array[None]
            for array in (kernel, pruned, masked)
        ),
        strict=True,
    ):
        assert of_pruned.sum() == np.round(np.float32(share) * of_pruned.size)
        tall, wide = matrix.shape[-2] // inputs, matrix.shape[-1] // outputs
        squares = (matrix.reshape(-1, tall, inputs, wide, outputs) ** 2).sum((2, 4)).reshape(of_pruned.shape)
        assert max(squares[of_pruned], default=0) <= min(squares[~of_pruned], default=np.inf)
        assert (left == 0).sum() == of_pruned.sum() * inputs * outputs
        assert ((left == matrix) | (left == 0)).all()


def test_large_kernels_are_pruned_that_each_sample_reads() -> None:
    config = configured(residual_channels=32, skip_channels=64).model
    stack = {"stack/dilated_kernel", "stack/residual_kernel", "stack/skip_kernel"}
    assert set(prunable(config, "16x4")) == stack | {"output/hidden_kernel", "output/outputs_kernel"}
    assert prunable(config, "16x4")["stack/dilated_kernel"].masks_shape == (2, 2, 8, 4)
    frames = {"features": FeatureConfig(local_features=("mel",)), "residual_channels": 16}
    each, held = (
        WaveNetConfig(**frames, conditioning=ConditioningConfig(local_channels=4, upsampling=how))
        for how in ("linear", "held")
    )
    assert prunable(each, "16x4")["stack/time_kernel"].masks_shape == (1, 10, 2)
    assert "stack/time_kernel" not in prunable(held, "16x4")
    mixture = WaveNetConfig(levels=65_536, companding="linear", head="logistic_mixture", input="scalar")
    assert "output/outputs_kernel" not in prunable(mixture, "16x4")
    with pytest.raises(
        ValueError, match="^sparsity needs kernels that blocks of 16x4 divide, and this network has none"
    ):
        prunable(configured(levels=8).model, "16x4")


def arrays_of(workdir: Path, step: int) -> Any:
    return read_meta(RunDirectory(workdir).checkpoint(step))["arrays"]


@pytest.mark.parametrize("optimizer", ["adam", pytest.param("muon", marks=pytest.mark.slow)])
def test_a_run_is_pruned_and_resumed_bit_for_bit(optimizer: str, tmp_path: Path) -> None:
    config = configured(**{**_changes(), "optimizer": optimizer})
    happened = events(tmp_path / "whole", config)
    shares = [done.metrics["sparsity"] for done in of(StepDone, happened)]
    assert shares[:2] == [0, 0]
    assert shares[5:] == [pytest.approx(0.75)] * 3
    assert all(before <= after for before, after in itertools.pairwise(shares))

    events(tmp_path / "cut", config, stop=lambda step: "enough" if step == 3 else None)
    events(tmp_path / "cut", config)
    assert arrays_of(tmp_path / "cut", 8) == arrays_of(tmp_path / "whole", 8)
    assert "masks/stack/skip_kernel" in arrays_of(tmp_path / "whole", 8)["optimizer"]

    params = flatten(load(tmp_path / "whole").params)  # the average
    for path, blocks in prunable(config.model, "16x4").items():
        share = (np.asarray(blocks.sizes(params[path])) == 0).mean()
        assert share == pytest.approx(0.75, abs=0.5 / np.prod(blocks.masks_shape[blocks.apart :])), path
    # Bits of networks with more weights do not compete.
    assert [event.step for event in of(Validated, happened)] == [4, 8]
    assert read_meta(RunDirectory(tmp_path / "whole").checkpoint(4))["bits_per_sample"] is None
    assert read_meta(RunDirectory(tmp_path / "whole").checkpoint(8))["bits_per_sample"] > 0


def _changes() -> dict[str, Any]:
    return {
        **{name: getattr(CONFIG.model, name) for name in ("residual_channels", "skip_channels")},
        **{name: getattr(CONFIG.pruning, name) for name in PruningConfig.__dataclass_fields__},
        **{name: getattr(CONFIG.train, name) for name in ("num_steps", "save_every")},
    }


def test_a_trained_network_is_pruned_before_the_first_step_where_that_is_asked_for() -> None:
    changes = {**_changes(), "sparsity_start": 0, "sparsity_end": 0}
    trainer = Trainer(configured(**changes), make_mesh(jax.devices()[:1]))
    state = trainer.init()
    assert trainer.pruning is not None
    assert float(trainer.pruning.zeros(state.masks)) == pytest.approx(0.75)
    again = trainer.init(state.params)
    for ours, theirs in zip(jax.tree.leaves(again), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert (np.asarray(state.ema["stack"]["skip_kernel"]) == 0).mean() == pytest.approx(0.75)


def test_a_run_that_does_not_prune_has_the_checkpoints_that_it_always_had() -> None:
    state = jax.eval_shape(Trainer(configured(), make_mesh(jax.devices()[:1]))._init)
    kept = {path.partition("/")[0] for path in flatten(checkpoint_items(state)["optimizer"])}
    assert kept == {"opt_state", "skipped", "skipped_in_a_row"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sparsity_start": 5, "sparsity_end": 4}, "sparsity_start must be at most sparsity_end=4, got 5"),
        ({"sparsity_end": 9}, "sparsity must be reached within the run: .*=1 <= sparsity_end=9 <= num_steps=8"),
        ({"weight_norm": True}, "sparsity does not go with weight_norm"),
        ({"sparsity": 1.0}, "sparsity must be below 1, got 1.0"),
        ({"sparsity_block": "3x3"}, "sparsity_block must be one of"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        configured(**{**_changes(), **changes})
