"""Forced alignment of the recordings in examples/."""

import dataclasses
import errno
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from experiments import align as program
from experiments.support import flags
from wavenet_jax.alignment import Aligner, Alignment, Segment, align, clips, with_transcripts
from wavenet_jax.config import DataConfig
from wavenet_jax.text import Lexicon, Word, sentences

SPEECH = Path(__file__).parents[2] / "examples" / "speech"
TEXTS = {
    "auth-incorrect": "Password incorrect. (a pause) Please enter your password followed by the pound key.",
    "agent-user": "[quietly] Agent login. Please enter your agent number followed by the pound key.",
}

needs_pocketsphinx = pytest.mark.skipif(
    importlib.util.find_spec("pocketsphinx") is None, reason="needs the extra [align]"
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "clips"
    made.mkdir()
    for name in TEXTS:
        shutil.copy(SPEECH / f"{name}.flac", made)
    shutil.copy(SPEECH / "agent-user.flac", made / "silence.flac")
    rows = {**TEXTS, "silence": "[nothing]"}
    (made / "transcripts.tsv").write_text("clip\ttext\n" + "".join(f"{name}\t{text}\n" for name, text in rows.items()))
    return made


@needs_pocketsphinx
def test_a_folder_is_aligned_once_and_drawn(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    arguments = [
        "align",
        f"--data_dir={folder}",
        f"--cache_dir={tmp_path / 'cache'}",
        f"--picture={tmp_path / 'a.png'}",
    ]
    with pytest.raises(SystemExit) as ended:
        flags.run(program.main, arguments)
    assert ended.value.code == 0
    result = json.loads(capsys.readouterr().out)
    assert result["aligned"] == 2
    assert result["not_aligned"] == [{"file": "silence.flac", "reason": "has a transcript without words"}]
    assert (tmp_path / "a.png").stat().st_size > 10_000

    monkeypatch.setitem(sys.modules, "pocketsphinx", None)  # what is kept needs no aligner
    found = align(DataConfig(data_dir=(str(folder),), cache_dir=str(tmp_path / "cache")))
    alignment = found.clips["auth-incorrect.flac"]
    assert [word.text for word in alignment.words][:4] == ["password", "incorrect", "please", "enter"]
    assert alignment.segments[0].start == 0
    np.testing.assert_array_equal([s.stop for s in alignment.segments[:-1]], [s.start for s in alignment.segments[1:]])
    phones = [segment.phone for segment in alignment.segments if segment.phone]
    assert phones == [phone for word in alignment.words for phone in word.phones]


class Even:
    """Aligns every clip with phones of one length."""

    calls = 0

    def __call__(self, waveform: np.ndarray, words: Sequence[Word]) -> Alignment:
        Even.calls += 1
        owners = [place for place, word in enumerate(words) for _ in word.phones]
        phones = [phone for word in words for phone in word.phones]
        segments = [Segment(p, w, n / 100, (n + 1) / 100) for n, (p, w) in enumerate(zip(phones, owners, strict=True))]
        return Alignment(tuple(words), tuple(segments), -1.0)


def test_a_damaged_cache_is_made_again_and_a_full_disk_costs_only_that(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clips, "Aligner", Even)
    data = DataConfig(data_dir=(str(folder),), cache_dir=str(tmp_path / "cache"))
    first = align(data, aligner="forced")
    calls = Even.calls
    assert align(data, aligner="forced") == first
    assert Even.calls == calls
    (kept,) = (tmp_path / "cache" / "alignments").iterdir()
    rows = json.loads(kept.read_text())
    for row in (["x", 1], [0, 0, [None], ["a", "b"]], [0, -1.0, [0], [0.0, 1.0]], {}, 3, "text"):
        kept.write_text(json.dumps(dict.fromkeys(rows, row)))
        assert align(data, aligner="forced") == first
    kept.write_text(json.dumps(rows)[:50])

    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(clips, "write_whole", full)
    assert align(data, aligner="forced") == first


def test_what_is_killed_has_not_lost_it_all(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clips, "Aligner", Even)
    monkeypatch.setattr(clips, "_SAVE_SECONDS", -1.0)
    data = DataConfig(data_dir=(str(folder),), cache_dir=str(tmp_path / "cache"))
    with monkeypatch.context() as killed:
        killed.setattr(clips._Kept, "save", lambda kept: None)
        first = align(data, aligner="forced")
    calls = Even.calls
    assert align(data, aligner="forced") == first
    assert Even.calls == calls


def test_a_picture_that_is_there_is_not_replaced(folder: Path, capsys: pytest.CaptureFixture) -> None:
    (folder / "mine.png").write_text("mine")
    with pytest.raises(SystemExit):
        flags.run(program.main, ["align", f"--data_dir={folder}", f"--picture={folder / 'mine.png'}"])
    assert "mine.png exists; choose another --picture, or replace" in capsys.readouterr().err
    assert (folder / "mine.png").read_text() == "mine"


@needs_pocketsphinx
@pytest.mark.slow
def test_a_transcript_of_something_else_fits_worse() -> None:
    from wavenet_jax.audio.files import read_audio

    waveform = read_audio(str(SPEECH / "agent-user.flac"), 16_000)
    aligner = Aligner()

    def score(text: str) -> float:
        found = aligner(waveform, [word for sentence in sentences(text, Lexicon()) for word in sentence])
        return -np.inf if found is None else found.score

    said = score(TEXTS["agent-user"].removeprefix("[quietly] "))
    assert said > -2
    assert score("The quick brown fox jumps over the lazy dog and runs away into the dark forest.") < said - 1
    assert score(TEXTS["agent-user"].removeprefix("[quietly] ")) == said  # whatever was aligned before


def test_a_folder_without_transcripts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no transcripts.tsv or metadata.csv"):
        with_transcripts(DataConfig(data_dir=(str(tmp_path),)))
    with pytest.raises(ValueError, match="data_dir is required"):
        with_transcripts(DataConfig())
    within = tmp_path / "ann" / "en"
    within.mkdir(parents=True)
    (within / "transcripts.tsv").write_text("a\tb\n")
    assert with_transcripts(DataConfig(data_dir=(str(tmp_path),))).transcript_table == "transcripts.tsv"
    (within / "transcripts.tsv").unlink()
    given = DataConfig(data_dir=(str(tmp_path),), transcript_table="mine.txt")
    assert with_transcripts(given) is given
    (tmp_path / "metadata.csv").write_text("a|b\n")
    assert with_transcripts(dataclasses.replace(given, transcript_table=None)).transcript_table == "metadata.csv"
