"""An epoch scores everything once, whatever the lengths."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wavenet_jax.data.crops import Epochs

clip_lengths = st.lists(st.integers(1, 300), min_size=1, max_size=6)


@given(lengths=clip_lengths, crop_samples=st.integers(1, 64), seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_every_sample_is_scored_exactly_once_in_an_epoch(
    lengths: list[int], crop_samples: int, seed: int, epoch: int
) -> None:
    epochs = Epochs(np.array(lengths), crop_samples, seed)
    scored = [np.zeros(length, int) for length in lengths]
    for position in range(len(epochs)):
        crop = epochs.crop(epoch, position)
        scored[crop.clip][crop.scored_from : crop.scored_to] += 1
    assert all((times == 1).all() for times in scored)


@given(
    lengths=clip_lengths, crop_samples=st.integers(1, 64), context_samples=st.integers(0, 40), seed=st.integers(0, 9)
)
def test_windows_hold_their_piece_behind_its_context_and_stay_in_clips_that_are_long_enough(
    lengths: list[int], crop_samples: int, context_samples: int, seed: int
) -> None:
    epochs, window = Epochs(np.array(lengths), crop_samples, seed, context_samples), context_samples + crop_samples
    for position in range(len(epochs)):
        clip, start, scored_from, scored_to = epochs.crop(3, position)
        assert 0 <= start <= scored_from < scored_to <= start + window
        assert scored_from - start >= min(context_samples, scored_from)
        assert start + window <= lengths[clip] or start == 0


def test_phase_and_order_differ_between_epochs_and_seeds() -> None:
    def plan(seed: int, epoch: int) -> list:
        epochs = Epochs(np.array([400, 400, 350]), 100, seed)
        return [epochs.crop(epoch, position) for position in range(len(epochs))]

    plans = [plan(0, 0), plan(0, 1), plan(1, 0)]
    assert plan(0, 1) == plans[1]
    assert len({str(sorted(crops)) for crops in plans}) == 3, "the same cuts"
    assert len({str([crop.clip for crop in crops]) for crops in plans}) == 3, "the same order"


def test_clips_of_whole_windows_have_room_for_a_phase() -> None:
    epochs = Epochs(np.array([400]), 100, seed=0)
    first_cuts = {min(epochs.crop(epoch, position).scored_to for position in range(len(epochs))) for epoch in range(50)}
    assert len(first_cuts) > 20


def test_clips_that_fit_into_a_window_are_never_cut() -> None:
    assert len(Epochs(np.array([100, 60, 1]), 100, seed=0)) == 3


def test_an_epoch_of_a_hundred_thousand_files_takes_no_list_of_crops() -> None:
    epochs = Epochs(np.full(100_000, 80_000), 4_000, seed=0)
    crops = {epochs.crop(0, position) for position in range(0, len(epochs), 10_000)}
    assert len(crops) == -(-len(epochs) // 10_000)
