"""The conditions of a clip: the same for any piece of it, and refused in one line where they do not fit."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.features import LogMel
from wavenet_jax.conditions import class_ids
from wavenet_jax.config import ConditioningConfig, DataConfig, FeatureConfig, WaveNetConfig
from wavenet_jax.data import Batches, Describer, Source, SyntheticSource, open_source, usable, with_classes

Record = Callable[..., np.ndarray]
HOP = 16
MEL = FeatureConfig(local_features=("mel",), hop_samples=HOP, fft_size=64, mel_channels=6)
SMALL = {"sample_rate": 4_000, "dilation_cycle": (1, 2)}
CONFIG = WaveNetConfig(**SMALL, features=MEL)
SOURCE = SyntheticSource(5, 333, 0)
AROUND = CONFIG.conditioning


@given(clip=st.integers(0, 4), start=st.integers(0, 20), count=st.integers(1, 25))
def test_frames_of_a_piece_are_those_of_the_whole_clip(clip: int, start: int, count: int) -> None:
    mel = LogMel.of(CONFIG).whole(SOURCE.read(clip, 0, 333))
    before, after = AROUND.frames_before, AROUND.frames_after
    describer = Describer(CONFIG, SOURCE)
    quiet = np.tile(describer.silence, (60, 1))
    line = np.concatenate([quiet[:before], mel, quiet])
    frames = describer(clip, start * HOP, (start + count) * HOP).frames
    np.testing.assert_allclose(frames, line[start : start + before + count + after], atol=1e-6)


def test_crops_begin_with_a_frame_and_batches_carry_their_conditions() -> None:
    config = with_classes(
        WaveNetConfig(**SMALL, features=MEL, conditioning=ConditioningConfig(condition_on_classes=True)), SOURCE
    )
    describer, grid = Describer(config, SOURCE), Grid.of(config)
    batches = Batches(SOURCE, grid, batch_size=4, crop_samples=3 * HOP, seed=0, describer=describer)
    mel = [LogMel.of(config).whole(SOURCE.read(clip, 0, 333)) for clip in range(5)]
    scored = 0
    for k in range(len(batches)):
        batch = batches[k]
        scored += batch.mask.sum()
        for row in range(4):
            (clip,) = np.flatnonzero(
                [
                    SOURCE.labels[clip] == (config.conditioning.classes[batch.conditions.streams["class"][row, 0] - 1],)
                    for clip in range(5)
                ]
            )
            inside = batch.conditions.frames[row, AROUND.frames_before :][:3]
            at = [f for f in range(19) if np.allclose(mel[clip][f : f + 3], inside[: len(mel[clip]) - f], atol=1e-5)]
            codes = grid.encode(SOURCE.read(clip, 0, 333))
            matching = [f for f in at if (codes[f * HOP :][: 3 * HOP] == batch.codes[row, 1:][: 333 - f * HOP]).all()]
            assert matching, "the frames are not those of the samples"
    assert scored >= 5 * 333


def test_features_of_augmented_crops_are_those_of_the_augmented_sound() -> None:
    louder = Describer(CONFIG, SOURCE)(0, 0, 10 * HOP, factor=2.0).frames
    expected = LogMel.of(CONFIG).whole(2 * SOURCE.read(0, 0, 333))[:8]
    np.testing.assert_allclose(louder[AROUND.frames_before :][:8], expected, atol=1e-6)


def test_ids_are_counted_from_one_in_each_family() -> None:
    config = WaveNetConfig(
        conditioning=ConditioningConfig(condition_on_classes=True, classes=("who=a", "who=b", "where=x"))
    )
    np.testing.assert_array_equal(class_ids(config, [("where=x", "who=b"), ("who=a", "where=x")]), [[2, 1], [1, 1]])
    with pytest.raises(ValueError, match="the network has no class 'c' of family 'who'; one of a, b"):
        class_ids(config, [("who=c", "where=x")])
    with pytest.raises(ValueError, match="a class of family 'where' is missing; one of x"):
        class_ids(config, [("who=a",)])


@pytest.fixture
def beside(record: Record, folder: Path) -> Path:
    record("a.wav")
    return folder


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((70, 3)), r"the features of a.wav must be of shape \[frames, 2\], got \[70, 3\]"),
        (np.zeros((9, 2)), r"the features of a.wav must be \d+ frames of 16 samples, give or take one, got 9"),
        (None, "array .*a.npy cannot be read: No such file or directory"),
        (b"text", "a.npy is not a .npy file; write it with numpy.save"),
        (b"\x93NUMPY\x01\x00cut", "a.npy must hold one whole array of numbers; write it again with numpy.save"),
        (np.array(["a"]), "a.npy must hold one whole array of numbers; write it again with numpy.save"),
        (np.array([{}]), "a.npy must hold one whole array of numbers; write it again with numpy.save"),
    ],
)
def test_features_that_do_not_fit_are_refused(beside: Path, array: object, message: str) -> None:
    config = WaveNetConfig(**SMALL, features=FeatureConfig(local_features=("file",), file_channels=2, hop_samples=HOP))
    if isinstance(array, bytes):
        (beside / "a.npy").write_bytes(array)
    elif array is not None:
        np.save(beside / "a.npy", array)
    source = open_source(DataConfig(data_dir=(str(beside),), validation_fraction=0), config, "train")
    with pytest.raises(ValueError, match=message):
        Describer(config, source)


def test_features_and_vectors_lie_beside_their_recordings(beside: Path) -> None:
    config = WaveNetConfig(
        **SMALL,
        features=FeatureConfig(
            local_features=("mel", "file"), file_channels=1, hop_samples=HOP, fft_size=64, mel_channels=4
        ),
        conditioning=ConditioningConfig(
            vector_channels=3, upsampling="nearest", lookahead_frames=0, lookbehind_frames=0
        ),
    )
    source = open_source(DataConfig(data_dir=(str(beside),), validation_fraction=0), config, "train")
    frames = -(-int(source.lengths[0]) // HOP)
    np.save(beside / "a.npy", np.arange(frames - 1, dtype=np.float64)[:, None])  # one too few: the last one is repeated
    np.save(beside / "a.vector.npy", np.array([1, 2, 3]))
    conditions = Describer(config, source)(0, (frames - 3) * HOP, (frames + 1) * HOP)
    np.testing.assert_array_equal(conditions.streams["vector"], [1, 2, 3])
    np.testing.assert_array_equal(conditions.frames[:, 4], [frames - 3, frames - 2, frames - 2, 0])
    np.save(beside / "a.vector.npy", np.array([1, np.nan, 3]))
    with pytest.raises(ValueError, match="the vector of a.wav must hold finite numbers"):
        Describer(config, source)


def test_an_error_about_a_class_stays_short_however_many_there_are() -> None:
    classes = tuple(f"who=speaker{number:03}" for number in range(400))
    config = WaveNetConfig(conditioning=ConditioningConfig(condition_on_classes=True, classes=classes))
    with pytest.raises(
        ValueError, match=r"no class 'speaker40' of family 'who'; one of 400, such as .*speaker"
    ) as error:
        class_ids(config, [("who=speaker40",)])
    assert len(str(error.value)) < 250


def test_clips_of_a_class_that_came_later_are_named_and_left_out(record: Record, folder: Path) -> None:
    for name in ("ann", "bob", "cleo"):
        record(f"{name}/a.wav")
        record(f"{name}/b.wav")
    data = DataConfig(data_dir=(str(folder),), validation_fraction=0, label_from="folder")
    conditioning = ConditioningConfig(condition_on_classes=True)

    def opened(*classes: str) -> Source:
        named = ConditioningConfig(condition_on_classes=True, classes=classes)
        return open_source(data, WaveNetConfig(**SMALL, conditioning=named), "train")

    everything = opened()
    assert len(everything) == 6
    assert not everything.skipped
    fresh = with_classes(WaveNetConfig(**SMALL, conditioning=conditioning), everything)
    assert fresh.conditioning.classes == ("class=ann", "class=bob", "class=cleo")
    assert usable(fresh, everything) is everything

    later = opened("class=ann", "class=bob")
    assert list(later.names) == ["ann/a.wav", "ann/b.wav", "bob/a.wav", "bob/b.wav"]
    assert list(later.lengths) == [everything.lengths[clip] for clip in range(4)]
    assert [tuple(skipped) for skipped in later.skipped] == [
        (f"cleo/{name}.wav", "has class 'cleo', which the network was not trained on") for name in "ab"
    ]
    config = WaveNetConfig(
        **SMALL, conditioning=ConditioningConfig(condition_on_classes=True, classes=("class=ann", "class=bob"))
    )
    assert [int(Describer(config, later)(clip, 0, 1).streams["class"][0]) for clip in range(4)] == [1, 1, 2, 2]
    with pytest.raises(ValueError, match="none of the 6 audio files .* a file has class 'ann', which the network"):
        opened("class=dora")


def test_frames_of_a_folder_take_the_place_of_measured_ones(tmp_path: Path) -> None:
    measured = Describer(CONFIG, SOURCE)
    told = np.random.default_rng(0).normal(size=(-(-333 // HOP), 6)).astype(np.float32)
    np.save((tmp_path / SOURCE.names[1]).with_suffix(".npy"), told)
    describer = Describer(CONFIG, SOURCE, feature_dir=tmp_path)
    np.testing.assert_array_equal(describer.frames(0, -1, 30), measured.frames(0, -1, 30))
    expected = measured.frames(1, -2, 30)
    expected[2 : 2 + len(told)] = told
    np.testing.assert_array_equal(describer.frames(1, -2, 30), expected)
    np.testing.assert_array_equal(describer.frames(1, 3, 5), told[3:5])
    np.save((tmp_path / SOURCE.names[1]).with_suffix(".npy"), told[1:])
    with pytest.raises(ValueError, match=r"must be finite numbers of shape \[21, 6\], got \[20, 6\]"):
        Describer(CONFIG, SOURCE, feature_dir=tmp_path)
    with pytest.raises(ValueError, match="is not a folder"):
        Describer(CONFIG, SOURCE, feature_dir=tmp_path / "none")
