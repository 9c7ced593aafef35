"""Sound that a browser sends: limited in bytes and in decoded seconds, never opened under a name of its choosing."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from experiments.app.shared import plain
from wavenet_jax.audio.files import AudioFileError, header, mono_blocks, resampled
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.data.files.listing import EXTENSIONS

MOST_BYTES = 20 * 1024 * 1024
MOST_SECONDS = 60.0


class Clip(NamedTuple):
    """A recording that was sent."""

    name: str
    """The browser's name of it; for showing alone."""
    waveform: np.ndarray
    """float32 ``[T]`` in [-1, 1], at the rate that was asked for."""
    path: str
    """The path of it in a terminal."""


def ask(label: str, rate: int, *, key: str, help: str | None = None, record_first: bool = False) -> Clip | None:
    """A recording from a file or from the microphone, at ``rate``; None while there is none.

    ``record_first`` shows the microphone, and the file behind it.

    Raises:
      ValueError: what was sent cannot be used; in one line, with its name.
    """
    names = [":material/upload_file: From a file", ":material/mic: Record"]
    tabs = st.tabs(names[::-1] if record_first else names)
    from_file, from_microphone = reversed(tabs) if record_first else tabs
    with from_file:
        types = sorted(extension.removeprefix(".") for extension in EXTENSIONS)
        sent = st.file_uploader(label, types, key=f"{key}_file", help=help, max_upload_size=MOST_BYTES // 2**20)
    with from_microphone:
        recorded = st.audio_input(label, key=f"{key}_microphone", help=help)
    file = sent or recorded
    if file is None:
        return None
    clip = received(file, rate)
    st.caption(f"{plain(clip.name)}, {len(clip.waveform) / rate:.2f} s")
    return clip


def received(file: UploadedFile, rate: int) -> Clip:
    """A file that was sent, decoded.

    Raises:
      ValueError: it is too large or too long, or no sound.
    """
    data = file.getvalue()
    if len(data) > MOST_BYTES:
        raise ValueError(f"{file.name} has {len(data):,} bytes; send at most {MOST_BYTES:,}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sent"
        path.write_bytes(data)
        try:
            waveform = _decoded(str(path), rate)
        except AudioFileError as error:
            raise ValueError(f"{file.name} {error}") from None
    if not len(waveform):
        raise ValueError(f"{file.name} holds no samples")
    return Clip(file.name, np.clip(waveform, -1.0, 1.0), file.name.rsplit("/", 1)[-1])


@contextmanager
def lent(clip: Clip | None, sample_rate: int) -> Iterator[str | None]:
    """Lends the clip as a WAV file, which is prepared like any other recording; None where there is no clip.

    Errors inside name the clip instead of the file.
    """
    if clip is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "sent.wav")
        write_wav(path, clip.waveform, sample_rate)
        try:
            yield path
        except ValueError as error:
            raise ValueError(str(error).replace(path, clip.name)) from None


def _decoded(path: str, rate: int) -> np.ndarray:
    own_rate = header(path).sample_rate
    blocks = _limited(mono_blocks(path), round(MOST_SECONDS * own_rate))
    return np.concatenate([*resampled(blocks, own_rate, rate), np.empty(0, np.float32)])


def _limited(blocks: Iterator[np.ndarray], longest: int) -> Iterator[np.ndarray]:
    """The blocks, all of them finite, while they are not too many: nothing is decoded only to be refused."""
    left = longest
    for block in blocks:
        left -= len(block)
        if left < 0:
            raise AudioFileError(f"is longer than {MOST_SECONDS:g} seconds; cut it first")
        if not np.isfinite(block).all():
            raise AudioFileError("holds samples that are not numbers")
        yield block
