"""What programs say: never fatal, and results that are JSON for strict readers."""

import io
import json
import sys
from typing import Any

import pytest

from experiments.support import console


class Broken(io.StringIO):
    """A stream that takes nothing."""

    def write(self, text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise OSError


def test_words_that_nobody_can_read_are_lost_quietly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Broken())
    with console.speaking():
        console.say("hello")
        print("hello", file=sys.stderr, flush=True)
        assert console.finished(None) == 0


def test_a_result_that_is_lost_costs_the_exit_code_and_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    class Full(Broken):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    for stream, said in (
        (Full(), 'standard output: No space left on device; the result was: {"bits": 1.5}\n'),
        (Broken(), ""),
    ):
        monkeypatch.setattr(sys, "stdout", stream)
        with console.speaking():
            console.result({"bits": 1.5})
            assert console.finished(None) == 1
            assert console.finished(3) == 3
        assert capsys.readouterr().err == said


def test_numbers_that_are_not_finite_become_null(capsys: pytest.CaptureFixture) -> None:
    def refuse(text: str) -> Any:
        raise AssertionError(text)

    nan, inf = float("nan"), float("inf")
    with console.speaking():
        console.result({"a": nan, "b": [1.0, inf, {"c": (-inf, "x", None)}], "d": {"e": 2}})
    found = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert found == {"a": None, "b": [1.0, None, {"c": [None, "x", None]}], "d": {"e": 2}}


def test_characters_that_an_encoding_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    streams = [io.TextIOWrapper(io.BytesIO(), "ascii", errors="strict") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    with console.speaking():
        console.output("µ-law")
        console.say("µ-law \udcff")
        assert console.finished(0) == 0
    assert [stream.buffer.getvalue() for stream in streams] == [b"?-law\n", b"\\xb5-law \\udcff\n"]  # type: ignore[attr-defined]


def test_a_channel_that_fails_is_named_once_and_others_go_on(capsys: pytest.CaptureFixture) -> None:
    channels, calls = console.Channels(), []

    def fail() -> None:
        calls.append("failed")
        raise RuntimeError("two\nlines")

    with console.speaking():
        for _ in range(3):
            assert channels.attempt("board", fail) is None
        assert channels.attempt("picture", lambda: 5) == 5
        with pytest.raises(KeyboardInterrupt):
            channels.attempt("picture", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    assert calls == ["failed"]
    assert capsys.readouterr().err == "board: RuntimeError: two lines; continuing without it\n"
