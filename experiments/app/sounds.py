"""A sound on the page: to listen to, to look at and to take away."""

import numpy as np
import streamlit as st

from experiments.app.figures import PICTURE_WIDTH, sound_picture
from experiments.app.shared import plain
from wavenet_jax.audio.wav import wav_bytes


def show(name: str, waveform: np.ndarray, sample_rate: int, *, key: str, file_name: str) -> None:
    """A player, a picture and a button to download it."""
    data = play(name, waveform, sample_rate)
    st.image(sound_picture(waveform, sample_rate), width=PICTURE_WIDTH, alt=f"waveform and spectrogram of {name}")
    _download(data, key, file_name)


def play(name: str, waveform: np.ndarray, sample_rate: int) -> bytes:
    """A player alone; returns the sound as a WAV file."""
    data = wav_bytes(waveform, sample_rate, generated=True)
    st.audio(data, format="audio/wav", alt=name)
    return data


def offer(name: str, waveform: np.ndarray, sample_rate: int, *, key: str, file_name: str) -> None:
    """A player and a button to download it."""
    _download(play(name, waveform, sample_rate), f"download_{key}", file_name)


def _download(data: bytes, key: str, file_name: str) -> None:
    st.download_button(
        f"Download {plain(file_name)}",
        data,
        file_name,
        mime="audio/wav",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )
