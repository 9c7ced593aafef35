"""A player for a sound that is still being made; what it does in the browser is in player.js."""

import base64
from collections.abc import Callable
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.components.v2.types import ComponentRenderer
from streamlit.delta_generator import DeltaGenerator

from wavenet_jax.audio.wav import pcm16

_HTML = (
    '<div class="player" role="group" aria-label="the sound"><button type="button"></button><canvas></canvas>'
    "<output></output></div>"
)
_SECONDS_OF_A_PIECE = 0.3  # but the first: each is a message to the browser
_HERE = Path(__file__).parent
_JS = (_HERE / "player.js").read_text(encoding="utf-8")
_CSS = (_HERE / "player.css").read_text(encoding="utf-8")


def show(name: str, seconds: float | None = None) -> None:
    """The player of the sound ``name``; give its pieces to ``play``.

    Args:
      name: unique in the session.
      seconds: how long it will last; None: as the pieces say.
    """
    _component("wavenet_player", _HTML)(data={"id": name, "seconds": seconds}, key=f"player_{name}")


def play(name: str, index: int, waveform: np.ndarray, sample_rate: int, seconds: float | None = None) -> None:
    """Lets the browser hear the next piece ``[T]`` of the sound ``name``, behind those before it.

    ``seconds`` is how long the sound will last as far as is known, where ``show`` was not given it.
    """
    samples = base64.b64encode(pcm16(waveform).tobytes()).decode("ascii")
    data = {"id": name, "index": index, "rate": sample_rate, "pcm": samples, "seconds": seconds}
    _component("wavenet_piece", "")(data=data, key=f"piece_{name}_{index}")


def end(name: str) -> None:
    """Tells the browser that no more pieces of the sound ``name`` will come."""
    _component("wavenet_piece", "")(data={"id": name, "over": True}, key=f"end_{name}")


def follow(
    name: str, make: Callable[[DeltaGenerator, DeltaGenerator], None] | None, results: Callable[[], None]
) -> None:
    """Lays out what belongs below the player of the sound ``name``: its progress while it is made, then its results.

    Args:
      name: of the sound, whose player the page has.
      make: makes the sound, given places for its progress and for its pieces; None where it has ended.
      results: shows them.
    """
    status, pieces = st.empty(), st.container(key="pieces")
    below = st.empty()  # the results of the sound before are gone at once
    if make is not None:
        make(status, pieces)
    with pieces:
        end(name)
    with below.container():
        results()


class Sending:
    """Sends a sound to its player while it is made: its beginning at once, the rest in messages of some length."""

    def __init__(self, name: str, sample_rate: int, place: DeltaGenerator) -> None:
        """
        Args:
          name: of the sound.
          sample_rate: in Hz.
          place: where the messages go on the page; nobody sees them.
        """
        self.count = 0
        """Messages sent."""
        self._name, self._rate, self._place = name, sample_rate, place
        self._waiting: list[np.ndarray] = []

    def add(self, waveform: np.ndarray, *, last: bool = False, seconds: float | None = None) -> np.ndarray | None:
        """Takes the next piece ``[T]``; returns what was sent, if it was time, all of it behind the ``last`` one."""
        self._waiting.append(waveform)
        due = not self.count or last or sum(map(len, self._waiting)) >= _SECONDS_OF_A_PIECE * self._rate
        sent = np.concatenate(self._waiting) if due else np.zeros(0, np.float32)
        if not len(sent):
            return None
        with self._place:
            play(self._name, self.count, sent, self._rate, seconds)
        self._waiting, self.count = [], self.count + 1
        return sent


def _component(name: str, html: str) -> ComponentRenderer:
    return st.components.v2.component(name, html=html, css=_CSS, js=_JS)
