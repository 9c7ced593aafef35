"""The acoustic model: its symbols, its batches, its training and what it says."""

import contextlib
import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

from wavenet_jax.acoustic import (
    AcousticConfig,
    AcousticRunConfig,
    Speaker,
    TrainedAcoustic,
    check_vocoder,
    load_acoustic,
)
from wavenet_jax.acoustic.data import AcousticBatches, AcousticClips, held_out_rows
from wavenet_jax.acoustic.features import feature_range
from wavenet_jax.acoustic.flow import UNIT, Harmonics, Noise, flowed
from wavenet_jax.acoustic.model import parameter_shapes, places_of
from wavenet_jax.acoustic.model_folder import read_acoustic, write_acoustic
from wavenet_jax.acoustic.runs import AcousticDirectory
from wavenet_jax.acoustic.speaking import whole_lengths
from wavenet_jax.acoustic.symbols import Inventory, aligned_symbols, segments_of, symbols_of
from wavenet_jax.acoustic.training import AcousticTrainer, AcousticValidated, train_events
from wavenet_jax.alignment import AlignedData, Alignment, Segment, frames_of
from wavenet_jax.config import (
    DataConfig,
    FeatureConfig,
    OptimizerConfig,
    Prosody,
    RunConfig,
    TrainConfig,
    WaveNetConfig,
)
from wavenet_jax.data import ArraySource, Describer
from wavenet_jax.runs.load import validated_bits
from wavenet_jax.text import Word
from wavenet_jax.training import Stopped, make_mesh

HELLO = (Word("hello", ("HH", "AH0", "L", "OW1"), ","), Word("you", ("Y", "UW1"), "?"))
CONFIG = AcousticRunConfig(
    acoustic=AcousticConfig(
        sample_rate=8_000,
        phone_channels=8,
        phone_layers=1,
        length_channels=4,
        frame_channels=8,
        melody_dilations=(1,),
        frame_dilations=(1,),
        flow_channels=8,
        flow_dilations=(1, 2),
        flow_steps=2,
        flow_temperature=0.7,
        row_frames=48,
        row_phones=24,
    ),
    features=FeatureConfig(local_features=("mel", "f0"), hop_samples=80, fft_size=256, mel_channels=8),
    data=DataConfig(batch_size=8),
    optimizer=OptimizerConfig(learning_rate=1e-2, warmup_steps=1),
    train=TrainConfig(num_steps=4, validate_every=4, save_every=2, log_every=1),
)


def with_model(config: AcousticRunConfig = CONFIG, **options: object) -> AcousticRunConfig:
    return dataclasses.replace(config, acoustic=dataclasses.replace(config.acoustic, **options))


def aligned(seconds: float) -> Alignment:
    """Both words, each phone as long as any other, with a pause before, between and after them."""
    phones = [
        ("", None),
        *((p, 0) for p in HELLO[0].phones),
        ("", None),
        *((p, 1) for p in HELLO[1].phones),
        ("", None),
    ]
    edges = np.linspace(0, seconds, len(phones) + 1)
    segments = [Segment(p, w, a, b) for (p, w), a, b in zip(phones, edges[:-1], edges[1:], strict=True)]
    return Alignment(HELLO, tuple(segments), -1.0)


def source(count: int = 3) -> ArraySource:
    random = np.random.default_rng(0)
    return ArraySource([random.normal(scale=0.1, size=2_000 + 400 * n).astype(np.float32) for n in range(count)])


def alignments(clips: ArraySource) -> AlignedData:
    found = {name: aligned(length / 8_000) for name, length in zip(clips.names, clips.lengths, strict=True)}
    return AlignedData(found, {}, [], [], {})


def clips_of(config: AcousticRunConfig = CONFIG) -> AcousticClips:
    clips = source()
    return AcousticClips(config, clips, alignments(clips).clips, Describer(config.model, clips))


def random_params(config: AcousticRunConfig) -> dict:
    random = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: random.normal(scale=0.3, size=leaf.shape).astype("f"), parameter_shapes(config))


def test_frames_are_divided_among_segments_without_gaps() -> None:
    spans = frames_of(aligned(0.9).segments, 0.0125, 72)
    assert spans[0, 0] == 0
    assert spans[-1, 1] == 72
    np.testing.assert_array_equal(spans[1:, 0], spans[:-1, 1])
    assert set(spans[:, 1] - spans[:, 0]) == {8}
    short = frames_of([Segment("", None, 0.0, 0.004), Segment("T", 0, 0.004, 0.02)], 0.01, 2)
    np.testing.assert_array_equal(short, [[0, 0], [0, 2]])


