"""A voice without log-mel, by its programs: what a network is told, the network, the acoustic model, and both."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiments import evaluate, features, say, train, train_acoustic, voice
from experiments.support import alignment, flags, presets
from tests.acoustic.test_acoustic import aligned
from tests.experiments.conftest import Call
from wavenet_jax.alignment import AlignedData
from wavenet_jax.conditions import PHONE_COLUMNS
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.data import Describer, open_sources
from wavenet_jax.model import parameter_count, receptive_field
from wavenet_jax.runs import RunDirectory

PRESET = "--flagfile=speech/direct.flags"
SMALL = (
    PRESET,
    "--sample_rate=8000",
    "--residual_channels=4",
    "--skip_channels=8",
    "--local_channels=4",
    "--dilation_cycle=1,2",
    "--crop_samples=800",
    "--batch_size=8",
    "--validation_fraction=0.4",
)
NAMES = ("a", "b", "c", "d", "e", "silent")


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five recordings that are aligned, and one that is not."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name in NAMES:
        soundfile.write(folder / f"{name}.wav", random.normal(scale=0.1, size=4_000), 8_000)
    (folder / "transcripts.tsv").write_text("".join(f"{name}\tHello, you?\n" for name in NAMES))
    found = AlignedData({f"{name}.wav": aligned(0.5) for name in NAMES[:-1]}, {}, [], [], {})
    monkeypatch.setattr(alignment, "align", lambda *arguments: found)
    return folder


@pytest.fixture
def told(recordings: Path, call: Call, tmp_path: Path) -> Path:
    """The folder of what the network is told."""
    folder = tmp_path / "told"
    ended = call(features.main, "--phones", *SMALL, f"--data_dir={recordings}", f"--output={folder}")
    assert ended.code == 0, ended.err
    result = {"folder": str(folder), "clips": 5, "written": 5, "channels": PHONE_COLUMNS + 2}
    assert json.loads(ended.out) == result
    return folder


@pytest.fixture
def config() -> RunConfig:
    (config,) = flags.read([RunConfig], ["program", *SMALL])
    return config


def test_the_preset_is_found_and_is_a_network_of_phones() -> None:
    assert presets.find_flagfile("speech/direct.flags", None).is_file()
    (config,) = flags.read([RunConfig], ["program", PRESET])
    assert config.model.features.local_features == ("phones", "f0")
    assert config.model.features.channels == PHONE_COLUMNS + 2
    assert (receptive_field(config.model), parameter_count(config.model)) == (1_359, 640_156)  # as README says
    assert config.data.crop_samples % config.model.tempo == 0


def test_what_is_said_is_written_for_every_aligned_clip(
    recordings: Path, told: Path, config: RunConfig, call: Call
) -> None:
    assert sorted(path.name for path in told.iterdir()) == [f"{name}.npy" for name in NAMES[:-1]]
    array = np.load(told / "a.npy")
    assert (array.dtype, array.shape) == (np.float16, (20, PHONE_COLUMNS + 2))
    data = dataclasses.replace(config.data, data_dir=(str(recordings),), feature_dir=str(told))
    (clips,) = open_sources(data, config.model, ("all",))
    assert [skipped.reason for skipped in clips.skipped] == [f"has no array in feature_dir {told}"]
    describer = Describer(config.model, clips, feature_dir=told)
    frames = describer.frames(0, 0, 20)
    np.testing.assert_array_equal(frames, array)
    pitch_alone = dataclasses.replace(config.model.features, local_features=("f0",))
    measured = Describer(WaveNetConfig(sample_rate=8_000, features=pitch_alone), clips).frames(0, 0, 20)
    np.testing.assert_allclose(frames[:, config.model.features.columns("f0")], measured, atol=1e-3)
    again = call(features.main, "--phones", *SMALL, f"--data_dir={recordings}", f"--output={told}")
    assert json.loads(again.out)["written"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--phones", "--flagfile=vocoder.flags"],
            "--phones needs a network with --local_features=phones, got mel, f0; give its flags, as "
            "--flagfile=speech/direct.flags has them",
        ),
        (
            ["--phones", "--acoustic=a"],
            "--acoustic predicts features, and phones are those of the alignment; leave one of them out",
        ),
        (["--phones", "--workdir=a"], "--phones is for all recordings of --data_dir; leave workdir and audio out"),
        (
            ["--acoustic=a", "--hop_samples=100"],
            "flags of a network are for phones; others have theirs from workdir or acoustic",
        ),
        (["--workdir=a"], "--workdir and audio are needed, or acoustic or phones with the --data_dir of recordings"),
        (
            ["--workdir=a", "--audio=b", "--data_dir=c"],
            "--data_dir is for acoustic and phones; a single recording is named by audio",
        ),
    ],
)
def test_features_that_cannot_be_meant_are_refused_in_one_line(
    arguments: list[str], message: str, call: Call, tmp_path: Path
) -> None:
    ended = call(features.main, *arguments, f"--output={tmp_path / 'told'}")
    assert ended == (1, "", f"error: {message}\n")


def test_a_network_of_phones_is_not_trained_without_them(
    recordings: Path, told: Path, call: Call, tmp_path: Path
) -> None:
    arguments = (*SMALL, f"--data_dir={recordings}", f"--workdir={tmp_path / 'run'}")
    ended = call(train.main, *arguments)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err == (
        "error: --feature_dir is required for --local_features=phones, f0: phones cannot be measured from a recording; "
        "write them with wavenet features --phones\n"
    )
    assert not (tmp_path / "run").exists()  # else the same directory would be refused with the folder
    ended = call(train.main, *arguments, f"--feature_dir={tmp_path / 'none'}")
    assert ended.err == f"error: --feature_dir {tmp_path / 'none'} is not a folder; make one with wavenet features\n"
    ended = call(train.main, *arguments, f"--feature_dir={recordings}")
    assert "the network can be trained on none of the" in ended.err
    assert f"has no array in --feature_dir {recordings}" in ended.err


@pytest.mark.slow
def test_a_network_and_an_acoustic_model_become_a_voice_without_log_mel(
    recordings: Path, told: Path, call: Call, tmp_path: Path
) -> None:
    steps = ("--num_steps=2", "--validate_every=2", "--save_every=2")
    direct, acoustic, folder = (tmp_path / name for name in ("direct", "acoustic", "voice"))
    data = f"--data_dir={recordings}"
    ended = call(
        train.main, *SMALL, *steps, data, f"--feature_dir={told}", f"--workdir={direct}", "--probe_seconds=0.1"
    )
    assert ended.code == 0, ended.err
    assert f"silent.wav has no array in feature_dir {told}" in ended.err
    assert RunDirectory(direct).checkpoint_steps() == [2]
    ended = call(evaluate.main, f"--workdir={direct}")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["bits_per_sample"] > 0

    sizes = ("--phone_channels=8", "--frame_channels=8", "--row_frames=48", "--row_phones=24")
    ended = call(
        train_acoustic.main,
        *steps,
        *sizes,
        data,
        "--batch_size=8",
        "--validation_fraction=0.4",
        f"--vocoder={direct}",
        f"--workdir={acoustic}",
    )
    assert ended.code == 0, ended.err
    ended = call(voice.main, f"--acoustic={acoustic}", f"--vocoder={direct}", f"--output={folder}")
    assert ended.code == 0, ended.err
    seconds = []
    for speed in (1, 0.5):
        output = tmp_path / f"{speed}.wav"
        ended = call(
            say.main, f"--voice={folder}", "--text=You.", f"--output={output}", f"--speed={speed}", "--pitch=1"
        )
        assert ended.code == 0, ended.err
        seconds.append(soundfile.info(output).duration)
    assert seconds[1] > 1.5 * seconds[0] > 0
