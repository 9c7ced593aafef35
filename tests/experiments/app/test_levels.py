"""What is said of a recording's level."""

import numpy as np
import pytest

from experiments.app.levels import level, notes

RATE = 8_000


def speech(peak: float, noise: float = 1e-3, seconds: float = 2.0) -> np.ndarray:
    """A second of tone between two halves of a second of noise, ``[T]``."""
    time = np.arange(round(seconds * RATE)) / RATE
    tone = np.where((time > 0.5) & (time < seconds - 0.5), peak * np.sin(2 * np.pi * 200 * time), 0)
    return np.clip(tone + noise * np.random.default_rng(0).normal(size=len(time)), -1, 1).astype(np.float32)


def test_levels_are_those_of_a_sine() -> None:
    found = level(np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE).astype(np.float32) / 2, RATE)
    assert found.peak == pytest.approx(-6.02, abs=0.01)
    assert found.rms == pytest.approx(-9.03, abs=0.01)
    assert found.speech == pytest.approx(-9.03, abs=0.1)
    assert (found.clipped, found.seconds) == (0, 1)


@pytest.mark.parametrize(
    ("waveform", "words"),
    [
        (speech(0.5), []),
        (speech(1.5), ["clipped"]),
        (speech(0.01, 1e-5), ["too quiet"]),
        (speech(0.5, 0.1), ["room is loud"]),
        (speech(0.5, seconds=1.2)[4_000:5_600], ["room is loud", "very short"]),
        (np.zeros(3, np.float32), ["too quiet", "very short"]),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(waveform: np.ndarray, words: list[str]) -> None:
    told = list(notes(level(waveform, RATE), 30))
    assert len(told) == len(words)
    assert all(word in note for word, note in zip(words, told, strict=True))