def test_symbols_of_a_text_are_those_of_its_recording() -> None:
    written = symbols_of(HELLO)
    spoken, lengths = aligned_symbols(aligned(0.9), 0.0125, 72)
    np.testing.assert_array_equal(written.kinds, spoken.kinds)
    np.testing.assert_array_equal(written.numbers, spoken.numbers)
    assert lengths.sum() == 72
    assert (written.kinds >= 0).all()
    assert (written.kinds < Inventory().sizes).all()
    assert list(written.kinds[:, 0] == 1) == [True, *[False] * 4, True, *[False] * 2, True]


def test_symbols_are_placed_in_time() -> None:
    written = symbols_of(HELLO)
    segments = segments_of(HELLO, np.full(len(written.kinds), 8), 0.0125)
    assert [(segment.phone, segment.word) for segment in segments] == [s[:2] for s in aligned(0.9).segments]
    np.testing.assert_allclose([s[2:] for s in segments], [s[2:] for s in aligned(0.9).segments])
    unmarked = tuple(word._replace(mark="") for word in HELLO)
    assert len(segments_of(unmarked, np.ones(8), 0.01)) == len(symbols_of(unmarked).kinds)


def test_a_pause_without_a_mark_is_a_symbol_of_its_own() -> None:
    unmarked = (HELLO[0]._replace(mark=""), HELLO[1])
    _, lengths = aligned_symbols(aligned(0.9)._replace(words=unmarked), 0.0125, 72)
    assert lengths.sum() == 72
    assert len(symbols_of(unmarked).kinds) == len(lengths) - 1


def test_batches_are_functions_of_their_numbers() -> None:
    batch, again = AcousticBatches(CONFIG, clips_of())[3], AcousticBatches(CONFIG, clips_of())[3]
    jax.tree.map(np.testing.assert_array_equal, batch, again)
    halves = [AcousticBatches(CONFIG, clips_of(), process, 2)[3] for process in range(2)]
    jax.tree.map(lambda whole, *parts: np.testing.assert_array_equal(whole, np.concatenate(parts)), batch, *halves)
    assert batch.targets.shape == (8, 48, 10)
    np.testing.assert_array_equal(batch.lengths.sum(axis=1), batch.mask.sum(axis=1))


def test_held_out_clips_are_laid_out_once() -> None:
    clips = clips_of()
    rows = held_out_rows(CONFIG, clips)
    frames = sum(len(clips.clip(number).frames) for number in range(len(clips)))
    assert sum(int(batch.mask.sum()) for batch in rows) == frames


def test_features_come_back_in_the_layout_of_the_vocoder() -> None:
    frames = clips_of().clip(0).frames
    layout = feature_range(CONFIG)
    mel, pitch, voiced = layout.split(frames)
    assert np.abs(mel).max() <= 1
    np.testing.assert_allclose(layout.joined(mel, pitch, voiced > 0.5), frames, atol=1e-6)


def test_harmonics_lie_at_multiples_of_the_pitch() -> None:
    features = CONFIG.features
    harmonics = Harmonics.of(CONFIG)
    pitch = np.log(harmonics.centres[2] / features.f0_low_hz) / np.log(features.f0_high_hz / features.f0_low_hz)
    (there, absent) = np.asarray(harmonics(np.full(2, pitch), np.array([1.0, 0.0])))
    assert there[2] == there[:-2].max()
    assert there[-2] == 1
    assert not absent.any()


def test_noise_is_as_loud_everywhere_and_alike_nearby() -> None:
    noise = Noise.of(CONFIG)
    white = np.random.default_rng(0).standard_normal((20_000 + noise.before, 8), np.float32)
    coloured = np.asarray(noise(white))
    assert coloured.shape == (20_000, 8)
    np.testing.assert_allclose(coloured.std(axis=0), 1, atol=0.05)
    alike = np.corrcoef(coloured.T)
    assert (np.diff(alike[0]) < 0).all()
    assert 0.5 < np.corrcoef(coloured[:-1, 0], coloured[1:, 0])[0, 1] < 0.9
    np.testing.assert_allclose(noise(white[:100]), coloured[: 100 - noise.before], atol=1e-5)


