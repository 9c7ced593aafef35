"""A network that is told phones in place of log-mel: its frames, and the acoustic model for it."""

import contextlib
import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.acoustic.test_acoustic import CONFIG, HELLO, aligned, alignments, random_params, source
from wavenet_jax.acoustic import (
    AcousticRunConfig,
    Speaker,
    TrainedAcoustic,
    check_vocoder,
    fitted,
    load_acoustic,
)
from wavenet_jax.acoustic.beginning import begin_from
from wavenet_jax.acoustic.data import AcousticClips
from wavenet_jax.acoustic.features import feature_range
from wavenet_jax.acoustic.linguistic import KINDS, linguistic_frames, whole_frames
from wavenet_jax.acoustic.model import PLACES, parameter_shapes
from wavenet_jax.acoustic.runs import AcousticDirectory
from wavenet_jax.acoustic.symbols import MARKS, symbols_of
from wavenet_jax.acoustic.training import AcousticValidated, train_events
from wavenet_jax.conditions import PHONE_COLUMNS
from wavenet_jax.config import FeatureConfig, Prosody, RunConfig, WaveNetConfig
from wavenet_jax.data import Describer
from wavenet_jax.runs.load import validated_bits
from wavenet_jax.text import Word
from wavenet_jax.training import Stopped

FEATURES = dataclasses.replace(CONFIG.features, local_features=("f0", "phones"))
DIRECT = dataclasses.replace(CONFIG, features=FEATURES)
VOCODER = RunConfig(model=WaveNetConfig(sample_rate=8_000, features=FEATURES))

PHONES = st.lists(st.sampled_from(["HH", "AH0", "OW1", "Y"]), min_size=1, max_size=5)
WORDS = st.lists(st.builds(Word, st.just("word"), PHONES.map(tuple), st.sampled_from(MARKS)), min_size=1, max_size=5)


@given(WORDS, st.data())
def test_each_frame_is_described_in_as_many_numbers_as_the_network_takes(
    words: list[Word], data: st.DataObject
) -> None:
    symbols = symbols_of(words)
    count = len(symbols.kinds)
    lengths = np.array(data.draw(st.lists(st.integers(0, 500), min_size=count, max_size=count)), np.int32)
    frames = linguistic_frames(symbols, lengths)
    assert frames.dtype == np.float32
    assert frames.shape == (lengths.sum(), PHONE_COLUMNS)
    assert np.isfinite(frames).all()
    assert (frames >= 0).all()
    assert (frames <= 2).all()
    assert Describer(VOCODER.model).silence.shape == (2 + PHONE_COLUMNS,)


def test_a_frame_tells_what_sounds_and_what_is_beside_it() -> None:
    symbols = symbols_of(HELLO)
    lengths = np.array([3, 2, 2, 0, 2, 2, 2, 2, 2])  # nobody said the L
    frames = linguistic_frames(symbols, lengths)
    starts = np.cumsum([0, *KINDS, KINDS[0], KINDS[0]])
    own, before, after, next_but_one = (frames[:, start : start + KINDS[0]].argmax(1) for start in starts[[0, 4, 5, 6]])
    heard = symbols.kinds[lengths > 0, 0]
    np.testing.assert_array_equal(own, np.repeat(heard, lengths[lengths > 0]))
    np.testing.assert_array_equal(before[[0, 3, 5]], [0, *heard[:2]])
    np.testing.assert_array_equal(after[[0, 3, -1]], [heard[1], heard[2], 0])
    np.testing.assert_array_equal(next_but_one[[0, 3, -3]], [heard[2], heard[3], 0])
    assert (frames[:, : sum(KINDS)].sum(axis=1) == len(KINDS)).all()
    assert (np.diff(frames[3:5], axis=0)[0, :-PLACES] == 0).all()  # of one phone, places alone change


def test_frames_have_the_order_of_the_network() -> None:
    symbols, lengths = symbols_of(HELLO), np.full(9, 2)
    measured = np.random.default_rng(0).random((18, 2)).astype(np.float32)
    frames = whole_frames(DIRECT, symbols, lengths, measured)
    np.testing.assert_array_equal(frames[:, :2], measured)
    np.testing.assert_array_equal(frames[:, 2:], linguistic_frames(symbols, lengths))
    np.testing.assert_array_equal(frames[:, FEATURES.columns("phones")], frames[:, 2:])
    mel = np.random.default_rng(0).random((18, 10)).astype(np.float32)
    np.testing.assert_array_equal(whole_frames(CONFIG, symbols, lengths, mel), mel)
    three = dataclasses.replace(CONFIG.features, local_features=("mel", "phones", "f0"))
    frames = whole_frames(dataclasses.replace(CONFIG, features=three), symbols, lengths, mel)
    np.testing.assert_array_equal(np.delete(frames, np.r_[8 : 8 + PHONE_COLUMNS], axis=1), mel)


