"""The audit says what is in a folder and what is wrong with it, to people and to programs."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiments import audit
from tests.data import bad_files
from tests.experiments.conftest import Call
from wavenet_jax.audio.wav import write_wav

RATE = 16_000


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "recordings"
    path.mkdir()
    return path


def write(folder: Path, name: str, waveform: np.ndarray, rate: int = RATE) -> None:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    write_wav(str(path), waveform, rate)


def noise(seed: int, level: float = 0.5, samples: int = RATE) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-level, level, samples)


def test_every_doubt_is_named(folder: Path, call: Call) -> None:
    write(folder, "a/good.wav", noise(0))
    write(folder, "a/copy.wav", noise(0))
    write(folder, "a/clipped.wav", 3 * noise(1))
    write(folder, "b/offset.wav", noise(2) + 0.1)
    write(folder, "b/quiet.wav", noise(3, level=0.01))
    write(folder, "b/hushed.wav", noise(4, level=0.0005))
    write(folder, "b/slow.wav", noise(5, samples=8_000), rate=8_000)
    write(folder, "b/padded.wav", np.concatenate([np.zeros(RATE), noise(6), np.zeros(RATE)]))
    write(folder, "short.wav", noise(7, samples=10))
    (folder / "text.wav").write_text("no sound")

    ended = call(audit.main, f"--data_dir={folder}", "--label_from=folder")
    assert ended.code == 0
    found = json.loads(ended.out)
    assert {entry["file"]: entry["reason"] for entry in found["problems"]} == {
        "short.wav": "is shorter than the receptive field (1024 samples)",
        "text.wav": "is not readable audio: Format not recognised",
    }
    assert {(entry["file"], entry["reason"].split("(")[0].split(";")[0].strip()) for entry in found["warnings"]} == {
        ("a/good.wav", "sounds the same as a/copy.wav"),
        ("a/clipped.wav", "is clipped"),
        ("b/offset.wav", "has a DC offset of 0.100"),
        ("b/quiet.wav", "is quiet"),
        ("b/hushed.wav", "is nearly silent"),
        ("b/slow.wav", "is at 8000 Hz, most files at 16000 Hz"),
        ("b/slow.wav", "is upsampled to 16000 Hz: it has nothing above 4000 Hz"),
    }
    assert (found["files"], found["usable"]) == (10, 8)
    assert found["hours"] == pytest.approx(10 / 3_600)
    assert found["classes"] == pytest.approx({"a": 3 / 3_600, "b": 7 / 3_600})
    assert found["sample_rates"] == {"16000": 7, "8000": 1}
    assert found["formats"] == {"WAV PCM_16": 8}
    assert found["trimming"]["share"] == pytest.approx(1.8 / 10, abs=1e-3)
    assert (found["trimming"]["files"], found["trimming"]["kept_whole"]) == (1, 1)
    assert set(found["baselines"]) == {"uniform", "unigram", "linear_prediction"}
    for text in ("8 usable of 10", "not used: 2", "worth a look: 7", "text.wav is not readable", found["verdict"]):
        assert text in ended.err


def test_a_file_that_ends_before_its_header_says_is_doubted(folder: Path, call: Call) -> None:
    soundfile.write(folder / "whole.mp3", noise(0), RATE)
    content = (folder / "whole.mp3").read_bytes()
    (folder / "cut.mp3").write_bytes(content[: len(content) // 2])
    found = json.loads(call(audit.main, f"--data_dir={folder}").out)
    (warning,) = found["warnings"]
    assert warning["file"] == "cut.mp3"
    assert re.fullmatch(
        r"ends after 0\.[3-6] s of the 1\.0 s that its header states: it may be cut off", warning["reason"]
    )


def test_what_is_left_out_is_counted_for_people_and_programs(folder: Path, call: Call) -> None:
    write(folder, "a.wav", noise(0))
    write_wav(folder / "out.wav", noise(1), RATE, generated=True)
    (folder / "run" / "checkpoints").mkdir(parents=True)
    (folder / "run" / "config.json").write_text("{}")
    (folder / ".hidden.wav").write_bytes(b"x")
    ended = call(audit.main, f"--data_dir={folder}")
    found = json.loads(ended.out)
    assert found["left_out"] == {"run directory": 1, "hidden file or folder": 1, "file of generated sound": 1}
    for line in (
        "left out: 1 run directory (run/)",
        "left out: 1 hidden file or folder (.hidden.wav)",
        "left out: 1 file of generated sound (out.wav)",
        "held out for validation: 0.06 s at the end of a.wav, as a.wav[end]",
    ):
        assert line in ended.err
    assert (found["files"], found["splits"]) == (1, {"train": 1, "validation": 1})


@pytest.mark.parametrize(
    ("waveform", "verdict"),
    [
        (noise(0), "it sounds like noise"),
        (np.concatenate([[0.01], np.zeros(RATE)]), "nearly all of it is silence"),
        (bad_files.tone(RATE), "only 0.0 minutes"),
        (np.tile(bad_files.tone(RATE), 360), "good: 0.10 hours; train with the same flags"),
    ],
)
def test_the_verdict_fits_the_sound(waveform: np.ndarray, verdict: str, folder: Path, call: Call) -> None:
    write(folder, "clip.wav", waveform)
    ended = call(audit.main, f"--data_dir={folder}", "--baseline_minutes=0.5")
    assert json.loads(ended.out)["verdict"].startswith(verdict)


def test_a_set_of_doubtful_files_is_not_called_good(folder: Path, call: Call) -> None:
    for number in range(6):
        write(folder, f"{number}.wav", np.tile(0.01 * bad_files.tone(RATE), 60))
    verdict = json.loads(call(audit.main, f"--data_dir={folder}").out)["verdict"]
    assert verdict == "usable, but 6 of 6 files look doubtful; see the warnings above first"


def test_bad_files_give_an_account_and_a_picture(folder: Path, call: Call, tmp_path: Path) -> None:
    cases = bad_files.make(folder)
    picture = tmp_path / "overview.png"
    ended = call(audit.main, f"--data_dir={folder}", f"--plot={picture}", "--most_named=3")
    found = json.loads(ended.out)
    assert found["files"] == len(cases) == found["usable"] + len(found["problems"])
    assert (
        f"... and {len(found['problems']) - 3} more: --most_named={len(found['problems'])} names them all" in ended.err
    )
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_folder_where_nothing_can_be_used_ends_with_code_1(folder: Path, call: Call) -> None:
    (folder / "text.wav").write_text("no sound")
    ended = call(audit.main, f"--data_dir={folder}")
    assert ended.code == 1
    assert json.loads(ended.out)["verdict"] == "nothing here can be used; see the problems above"


def test_a_folder_without_audio_and_no_folder_are_refused_in_one_line(folder: Path, call: Call) -> None:
    for arguments, message in [
        ([], "error: --data_dir is required: the folder of recordings to check\n"),
        ([f"--data_dir={folder}"], f"error: --data_dir {folder} holds no audio files; choose another folder, or widen"),
    ]:
        ended = call(audit.main, *arguments)
        assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
        assert ended.err.startswith(message)
