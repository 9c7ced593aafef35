"""A sound on the page: to listen to, to look at and to take away."""

import numpy as np
import streamlit as st

from experiments.app.figures import PICTURE_WIDTH, sound_picture
from experiments.app.shared import plain
from experiments.outputs import pcm, wav_header


def wav(waveform: np.ndarray, sample_rate: int) -> bytes:
    """A waveform ``[T]`` in [-1, 1] (clipped) as a 16-bit WAV file."""
    samples = pcm(waveform)
    return wav_header(sample_rate, len(samples)) + samples


def show(name: str, waveform: np.ndarray, sample_rate: int, *, key: str, file_name: str) -> None:
    """A player, a picture and a button to download it."""
    data = wav(waveform, sample_rate)
    st.audio(data, format="audio/wav", alt=name)
    st.image(sound_picture(waveform, sample_rate), width=PICTURE_WIDTH, alt=f"waveform and spectrogram of {name}")
    st.download_button(
        f"Download {plain(file_name)}",
        data,
        file_name,
        mime="audio/wav",
        key=key,
        icon=":material/download:",
        on_click="ignore",
    )