def test_recordings_tell_all_but_the_phones() -> None:
    assert DIRECT.measured.features.local_features == ("f0",)
    assert CONFIG.measured == CONFIG.model
    clips = source(1)
    clip = AcousticClips(DIRECT, clips, alignments(clips).clips, Describer(DIRECT.measured, clips)).clip(0)
    assert clip.frames.shape == (len(clip.frames), 2)
    layout = feature_range(DIRECT)
    mel, pitch, voiced = layout.split(clip.frames)
    assert mel.shape == (len(clip.frames), 0)
    np.testing.assert_allclose(layout.joined(mel, pitch, voiced > 0.5), clip.frames)
    for names in (("phones",), ("f0", "file")):
        wrong = FeatureConfig(local_features=names, file_channels=int("file" in names))
        with pytest.raises(ValueError, match="local_features must be mel, mel and f0, or phones and f0, for"):
            dataclasses.replace(CONFIG, features=wrong)
    with pytest.raises(ValueError, match="the phones of clip 0 cannot be measured from its sound: training takes them"):
        Describer(DIRECT.model, clips)


def test_the_config_of_a_vocoder_is_that_of_its_recordings() -> None:
    data = dataclasses.replace(
        VOCODER.data,
        data_dir=("recordings",),
        pre_emphasis=0.85,
        feature_dir="told",
        label_from="pattern",
        label_pattern="(.*)",
    )
    config = AcousticRunConfig.of_vocoder(dataclasses.replace(VOCODER, data=data))
    check_vocoder(config, dataclasses.replace(VOCODER, data=data))
    assert config.data.data_dir == ("recordings",)
    assert config.data.feature_dir is None


def test_a_model_for_log_mel_lends_its_lengths_and_its_pitch(tmp_path: Path) -> None:
    whole = TrainedAcoustic(CONFIG, random_params(CONFIG), 7)
    lent = fitted(whole, VOCODER)
    check_vocoder(lent.config, VOCODER)
    assert jax.tree.structure(lent.params) == jax.tree.structure(parameter_shapes(DIRECT))
    told, drawn = (Speaker(model).utter(HELLO, Prosody(speed=0.8, pitch=1)) for model in (lent, whole))
    assert told.segments == drawn.segments
    np.testing.assert_array_equal(told.features[:, :2], drawn.features[:, CONFIG.features.columns("f0")])
    assert Describer(VOCODER.model).array(told.features)[1] == []
    assert fitted(whole, RunConfig(model=CONFIG.model)) is whole
    assert begin_from(lent.config, tmp_path, lent)

    other = dataclasses.replace(VOCODER.model, features=dataclasses.replace(FEATURES, f0_low_hz=50))
    with pytest.raises(ValueError, match="features with f0_low_hz=60.0, and the vocoder was trained on f0_low_hz=50"):
        check_vocoder(fitted(whole, RunConfig(model=other)).config, RunConfig(model=other))
    tuneless = dataclasses.replace(CONFIG, features=dataclasses.replace(CONFIG.features, local_features=("mel",)))
    tuneless = whole._replace(config=tuneless)
    assert fitted(tuneless, VOCODER) is tuneless


@pytest.mark.slow
def test_lengths_and_pitch_are_learned_alone_and_a_cut_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    def train(folder: Path, stop_at: int | None = None) -> list:
        clips = source()
        stop = lambda step: "SIGTERM" if step == stop_at else None  # noqa: E731
        events = train_events(DIRECT, folder, clips, source(1), alignments(clips), stop=stop, devices=jax.devices()[:1])
        with contextlib.closing(events):
            return list(events)

    whole = train(tmp_path / "whole")
    assert whole[-1] == Stopped(4, "finished")
    (validated,) = (event for event in whole if isinstance(event, AcousticValidated))
    assert set(validated.losses) == {"pitch", "voicing", "length", "loss"}
    assert set(validated.ratios) == {"length_ratio", "pitch_range_ratio"}
    assert validated_bits(AcousticDirectory(tmp_path / "whole")) == {4: validated.losses["loss"]}
    assert train(tmp_path / "cut", stop_at=3)[-1] == Stopped(3, "SIGTERM")
    train(tmp_path / "cut")
    trained, resumed = load_acoustic(tmp_path / "whole"), load_acoustic(tmp_path / "cut")
    jax.tree.map(np.testing.assert_array_equal, trained.params, resumed.params)
    clips = source(1)
    clip = AcousticClips(DIRECT, clips, {clips.names[0]: aligned(0.25)}, Describer(DIRECT.measured, clips)).clip(0)
    followed = Speaker(trained).follow(clip)
    np.testing.assert_allclose(followed[:, :2], clip.frames, atol=1e-6)
    np.testing.assert_array_equal(followed[:, 2:], linguistic_frames(clip.symbols, clip.lengths))
