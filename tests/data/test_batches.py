"""Batch k depends on the data, the seed and k, and on nothing else."""

import contextlib
import dataclasses
import hashlib
import itertools

import grain
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import ConditioningConfig, DataConfig, FeatureConfig, RunConfig, TrainConfig, WaveNetConfig
from wavenet_jax.data import Batch, Batches, SyntheticSource, prefetch

GRID = Grid(256, "mu_law")
source = SyntheticSource(clips=7, clip_samples=1_000, seed=0)


def make(**options: int) -> Batches:
    return Batches(source, GRID, **{"batch_size": 4, "crop_samples": 300, "seed": 0} | options)


def fingerprint(*batches: Batch) -> str:
    digest = hashlib.blake2b()
    for batch in batches:
        digest.update(batch.codes.tobytes() + batch.mask.tobytes())
    return digest.hexdigest()


def test_shapes_and_types() -> None:
    codes, mask, _ = make()[0]
    assert (codes.shape, codes.dtype, mask.shape, mask.dtype) == ((4, 301), np.int32, (4, 300), np.bool_)


@given(clip_samples=st.integers(20, 400), crop_samples=st.integers(1, 200), batch_size=st.integers(1, 5))
def test_epochs_score_every_sample_equally_often(clip_samples: int, crop_samples: int, batch_size: int) -> None:
    clips = SyntheticSource(clips=3, clip_samples=clip_samples, seed=0)
    rows_of_an_epoch = len(Batches(clips, GRID, batch_size=1, crop_samples=crop_samples, seed=0))
    batches = Batches(clips, GRID, batch_size=batch_size, crop_samples=crop_samples, seed=0)
    targets = np.zeros(256, int)
    for k in range(rows_of_an_epoch):
        codes, mask, _ = batches[k]
        targets += np.bincount(codes[:, 1:][mask], minlength=256)
    once = sum(np.bincount(GRID.encode(clips.read(clip, 0, clip_samples)), minlength=256) for clip in range(3))
    assert np.array_equal(targets, batch_size * once)


def test_the_first_sample_of_a_clip_is_predicted_from_silence() -> None:
    clips = SyntheticSource(clips=1, clip_samples=250, seed=0)
    codes, mask, _ = Batches(clips, GRID, batch_size=1, crop_samples=300, seed=0)[0]
    assert codes[0, 0] == GRID.silence
    assert np.array_equal(codes[0, 1:251], GRID.encode(clips.read(0, 0, 250)))
    assert (codes[0, 251:] == GRID.silence).all()
    assert mask[0].tolist() == 250 * [True] + 50 * [False]


def test_a_window_begins_with_the_sample_in_front_of_it() -> None:
    clip = GRID.encode(source.read(0, 0, 1_000))
    only = SyntheticSource(clips=1, clip_samples=1_000, seed=0)
    for k in range(5):
        row = Batches(only, GRID, batch_size=1, crop_samples=300, seed=0)[k].codes[0]
        padded = np.concatenate([[GRID.silence], clip])
        assert any(np.array_equal(row, padded[start : start + 301]) for start in range(701))


@pytest.mark.parametrize("processes", [2, 4])
def test_processes_share_the_rows_of_the_one_batch(processes: int) -> None:
    for k in (0, 5, 100):
        parts = [make(process_index=index, process_count=processes)[k] for index in range(processes)]
        together = Batch(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        assert fingerprint(together) == fingerprint(make()[k])


@pytest.mark.parametrize("threads", [0, 1, 2])
def test_threads_change_nothing(threads: int) -> None:
    with contextlib.closing(prefetch(make(), 3, threads=threads)) as batches:
        ahead = list(itertools.islice(batches, 20))
    assert fingerprint(*ahead) == fingerprint(*(make()[k] for k in range(3, 23)))


def test_seeds_and_numbers_matter() -> None:
    assert len({fingerprint(make(seed=seed)[k]) for seed in range(3) for k in range(20)}) == 60


def test_an_error_in_a_thread_reaches_the_loop() -> None:
    class Broken(SyntheticSource):
        def read(self, clip: int, start: int, stop: int) -> np.ndarray:
            raise ValueError("clip.wav has changed")

    batches = Batches(Broken(3, 500, 0), GRID, batch_size=2, crop_samples=100, seed=0)
    with pytest.raises(ValueError, match=r"clip\.wav has changed"), contextlib.closing(prefetch(batches)) as ahead:
        next(ahead)


def test_grain_can_drive_them() -> None:
    loaded = grain.MapDataset.source(make()).to_iter_dataset(grain.ReadOptions(num_threads=2, prefetch_buffer_size=4))
    assert fingerprint(*loaded) == fingerprint(*(make()[k] for k in range(len(make()))))


def test_the_batches_of_a_run_have_its_context_conditions_and_augmentation() -> None:
    model = WaveNetConfig(
        sample_rate=16_000,
        dilation_cycle=(1, 2, 4, 8),
        features=FeatureConfig(local_features=("mel",), hop_samples=100, mel_channels=8),
        conditioning=ConditioningConfig(condition_on_classes=True, classes=tuple(source.classes)),
    )
    data = DataConfig(crop_samples=200, batch_size=4, gain_db=6.0, flip_polarity=True, full_context=True)
    run = RunConfig(model, data, train=TrainConfig(seed=3))
    whole = Batches.of(run, source)[2]
    halves = [Batches.of(run, source, process_index=index, process_count=2)[2] for index in (0, 1)]
    assert whole.codes.shape[1] == 1 + 100 + 200  # the receptive field of 15 samples more is a frame
    assert whole.conditions.streams["class"].shape == (4, 1)
    assert whole.conditions.frames is not None
    assert fingerprint(whole) == fingerprint(Batch(*(np.concatenate([half[n] for half in halves]) for n in (0, 1))))
    plain = Batches.of(dataclasses.replace(run, data=dataclasses.replace(data, gain_db=0.0)), source)[2]
    assert fingerprint(plain) != fingerprint(whole)


def test_bad_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="batch_size must be a multiple of the 3 processes that share a batch, got 4"):
        make(process_count=3)
    with pytest.raises(ValueError, match="a data set without clips makes no batches"):
        Batches(SyntheticSource(0, 100, 0), GRID, batch_size=1, crop_samples=10, seed=0)