def test_a_flow_follows_its_velocities() -> None:
    start = np.random.default_rng(0).standard_normal((1, 5, 8), np.float32)
    towards = lambda x, time, told, present: (told - x) / (1 - time)[:, None, None]  # noqa: E731
    np.testing.assert_allclose(flowed(towards, start, 3.0, None, 4), np.full((1, 5, 8), 3 * UNIT), atol=1e-5)


def test_lengths_are_rounded_without_drift() -> None:
    lengths = whole_lengths(np.full(100, 2.4))
    assert abs(int(lengths.sum()) - 240) <= 1
    assert whole_lengths(np.array([0.1, 0.0, 3.0])).min() == 1
    owner, places = places_of(np.array([2, 0, 1]))
    assert list(owner) == [0, 0, 2]
    assert (places[:, 0] > 0).all()


def train(config: AcousticRunConfig, folder: Path, stop_at: int | None = None) -> list:
    clips = source()
    stop = lambda step: "SIGTERM" if step == stop_at else None  # noqa: E731
    events = train_events(config, folder, clips, source(1), alignments(clips), stop=stop, devices=jax.devices()[:1])
    with contextlib.closing(events):
        return list(events)


@pytest.mark.slow
def test_a_run_that_was_cut_goes_on_bit_for_bit_and_speaks(tmp_path: Path) -> None:
    whole = train(CONFIG, tmp_path / "whole")
    assert whole[-1] == Stopped(4, "finished")
    (validated,) = (event for event in whole if isinstance(event, AcousticValidated))
    assert set(validated.losses) == {"mel", "pitch", "voicing", "length", "flow", "loss"}
    assert set(validated.ratios) == {"length_ratio", "pitch_range_ratio", "spectral_contrast_ratio"}
    assert validated_bits(AcousticDirectory(tmp_path / "whole")) == {4: validated.losses["mel"]}  # the best is by it
    assert train(CONFIG, tmp_path / "cut", stop_at=3)[-1] == Stopped(3, "SIGTERM")
    train(CONFIG, tmp_path / "cut")
    trained, resumed = load_acoustic(tmp_path / "whole"), load_acoustic(tmp_path / "cut")
    jax.tree.map(np.testing.assert_array_equal, trained.params, resumed.params)

    speaker = Speaker(trained)
    frames = speaker(HELLO)
    assert frames.dtype == np.float32
    assert frames.shape[1] == CONFIG.features.channels
    assert Describer(CONFIG.model).array(frames)[1] == []  # what a vocoder takes without a word
    np.testing.assert_array_equal(speaker.synthesise("{HH AH0 L OW1}, {Y UW1}?"), frames)
    assert len(speaker(HELLO, Prosody(speed=0.5))) > 1.5 * len(frames)
    assert not np.array_equal(speaker(HELLO, seed=1), frames)
    clip = clips_of().clip(0)
    followed = speaker.follow(clip)
    assert followed.shape == clip.frames.shape
    layout = feature_range(CONFIG)
    np.testing.assert_allclose(layout.split(followed)[2], layout.split(clip.frames)[2])
    with pytest.raises(ValueError, match="holds a run with phone_layers=1, got 2"):
        train(with_model(phone_layers=2), tmp_path / "cut")


def test_pitch_moves_as_far_and_phones_last_as_long_as_asked() -> None:
    params = random_params(CONFIG)
    params["melody_out"]["kernel"] *= 0.02
    params["melody_out"]["bias"] = np.array([0.5, 9.0], np.float32)  # in the middle of the range, and voiced

    def speaker(**options: float) -> Speaker:
        return Speaker(TrainedAcoustic(with_model(**options), params, 0))

    def pitch_of(speaker: Speaker, **prosody: float) -> np.ndarray:
        _, pitch, voiced = feature_range(CONFIG).split(speaker(HELLO, Prosody(**prosody)))
        assert voiced.all()
        return pitch

    as_learned, wide, slow = speaker(), speaker(pitch_range=4), speaker(length_scale=2)
    plain = pitch_of(as_learned)
    for wider in (pitch_of(as_learned, pitch_range=2), pitch_of(wide, pitch_range=0.5)):
        np.testing.assert_allclose(wider - plain.mean(), 2 * (plain - plain.mean()), atol=1e-5)
    assert np.ptp(plain) > 1e-3
    assert np.ptp(pitch_of(as_learned, pitch_range=0)) < 1e-6
    np.testing.assert_array_equal(pitch_of(wide, pitch_range=0.25), plain)
    np.testing.assert_array_equal(pitch_of(slow), pitch_of(as_learned, speed=0.5))


