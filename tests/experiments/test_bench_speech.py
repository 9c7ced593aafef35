"""The program that measures how soon and how fast a network speaks."""

import json
from collections.abc import Iterator

import numpy as np
import pytest

from experiments import bench_speech
from tests.experiments.conftest import Call


def test_the_first_sound_and_the_speed_of_all_number_formats_that_can_be_had(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sounds(weights: str) -> Iterator[np.ndarray]:
        if weights == "int8":
            raise ValueError("weights=int8 needs the native engine")
        for _ in range(3):
            yield np.zeros(400, np.float32)

    monkeypatch.setattr(bench_speech, "_voice", lambda options: (sounds, 4_000))
    ended = call(bench_speech.main, "--weights=float32", "--weights=int8", "--repeats=3")
    assert ended.code == 0, ended.err
    speed, first, compiling, left_out = (json.loads(line) for line in ended.out.splitlines())
    assert (speed["name"], speed["unit"], speed["repeats"]) == ("say/float32", "x real time", 3)
    assert speed["seconds"] == 0.3
    assert (first["name"], first["unit"], first["repeats"]) == ("say/float32/first-sound", "s", 3)
    assert first["median"] < 0.3 / speed["median"]
    assert (compiling["name"], compiling["repeats"]) == ("say/float32/first-sound-compiling", 1)
    assert (left_out["name"], left_out["skipped"]) == ("say/int8", "weights=int8 needs the native engine")
    ended = call(bench_speech.main, "--weights=int8")
    assert (ended.code, ended.err) == (1, "error: --weights=int8 needs the native engine\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--vocoder=a",), "--vocoder and recording are given together, or none of them"),
        (("--vocoder=a", "--recording=b", "--voice=c"), "--vocoder and voice do not go together; leave --voice out"),
    ],
)
def test_bad_input_is_one_line(call: Call, arguments: tuple[str, ...], message: str) -> None:
    ended = call(bench_speech.main, *arguments)
    assert (ended.code, ended.err) == (1, f"error: {message}\n")
