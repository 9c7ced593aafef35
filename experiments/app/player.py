"""A player for a sound that is still being made; what it does in the browser is in player.js."""

import base64
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

from experiments.outputs import pcm

_HTML = (
    '<div class="player" role="group" aria-label="the sound"><button type="button"></button><canvas></canvas>'
    "<output></output></div>"
)
_HERE = Path(__file__).parent
_JS = (_HERE / "player.js").read_text(encoding="utf-8")
_CSS = (_HERE / "player.css").read_text(encoding="utf-8")


def show(name: str, seconds: float) -> None:
    """The player of the sound ``name``, which will last some seconds; give its pieces to ``play``."""
    _component("wavenet_player", _HTML)(data={"id": name, "seconds": seconds}, key=f"player_{name}")


def play(name: str, index: int, waveform: np.ndarray, sample_rate: int) -> None:
    """Lets the browser hear the next piece ``[T]`` of the sound ``name``, behind those before it."""
    samples = base64.b64encode(pcm(waveform)).decode("ascii")
    data = {"id": name, "index": index, "rate": sample_rate, "pcm": samples}
    _component("wavenet_piece", "")(data=data, key=f"piece_{name}_{index}")


def end(name: str) -> None:
    """Tells the browser that no more pieces of the sound ``name`` will come."""
    _component("wavenet_piece", "")(data={"id": name, "over": True}, key=f"end_{name}")


def _component(name: str, html: str) -> ComponentRenderer:
    return st.components.v2.component(name, html=html, css=_CSS, js=_JS)
