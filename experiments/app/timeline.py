"""What is said, drawn under its waveform while it is heard; how it is drawn is in timeline.js."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from wavenet_jax.alignment import Segment
from wavenet_jax.text import Word

PEAKS_PER_SECOND = 100

_HTML = '<div class="timeline" role="region" tabindex="0" aria-label="words and phones under the waveform"></div>'
_HERE = Path(__file__).parent
_JS = (_HERE / "timeline.js").read_text(encoding="utf-8")
_CSS = (_HERE / "timeline.css").read_text(encoding="utf-8")


class Span(NamedTuple):
    """A word or a phone, and when it sounds."""

    text: str
    start: float
    """Seconds from the start of the sound."""
    stop: float


def show(name: str) -> None:
    """The drawing of the sound ``name``; give it words, phones and pieces by ``tell`` and ``draw``."""
    _component("wavenet_timeline", _HTML)(data={"id": name}, key=f"timeline_{name}")


def tell(name: str, index: int, words: Sequence[Span], phones: Sequence[Span]) -> None:
    """Draws the words and phones of a part of the sound ``name``."""
    data = {"id": name, "index": f"said {index}", "words": words, "phones": phones}
    _component("wavenet_said", "")(data=data, key=f"said_{name}_{index}")


def draw(name: str, index: int, waveform: np.ndarray, sample_rate: int, start: float) -> None:
    """Draws the waveform ``[T]`` of a piece of the sound ``name``, which starts at a time in seconds."""
    columns = max(1, round(len(waveform) / sample_rate * PEAKS_PER_SECOND))
    peaks = [round(float(np.abs(part).max()), 3) for part in np.array_split(waveform, columns)]
    data = {
        "id": name,
        "index": f"drawn {index}",
        "start": start,
        "stop": start + len(waveform) / sample_rate,
        "peaks": peaks,
    }
    _component("wavenet_drawn", "")(data=data, key=f"drawn_{name}_{index}")


def words_of(words: Sequence[Word], segments: Sequence[Segment], start: float) -> Iterator[Span]:
    """The words of an utterance that starts at a time in seconds."""
    for number, word in enumerate(words):
        own = [segment for segment in segments if segment.word == number]
        yield Span(word.text, start + own[0].start, start + own[-1].stop)


def phones_of(segments: Sequence[Segment], start: float) -> list[Span]:
    """The phones of an utterance that starts at a time in seconds; pauses are left out."""
    return [Span(s.phone, start + s.start, start + s.stop) for s in segments if s.word is not None]


def _component(name: str, html: str) -> ComponentRenderer:
    return st.components.v2.component(name, html=html, css=_CSS, js=_JS)
