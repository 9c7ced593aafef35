"""Every data set holds something out, or says why not."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from wavenet_jax.config import DataConfig, FeatureConfig, WaveNetConfig
from wavenet_jax.data import FolderSource, Source, SyntheticSource, open_source, open_sources

Config = Callable[..., DataConfig]
Record = Callable[..., np.ndarray]
SPLITS = ("train", "validation", "test")


def names(sources: list[Source]) -> list[list[str]]:
    return [list(source.names) for source in sources]


@pytest.mark.parametrize("files", [2, 3, 5, 20])
@pytest.mark.parametrize("fraction", [0.001, 0.05, 0.999])
def test_neither_side_of_several_files_is_empty(
    files: int, fraction: float, record: Record, data: Config, model: WaveNetConfig
) -> None:
    for number in range(files):
        record(f"c{number:02}.wav")
    training, held_out = open_sources(data(validation_fraction=fraction), model, ("train", "validation"))
    assert len(training) + len(held_out) == files
    assert len(training) >= 1
    assert len(held_out) >= 1


def test_the_file_that_is_held_out_hangs_on_names_alone_and_is_said(
    record: Record, data: Config, model: WaveNetConfig
) -> None:
    for number in range(5):
        record(f"c{number}.wav")
    config = data(validation_fraction=0.001)
    first, again = (open_sources(config, model, ("train", "validation")) for _ in range(2))
    assert names(first) == names(again)
    (held_out,) = first[1].names
    assert list(first[0].notes) == [f"held out for validation: {held_out}, as its share of 0.001 of 5 files chose none"]


def test_of_two_files_the_longer_one_is_learnt_from(record: Record, data: Config, model: WaveNetConfig) -> None:
    for long, short in (("a.wav", "b.wav"), ("b.wav", "a.wav")):
        record(long, 9_000)
        record(short, 100)
        training, held_out = open_sources(data(validation_fraction=1e-6), model, ("train", "validation"))
        assert (training.names, held_out.names) == ([long], [short])


@pytest.mark.parametrize("name", [f"song{number}.wav" for number in range(6)])
@pytest.mark.parametrize("trim", [False, True])
def test_the_end_of_a_single_file_is_held_out(
    name: str, trim: bool, record: Record, data: Config, model: WaveNetConfig
) -> None:
    waveform = record(name, 10_000).astype(np.float32)
    config = data(validation_fraction=0.05, test_fraction=0.1, trim_silence=trim)
    training, validation, test = open_sources(config, model, SPLITS)
    assert names([training, validation, test]) == [[name], [f"{name}[end]"], [f"{name}[test]"]]
    parts = [source.read(0, 0, int(source.lengths[0])) for source in (training, test, validation)]
    assert [len(part) for part in parts] == [8_500, 1_000, 500]
    np.testing.assert_array_equal(np.concatenate(parts), waveform)
    assert list(training.notes) == [
        f"held out for test: 0.06 s at the end of {name}, as {name}[test]",
        f"held out for validation: 0.03 s at the end of {name}, as {name}[end]",
    ]
    alone = open_source(config, model, "validation")
    assert list(alone.names) == [f"{name}[end]"]


def test_a_single_file_that_is_too_short_to_divide_is_learnt_from_and_said_to_be(
    record: Record, data: Config, model: WaveNetConfig
) -> None:
    record("song.wav", 20)
    training, held_out = open_sources(data(validation_fraction=0.05), model, ("train", "validation"))
    assert (training.names, held_out.names) == (["song.wav"], [])
    assert list(training.notes) == [
        "nothing is held out: song.wav is the only file, and cannot be divided; add recordings"
    ]


def test_a_file_with_features_beside_it_stays_whole(record: Record, data: Config) -> None:
    record("song.wav", 10_000)
    model = WaveNetConfig(
        sample_rate=16_000,
        dilation_cycle=(1, 2),
        features=FeatureConfig(local_features=("file",), file_channels=2, hop_samples=100),
    )
    training, held_out = open_sources(data(validation_fraction=0.05), model, ("train", "validation"))
    assert (training.lengths.tolist(), len(held_out)) == ([10_000], 0)


def test_files_that_cannot_be_used_are_not_what_is_held_out(
    record: Record, data: Config, model: WaveNetConfig, folder: Path
) -> None:
    for number in range(20):
        (folder / f"bad{number}.wav").write_text("no sound")
    record("a.wav")
    record("b.wav")
    training, held_out = open_sources(data(validation_fraction=0.05), model, ("train", "validation"))
    assert (len(training), len(held_out)) == (1, 1)


def test_nothing_is_held_out_where_nothing_is_asked_for(record: Record, data: Config, model: WaveNetConfig) -> None:
    for name in ("a.wav", "b.wav"):
        record(name)
    training, held_out = open_sources(data(validation_fraction=0.0), model, ("train", "validation"))
    assert (len(training), len(held_out), list(training.notes)) == (2, 0, [])


def test_chosen_files_stand_and_too_many_are_refused_with_the_field(
    record: Record, data: Config, model: WaveNetConfig
) -> None:
    for number in range(4):
        record(f"c{number}.wav")
    training, held_out = open_sources(data(validation_files=("c1.wav",)), model, ("train", "validation"))
    assert (len(training), held_out.names) == (3, ["c1.wav"])
    with pytest.raises(ValueError, match=r"^all 4 files are held out by validation_files=\('\*',\); hold out fewer$"):
        open_source(data(validation_files=("*",)), model, "train")
    with pytest.raises(ValueError, match=r"^validation_files held\*\.wav fits none of the 4 files"):
        open_source(data(validation_files=("held*.wav",)), model, "train")


def test_of_few_synthetic_clips_one_is_held_out() -> None:
    config = DataConfig(synthetic_clips=3)
    assert len(open_source(config, WaveNetConfig(), "validation")) == 1
    assert isinstance(open_source(config, WaveNetConfig(), "train"), SyntheticSource)
    assert not isinstance(open_source(config, WaveNetConfig(), "train"), FolderSource)