def test_prosody_has_bounds() -> None:
    with pytest.raises(ValueError, match=r"speed must be at most 4, got 9\.0"):
        Prosody(speed=9.0)
    with pytest.raises(ValueError, match="pitch must be at least -24, got -30"):
        Prosody(pitch=-30)
    with pytest.raises(ValueError, match="pitch_range must be a finite number, got nan"):
        Prosody(pitch_range=float("nan"))


def test_lengths_and_pitch_are_compared_with_those_of_recordings() -> None:
    trainer = AcousticTrainer(CONFIG, make_mesh(jax.devices()[:1]))
    params = random_params(CONFIG)
    params["length_out"] = {"kernel": 0 * params["length_out"]["kernel"], "bias": np.log([8.0]).astype("f") - 1.8}
    (rows,) = held_out_rows(CONFIG, clips_of())
    layout = feature_range(CONFIG)
    sums = trainer.judge(params, rows)
    speech = rows.kinds[:, :, 0] > 1
    np.testing.assert_allclose(sums["length_ratio"], [7 * speech.sum(), rows.lengths[speech].sum()], rtol=1e-5)
    _, pitch, voiced = layout.split(rows.targets)
    spread = [((of_row := p[v > 0]) - of_row.mean()) ** 2 for p, v in zip(pitch, voiced, strict=True) if v.any()]
    np.testing.assert_allclose(sums["pitch_range_ratio"][1], np.concatenate(spread).sum(), rtol=1e-4)
    params["melody_out"]["kernel"] *= 0
    assert trainer.judge(params, rows)["pitch_range_ratio"][0] < 1e-6


def test_a_model_is_for_the_features_of_its_vocoder() -> None:
    vocoder = RunConfig(
        model=WaveNetConfig(sample_rate=8_000, features=dataclasses.replace(CONFIG.features, mel_channels=9)),
        data=DataConfig(pre_emphasis=0.85, crop_samples=4_000),
    )
    with pytest.raises(ValueError, match="features with mel_channels=8, and the vocoder was trained on mel_channels=9"):
        check_vocoder(CONFIG, vocoder)
    fitting = CONFIG.for_vocoder(vocoder)
    check_vocoder(fitting, vocoder)
    assert fitting.features.mel_channels == 9
    assert fitting.data.pre_emphasis == 0.85
    with pytest.raises(ValueError, match="local_features must be mel, mel and f0, or phones and f0, for"):
        dataclasses.replace(CONFIG, features=FeatureConfig(local_features=("f0",)))
    without = dataclasses.replace(CONFIG, features=FeatureConfig())
    with pytest.raises(
        ValueError, match="needs features; give vocoder=RUN that takes log-mel or phones, or local_features=mel"
    ):
        without.check_complete()
    check_vocoder(without.for_vocoder(vocoder), vocoder)
    with pytest.raises(ValueError, match="crop_samples has no use for an acoustic model, got 800"):
        dataclasses.replace(CONFIG, data=DataConfig(crop_samples=800))


def test_a_model_folder_is_what_was_written_or_is_refused(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    params = jax.tree.map(lambda leaf: random.normal(size=leaf.shape).astype(np.float32), parameter_shapes(CONFIG))
    write_acoustic(tmp_path, TrainedAcoustic(CONFIG, params, 7))
    config, halves, step = read_acoustic(tmp_path)
    assert (config, step) == (CONFIG, 7)
    jax.tree.map(lambda half, whole: np.testing.assert_allclose(half, whole, rtol=1e-3), halves, params)
    large = TrainedAcoustic(CONFIG, jax.tree.map(lambda leaf: 1e6 * leaf, params), 7)
    with pytest.raises(ValueError, match="has numbers that are not finite as float16; train anew, or use float32"):
        write_acoustic(tmp_path / "large", large)
    assert not (tmp_path / "large").exists()
    with pytest.raises(ValueError, match="is no acoustic model folder: it has no model.safetensors"):
        read_acoustic(tmp_path / "large")
