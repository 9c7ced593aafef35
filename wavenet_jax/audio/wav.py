"""16-bit samples, and the WAV files that hold them."""

import os
import struct

import numpy as np

from wavenet_jax.storage import write_whole

MOST_SAMPLES = 2**31 - 1024
"""Samples of the longest mono 16-bit WAV file: its header counts bytes in 32 bits."""

SOFTWARE = "wavenet_jax"
"""The program that a file of generated sound names, so that no data set takes it for a recording."""

_INFO = struct.pack("<4sI4s4sI12s", b"LIST", 24, b"INFO", b"ISFT", 12, SOFTWARE.encode())
_FULL_SCALE = 32_768
_UNKNOWN_LENGTH = 2**32 - 1  # as ffmpeg writes and reads it


def pcm16(waveform: np.ndarray) -> np.ndarray:
    """Rounds a float waveform in [-1, 1] (clipped) to little-endian int16 of the same shape."""
    return np.clip(np.rint(waveform * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2")


def from_pcm16(samples: np.ndarray) -> np.ndarray:
    """Converts int16 samples to float32 in [-1, 1): the inverse of ``pcm16``."""
    return samples.astype(np.float32) / _FULL_SCALE


def wav_header(sample_rate: int, size: int | None, *, generated: bool = False) -> bytes:
    """Returns the header of a mono 16-bit WAV file: 44 bytes, or 76 for generated sound, always as many.

    Args:
      sample_rate: Hz.
      size: bytes of samples; None: unknown.
      generated: adds a chunk that names ``SOFTWARE`` as what made the sound.
    """
    info = _INFO if generated else b""
    riff = _UNKNOWN_LENGTH if size is None else 36 + len(info) + size
    samples = _UNKNOWN_LENGTH if size is None else size
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    return struct.pack("<4sI4s", b"RIFF", riff, b"WAVE") + form + info + struct.pack("<4sI", b"data", samples)


def wav_bytes(waveform: np.ndarray, sample_rate: int, *, generated: bool = False) -> bytes:
    """Encodes a float waveform ``[T]`` in [-1, 1] (clipped) as a mono 16-bit WAV file; see ``wav_header``."""
    samples = pcm16(waveform).tobytes()
    return wav_header(sample_rate, len(samples), generated=generated) + samples


def write_wav(path: str | os.PathLike[str], waveform: np.ndarray, sample_rate: int, *, generated: bool = False) -> None:
    """Writes a float waveform ``[T]`` in [-1, 1] (clipped) as a mono 16-bit WAV file, whole or not at all.

    Raises:
      ValueError: it is not mono, or not finite.
      OSError: the file cannot be written.
    """
    if waveform.ndim != 1:
        raise ValueError(
            f"a WAV file takes one mono waveform [T], got shape {list(waveform.shape)}; write several files"
        )
    if not np.isfinite(waveform).all():
        raise ValueError("a WAV file cannot hold samples that are not finite (NaN or infinity)")
    write_whole(path, wav_bytes(waveform, sample_rate, generated=generated))
