"""The program that judges sounds."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from experiments import judge
from tests.experiments.conftest import Call
from wavenet_jax.audio.wav import write_wav

RATE = 8_000
QUICK = ("--measures=log_mel_db", "--measures=spectral_convergence")


def sound(seed: int, seconds: float = 0.3, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).normal(size=round(seconds * rate))


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Two recordings, one of them in a folder of its own, and copies with noise."""
    for number, name in enumerate(("a", "deep/b")):
        for system, gain in (("real", 0.0), ("near", 0.01), ("far", 1.0)):
            path = tmp_path / system / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wav(path, sound(number) + gain * sound(9), RATE, generated=True)
    (tmp_path / "texts.tsv").write_text("clip\ttext\na\tGoodbye.\ndeep/b\tHello\n")
    return tmp_path


def test_systems_are_judged_beside_the_recordings_and_yardsticks(call: Call, folders: Path) -> None:
    copies = [f"--copies={name}={folders / name}" for name in ("near", "far")]
    picture = folders / "all.png"
    arguments = [f"--recordings={folders / 'real'}", *copies, *QUICK, "--per_clip", f"--picture={picture}"]
    ended = call(judge.main, *arguments, "--yardsticks")
    assert ended.code == 0, ended.err
    *lines, last = map(json.loads, ended.out.splitlines())
    systems = ["recording", "mu_law", "world", "griffin_lim", "white_noise", "near", "far"]
    assert [(line["clip"], line["system"]) for line in lines] == [(c, s) for c in ("a", "deep/b") for s in systems]
    assert (last["clips"], last["sample_rate"], list(last["systems"]), last["left_out"]) == (2, RATE, systems, {})
    means = {system: found["log_mel_db"] for system, found in last["systems"].items()}
    assert means["recording"] == {"mean": 0, "low": 0, "high": 0, "clips": 2}
    assert 0 < means["near"]["mean"] < min(means["white_noise"]["mean"], means["far"]["mean"])
    assert means["near"]["mean"] == pytest.approx(
        np.mean([line["log_mel_db"] for line in lines if line["system"] == "near"])
    )
    assert means["near"]["low"] < means["near"]["mean"] < means["near"]["high"]
    assert last["measures"]["log_mel_db"]["range"] == [0, None]
    assert "↓ log_mel_db" in ended.err
    assert "white_noise" in ended.err
    assert picture.read_bytes().startswith(b"\x89PNG")
    again = call(judge.main, *arguments)
    assert (again.code, again.err) == (
        1, f"error: {picture} exists; choose another --picture, or replace the file with --overwrite\n"
    )  # fmt: skip


def test_a_clip_that_cannot_be_read_is_named_and_left_out(call: Call, folders: Path) -> None:
    arguments = [f"--recordings={folders / 'real'}", f"--copies=near={folders / 'near'}", "--measures=log_mel_db"]
    for number, content in enumerate((np.nan, 1e30)):
        name = ("a", "deep/b")[number]
        soundfile.write(folders / "near" / f"{name}.wav", np.full(4_000, content), RATE, subtype="DOUBLE")
        ended = call(judge.main, *arguments)
        assert ended.err.count("; the clip is left out\n") == number + 1
        assert f"{folders}/near/{name}.wav: " in ended.err
        assert (ended.code, "error: no clip can be read" in ended.err) == (number, bool(number))
        assert number or json.loads(ended.out)["clips"] == 1


