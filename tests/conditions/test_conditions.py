"""Every condition states its width, its silence and its limits as it measures them, and the network's names for it."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import jax
import numpy as np
import pytest

from wavenet_jax.conditions import FrameCondition, class_ids, frame_conditions, read_array, stream_conditions
from wavenet_jax.conditions.classes import ClassCondition
from wavenet_jax.config import ConditioningConfig, FeatureConfig, WaveNetConfig
from wavenet_jax.data import Describer, SyntheticSource, description, stacked
from wavenet_jax.model import WaveNet
from wavenet_jax.typing import Conditions

HOP = 20


@dataclass(frozen=True)
class Signal:
    """A clip of noise as loud as can be, in folder ``folder``."""

    folder: str
    name: str = "noise"
    extent: int = 1_000
    labels: tuple[str, ...] = ("kind=noise",)

    def beside(self, suffix: str) -> str:
        return f"{self.folder}/{self.name}{suffix}"

    def read(self, start: int, stop: int) -> np.ndarray:
        return np.random.default_rng(0).choice([-1.0, 1.0], self.extent).astype(np.float32)[start:stop]


def features(name: str, **options: object) -> WaveNetConfig:
    extra = {"file_channels": 3} if name == "file" else {}
    return WaveNetConfig(
        sample_rate=4_000,
        features=FeatureConfig(
            local_features=(name,), hop_samples=HOP, fft_size=64, mel_channels=6, **extra, **options
        ),
    )


@pytest.fixture(params=["mel", "f0", "file"])
def condition(request: pytest.FixtureRequest, tmp_path: Path) -> FrameCondition:
    if request.param == "f0":
        pytest.importorskip("pyworld")
    np.save(tmp_path / "noise.npy", np.random.default_rng(1).standard_normal((50, 3)))
    (found,) = frame_conditions(features(request.param))
    return found


def test_frames_have_the_width_and_the_limits_that_are_stated(condition: FrameCondition, tmp_path: Path) -> None:
    clip = Signal(str(tmp_path))
    condition.check(clip)
    frames = condition.frames(clip, 0, 50, 1.0)
    assert frames.dtype == np.float32
    assert frames.shape == (50, condition.width(condition.config.features)) == (50, len(condition.silence))
    assert condition.config.features.channels == frames.shape[1]
    if condition.limits is not None:
        low, high = condition.limits
        assert low <= min(frames.min(), condition.silence.min())
        assert max(frames.max(), condition.silence.max()) <= high


def test_frames_are_the_same_bits_wherever_a_piece_is_cut(condition: FrameCondition, tmp_path: Path) -> None:
    clip = Signal(str(tmp_path))
    whole = condition.frames(clip, 0, 50, 1.0)
    cuts = [0, 1, 7, 23, 24, 50]
    pieces = [condition.frames(clip, first, last, 1.0) for first, last in pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("normalization", ["range", "none"])
@pytest.mark.parametrize("log", ["natural", "log10", "decibel"])
@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_no_sound_leaves_the_limits_of_log_mel(scale: str, power: float, log: str, normalization: str) -> None:
    config = features("mel", mel_scale=scale, mel_power=power, mel_log=log, mel_normalization=normalization)
    (mel,) = frame_conditions(config)
    assert mel.limits is not None
    low, high = mel.limits
    for sound in (np.ones(1_000), np.sign(np.sin(np.arange(1_000) / 3)), np.zeros(1_000)):
        clip = Signal("")
        object.__setattr__(clip, "read", lambda start, stop, sound=sound: sound[start:stop].astype(np.float32))
        frames = mel.frames(clip, 0, 50, 1.0)
        assert low <= frames.min()
        assert frames.max() <= high


def test_what_a_file_of_features_has_to_agree_in_is_said_by_the_conditions() -> None:
    stated = description(features("mel"))
    assert stated["local_features"] == ["mel"]
    assert stated["hop_samples"] == HOP
    assert {"fft_size", "mel_floor"} <= stated.keys()
    assert not {"f0_low_hz", "file_channels"} & stated.keys()


def conditioned(**options: object) -> WaveNetConfig:
    return WaveNetConfig(
        residual_channels=4,
        skip_channels=4,
        dilation_cycle=(1,),
        features=FeatureConfig(local_features=("mel",), hop_samples=HOP, fft_size=256, mel_channels=6),
        conditioning=ConditioningConfig(**options),
    )


def test_parameters_keep_the_names_and_shapes_that_checkpoints_have() -> None:
    config = conditioned(
        condition_on_classes=True,
        classes=("who=a", "who=b", "mood=c"),
        vector_channels=5,
        global_channels=7,
        local_channels=3,
    )
    params = WaveNet(config).init(jax.random.key(0), method="weights")["params"]["conditioner"]
    assert {name: leaf.shape for name, leaf in params.items()} == {
        "class_who_table": (2, 7),
        "class_mood_table": (1, 7),
        "vector_kernel": (5, 7),
        "frames_kernel": (3, 6, 3),
        "frames_bias": (3,),
        "upsampling_0_kernel": (3, 8, 3),
        "upsampling_1_kernel": (3, 10, 3),
    }


def test_conditions_that_a_network_needs_and_lacks_are_named() -> None:
    config = conditioned(condition_on_classes=True, classes=("who=a",))
    model, codes = WaveNet(config), np.zeros((1, HOP), np.int32)
    variables = model.init(jax.random.key(0), method="weights")
    with pytest.raises(ValueError, match="conditioned on 'class', which the conditions lack"):
        model.apply(variables, codes, Conditions())
    with pytest.raises(ValueError, match="conditioned on features of frames, which the conditions lack"):
        model.apply(variables, codes, Conditions({"class": np.ones((1, 1), np.int32)}))


def test_shorter_streams_repeat_their_last_frame_beside_longer_ones() -> None:
    short, long = (Conditions({"class": np.array([n])}, np.arange(n, dtype=float)[:, None]) for n in (2, 4))
    batch = stacked([short, long])
    np.testing.assert_array_equal(batch.streams["class"], [[2], [4]])
    np.testing.assert_array_equal(batch.frames[:, :, 0], [[0, 1, 1, 1], [0, 1, 2, 3]])
    assert stacked([Conditions(), Conditions()]) == Conditions()


def test_examples_fit_the_network() -> None:
    config = conditioned(condition_on_classes=True, classes=("who=a", "mood=c"), vector_channels=5)
    values = {name: condition.example for name, condition in stream_conditions(config).items()}
    assert {name: (value.shape, str(value.dtype)) for name, value in values.items()} == {
        "class": ((2,), "int32"),
        "vector": ((5,), "float32"),
    }


@pytest.mark.parametrize(
    ("given", "ids"),
    [
        (("a", "c"), [1, 1]),
        (("mood=c", "b"), [2, 1]),
        (("who=same", "mood=same"), [3, 2]),
    ],
)
def test_labels_may_leave_out_their_family(given: tuple[str, ...], ids: list[int]) -> None:
    np.testing.assert_array_equal(families().of_option(given), ids)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("a",), "a class of family 'mood' is needed; give label=NAME, one of c, same"),
        (("a", "same"), "label 'same' is in several families; give one of who=same, mood=same"),
        (("a", "b", "c"), "label gives two classes of family 'who', a and b; give one"),
        (("a", "d"), "label 'd' is no class; give one of who=a, who=b, who=same, mood=c, mood=same"),
        (("who=d", "c"), "label 'who=d' is no class; give one of who=a, who=b, who=same, mood=c, mood=same"),
    ],
)
def test_labels_that_do_not_fit_are_refused(given: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        families().of_option(given)


def families() -> ClassCondition:
    return ClassCondition(
        conditioned(condition_on_classes=True, classes=("who=a", "who=b", "who=same", "mood=c", "mood=same"))
    )


def test_the_nearest_of_many_classes_are_named() -> None:
    names = [f"speaker{number:03}" for number in range(400)]
    config = conditioned(condition_on_classes=True, classes=tuple(f"who={name}" for name in names))
    with pytest.raises(ValueError, match=r"no class 'speaker12' .* one of 400, such as .*speaker12\d"):
        class_ids(config, [("who=speaker12",)])
    assert class_ids(config, []).shape == (0, 1)


def test_an_array_is_mapped_and_not_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(6).reshape(3, 2))
    array = read_array(str(tmp_path / "a.npy"))
    assert isinstance(array, np.memmap)
    np.testing.assert_array_equal(array, [[0, 1], [2, 3], [4, 5]])
    with pytest.raises(ValueError, match="array .* cannot be read: Is a directory"):
        read_array(str(tmp_path))


def test_synthetic_sounds_have_no_file_beside_them() -> None:
    config = WaveNetConfig(conditioning=ConditioningConfig(vector_channels=2))
    with pytest.raises(ValueError, match=r"sine-0-0 is not a file, so no array .vector.npy lies beside it"):
        Describer(config, SyntheticSource(1, 100, 0))
