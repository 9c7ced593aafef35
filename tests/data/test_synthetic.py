"""Synthetic clips depend on their number alone, and sound as they say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import SyntheticSource, open_source

source = SyntheticSource(clips=10, clip_samples=10_000, seed=0)


@given(clip=st.integers(0, 9), ends=st.lists(st.integers(0, 10_000), min_size=2, max_size=2).map(sorted))
def test_a_piece_is_that_part_of_the_whole(clip: int, ends: list[int]) -> None:
    start, stop = ends
    assert np.array_equal(source.read(clip, start, stop), source.read(clip, 0, 10_000)[start:stop])


def test_all_kinds_occur_and_stay_in_range() -> None:
    assert {source.sound(clip).kind for clip in range(10)} == {"sine", "chord", "sweep", "noise", "beats"}
    for clip in range(10):
        peak = np.abs(source.read(clip, 0, 10_000)).max()
        assert 0.1 < peak <= source.sound(clip).amplitude + 1e-6


@pytest.mark.parametrize("clip", [0, 1, 4])
def test_the_spectrum_peaks_at_the_frequencies_that_the_sound_names(clip: int) -> None:
    sound = source.sound(clip)
    spectrum = np.abs(np.fft.rfft(source.read(clip, 0, 10_000) * np.hanning(10_000)))
    for frequency in sound.frequencies:
        peak = round(frequency * 10_000)
        assert spectrum[peak - 1 : peak + 2].max() > 100 * np.median(spectrum)


def test_a_sweep_ends_where_it_says() -> None:
    first, last = source.sound(2).frequencies
    crossings = np.diff(np.signbit(source.read(2, 0, 10_000))).sum() / 2
    assert crossings == pytest.approx((first + last) / 2 * 10_000, abs=1)


def test_clips_are_the_same_whatever_their_number_but_differ_by_seed() -> None:
    more = SyntheticSource(clips=99, clip_samples=10_000, seed=0)
    other = SyntheticSource(clips=10, clip_samples=10_000, seed=1)
    for clip in range(10):
        assert np.array_equal(source.read(clip, 0, 100), more.read(clip, 0, 100))
        assert not np.array_equal(source.read(clip, 0, 100), other.read(clip, 0, 100))


def test_splits_of_the_default_data_set_share_no_clip() -> None:
    data = DataConfig(synthetic_clips=20, validation_fraction=0.5, test_fraction=0.25)
    opened = [open_source(data, WaveNetConfig(), split) for split in ("train", "validation", "test")]
    assert [len(split) for split in opened] == [20, 10, 5]
    assert len({name for split in opened for name in split.names}) == 35


def test_clips_shorter_than_the_receptive_field_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"synthetic_seconds=0\.01 makes clips of 160 samples, .* field of 1024; raise"
    ):
        open_source(DataConfig(synthetic_seconds=0.01), WaveNetConfig(), "train")