def test_of_two_that_draw_into_one_file_one_is_refused(
    call: Call, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = folders / "all.png"
    # The other program begins between the first look and the reservation.
    monkeypatch.setattr(judge, "refuse_existing", lambda *arguments: picture.write_bytes(b"of another program"))
    ended = call(judge.main, f"--recordings={folders / 'real'}", f"--picture={picture}")
    assert ended.code == 1
    assert ended.err.endswith("all.png exists by now: another program writes to it; choose another --picture\n")
    assert picture.read_bytes() == b"of another program"


def test_what_is_not_installed_is_named_and_left_out(
    call: Call, folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("pesq", "pystoi", "distillmos", "torch"):
        monkeypatch.setitem(sys.modules, module, None)
    names = [f"--measures={name}" for name in ("pesq", "stoi", "distillmos", "speaker_similarity", "word_error_rate")]
    arguments = [f"--recordings={folders / 'real'}", *names]
    ended = call(judge.main, *arguments, "--measures=log_mel_db")
    assert ended.code == 0
    (line,) = (line for line in ended.err.splitlines() if line.startswith("left out: "))
    assert "pesq, stoi (not installed: pip install wavenet-jax[metrics]); distillmos" in line
    assert "word_error_rate (needs --transcripts)" in line
    assert "Traceback" not in ended.err
    result = json.loads(ended.out)
    assert list(result["systems"]["recording"]) == ["log_mel_db"]
    assert set(result["left_out"]) > {"pesq", "stoi", "distillmos", "word_error_rate"}
    nothing = call(judge.main, *arguments[:2])
    assert nothing.err == "error: no measure is left: pesq (not installed: pip install wavenet-jax[metrics])\n"


def test_a_single_copy(call: Call, folders: Path) -> None:
    copy = folders / "other.wav"
    write_wav(copy, sound(0, 0.5, 16_000), 16_000)
    ended = call(judge.main, f"--original={folders / 'real' / 'a.wav'}", f"--copy={copy}", *QUICK)
    result = json.loads(ended.out)
    assert result["systems"]["copy"]["log_mel_db"]["mean"] > 0
    assert result["systems"]["copy"]["log_mel_db"]["low"] is None  # of one clip
    assert "compared at 8000 Hz: copy of 16000 Hz\n" in ended.err
    assert "copy: the lengths of 1 of 1 copies differ" in ended.err
    assert "that of 'a' by 0.20 s; the longer is cut" in ended.err


def test_clips_are_chosen_by_name_number_and_split(call: Call, folders: Path) -> None:
    def clips(*arguments: str) -> list[str]:
        ended = call(judge.main, f"--recordings={folders / 'real'}", *QUICK, "--per_clip", *arguments)
        assert ended.code == 0, ended.err
        return [json.loads(line)["clip"] for line in ended.out.splitlines()[:-1]]

    (folders / "list.txt").write_text("deep/b\n\na\n")
    assert clips() == ["a", "deep/b"]
    assert clips("--clips=deep/b") == ["deep/b"]
    assert clips(f"--clips=@{folders / 'list.txt'}") == ["deep/b", "a"]
    assert clips("--most_clips=1") == ["a"]
    (folders / "far" / "a.wav").unlink()
    assert clips(f"--sounds={folders / 'far'}") == ["deep/b", "deep/b"]


def test_held_out_files_of_a_run_are_the_recordings(call: Call, workdir: Path) -> None:
    ended = call(judge.main, f"--workdir={workdir}", "--split=all", *QUICK)
    assert ended.code == 0, ended.err
    result = json.loads(ended.out)
    assert result["clips"] > 0
    assert result["systems"]["recording"]["spectral_convergence"]["mean"] == 0


Damage = Callable[[Path], object]


@pytest.mark.parametrize(
    ("arguments", "damage", "message"),
    [
        (("--copies=x=far",), None, "--copies need recordings: give --recordings, or sounds instead of copies"),
        ((), None, "there is nothing to judge; give --recordings and copies, original and copy, or sounds"),
        (("--recordings=nowhere",), None, "there is no folder or file at nowhere; check the path"),
        (("--recordings=real", "--copies=far", "--copies=far"), None, "two of copies are called 'far'; name them:"),
        (
            ("--recordings=real", "--copies=world=far", "--yardsticks"),
            None,
            "--copies must not be called world, as another system is",
        ),
        (
            ("--recordings=real", "--copies=x=near"),
            lambda path: [
                (path / "near" / "a.wav").rename(path / "near" / "c.wav"),
                (path / "near/deep/b.wav").unlink(),
            ],
            "no clip is in every folder, by the names of the files ('a' in recording, 'c' in x);",
        ),
        (("--recordings=real", "--clips=c"), None, "--clips must be among the 2 of recording, got 'c'; check its name"),
        (
            ("--recordings=real", "--transcripts=texts.tsv"),
            lambda path: (path / "texts.tsv").write_text("a\tGoodbye.\n"),
            "--transcripts texts.tsv has no line of the clip 'deep/b'; add it,",
        ),
        (
            ("--recordings=real", "--transcripts=texts.tsv", "--measures=word_error_rate"),
            None,
            "--language_model=transcripts needs transcripts of at least 10 other clips, got 0;",
        ),
        (("--original=real", "--copy=near"), None, "--original and copy are single files;"),
        (("--recordings=real", "--measures=mos"), None, "--measures must be one of "),
    ],
)
def test_bad_input_is_one_line(
    arguments: tuple[str, ...],
    damage: Damage | None,
    message: str,
    call: Call,
    folders: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folders)
    if damage:
        damage(folders)
    quick = () if any("measures" in argument for argument in arguments) else QUICK
    ended = call(judge.main, *arguments, *quick)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"error: {message}") or f"error: {message}" in ended.err
    assert ended.err.count("error:") == 1
