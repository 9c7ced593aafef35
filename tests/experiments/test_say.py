"""What speaking does with its streams and files; a voice itself is tested in tests/test_voice.py."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wavenet_jax
from experiments import say, voice
from tests.experiments.conftest import Call


class Beeper:
    """Speaks every character as a piece of ten samples."""

    sample_rate = 1_000

    def stream(self, text: str | Iterable[str], **options: Any) -> Iterator[np.ndarray]:
        for _ in "".join(text):
            yield np.full(10, 0.1, np.float32)


@pytest.fixture(autouse=True)
def beeper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wavenet_jax, "load_voice", lambda *folder: Beeper(), raising=False)


def test_a_closed_standard_input_is_named(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    ended = call(say.main, "--voice=beeper", "--text_file=-", f"--output={tmp_path / 'a.wav'}")
    assert ended == (1, "", "error: --text_file=- reads standard input, which is closed; name a file\n")
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_fails_is_not_blamed_on_the_text_and_what_was_kept_is_said(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, output = tmp_path / "text.txt", tmp_path / "a.wav"
    text.write_text("hello")
    append, pieces = say.WavFiles._append, []

    def denied(files: say.WavFiles, rows: Any) -> None:
        pieces.append(rows)
        if len(pieces) > 3:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(output))
        append(files, rows)

    monkeypatch.setattr(say.WavFiles, "_append", denied)
    ended = call(say.main, "--voice=beeper", f"--text_file={text}", f"--output={output}")
    assert ended == (1, "", f"error: Permission denied: {output}; kept 0.03 s\n")
    assert call(say.main, "--voice=beeper", f"--text_file={tmp_path}", f"--output={tmp_path / 'b.wav'}").err == (
        f"error: --text_file {tmp_path} cannot be read: Is a directory; check its name\n"
    )


def test_a_folder_that_is_no_voice_is_not_overwritten(call: Call, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("a project")
    arguments = ("--acoustic=none", "--vocoder=none", f"--output={tmp_path}", "--overwrite")
    assert call(voice.main, *arguments) == (1, "", f"error: {tmp_path} is not empty; choose another --output\n")
