"""Sound that a browser sends: limited in bytes and in decoded seconds, never opened under a name of its choosing."""

import dataclasses
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from experiments.app.shared import plain
from wavenet_jax.audio.files import AudioFileError, header, mono_blocks, resampled, write_wav
from wavenet_jax.config import RunConfig
from wavenet_jax.data.listing import EXTENSIONS

MOST_BYTES = 20 * 1024 * 1024
MOST_SECONDS = 60.0


class Clip(NamedTuple):
    """A recording that was sent."""

    name: str
    """What the browser calls it; for showing alone."""
    waveform: np.ndarray
    """float32 ``[T]`` in [-1, 1], at the rate that was asked for."""
    path: str
    """How a terminal would name it."""


def ask(label: str, rate: int, *, key: str, help: str | None = None) -> Clip | None:
    """A recording from a file or from the microphone, at ``rate``; None while there is none.

    Raises:
      ValueError: what was sent cannot be used; in one line, with its name.
    """
    from_file, from_microphone = st.tabs([":material/upload_file: From a file", ":material/mic: Record"])
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
def lent(clip: Clip | None, run: RunConfig) -> Iterator[tuple[str | None, RunConfig]]:
    """The clip as a WAV file that is there for a while, and the run with a cache that goes with it.

    Errors inside are told with the clip's name instead of the file's.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = None
        if clip is not None:
            path = str(Path(folder) / "sent.wav")
            write_wav(path, clip.waveform, run.model.sample_rate)
        alone = dataclasses.replace(run, data=dataclasses.replace(run.data, cache_dir=folder, channel=None))
        try:
            yield path, alone
        except ValueError as error:
            if clip is None or path is None:
                raise
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
