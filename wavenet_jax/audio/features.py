"""Log-mel spectra, frame by frame.

Frame f describes the samples ``[f * hop_samples, (f + 1) * hop_samples)``; a signal of T samples has
``ceil(T / hop_samples)`` frames. The window lies centred on the middle of those samples, at
``f * hop_samples + hop_samples / 2`` (as in HiFi-GAN, Kong et al. 2020), and beyond the signal there is silence. What a
frame is does not depend on how much of the signal was read: the frames of a piece equal those of the whole bit for bit.

In the shapes, M is ``mel_channels``.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.lib.stride_tricks import sliding_window_view

from wavenet_jax.arithmetic import round_down
from wavenet_jax.config import FeatureConfig, WaveNetConfig

_LANES = 16
"""Frames are transformed in multiples of this many."""

_BLOCK_SAMPLES = 1 << 19
"""Windowed samples that are held at a time."""


@dataclass(frozen=True)
class LogMel:
    """Measures the log-mel spectrum of a waveform at ``sample_rate`` Hz, as ``features`` says.

    Raises:
      ValueError: the bands do not lie below half the sample rate, a band holds no bin of the Fourier transform, or
        the floor leaves no range to normalise.
    """

    sample_rate: int
    features: FeatureConfig

    @classmethod
    def of(cls, config: WaveNetConfig) -> "LogMel":
        """Returns the features of a model that is conditioned on log-mel."""
        return cls(config.sample_rate, config.features)

    def __post_init__(self) -> None:
        low, high, half = self.features.mel_low_hz, self.mel_high_hz, self.sample_rate / 2
        if not low < high <= half:
            raise ValueError(
                f"mel_low_hz must be below mel_high_hz, and that at most half the sample rate, {half:g}; "
                f"got {low:g} and {high:g}"
            )
        if self.features.mel_normalization == "range" and self.features.mel_floor >= 1:
            raise ValueError(
                f"mel_floor must be below 1 for mel_normalization=range, got {self.features.mel_floor:g}; "
                "lower it, or use mel_normalization=none"
            )
        empty = int((self.filterbank == 0).all(axis=1).sum())
        if empty:
            raise ValueError(
                f"{empty} of mel_channels={self.features.mel_channels} bands hold no bin of fft_size="
                f"{self.features.fft_size} at {self.sample_rate} Hz; use fewer mel_channels or a larger fft_size"
            )

    @property
    def hop_samples(self) -> int:
        """Samples of a frame."""
        return self.features.hop_samples

    @property
    def window_samples(self) -> int:
        """Samples of the window."""
        return self.features.window_samples or self.features.fft_size

    @property
    def mel_high_hz(self) -> float:
        """Upper end of the highest band, in Hz."""
        high = self.features.mel_high_hz
        return self.sample_rate / 2 if high is None else high

    @property
    def margin(self) -> int:
        """Samples before a frame's own, and as many after them, that its window may touch."""
        return max(0, -self.window_start)

    @property
    def window_start(self) -> int:
        """The window's first sample, counted from the frame's own first."""
        return (self.hop_samples - self.window_samples) // 2

    @cached_property
    def window(self) -> np.ndarray:
        """Periodic Hann window: ``[window_samples]``."""
        # Not scipy's: importing its signal processing takes a second.
        return 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, self.window_samples, endpoint=False))

    @cached_property
    def corners(self) -> np.ndarray:
        """The corners of the bands' triangles in Hz, evenly spaced on the mel scale: ``[M + 2]``."""
        scale = self.features.mel_scale
        lowest, highest = (hz_to_mel(np.array(hz), scale) for hz in (self.features.mel_low_hz, self.mel_high_hz))
        return mel_to_hz(np.linspace(lowest, highest, self.features.mel_channels + 2), scale)

    @cached_property
    def filterbank(self) -> np.ndarray:
        """Triangles over the bins of the Fourier transform: ``[M, fft_size // 2 + 1]``.

        Their corners are evenly spaced on the mel scale: slaney (Slaney 1998, Auditory Toolbox; triangles of area 1 in
        Hz) or htk (``2595 log10(1 + f / 700)``, O'Shaughnessy 1987; triangles of height 1). Both as in librosa.
        """
        corners = self.corners
        bins = scipy.fft.rfftfreq(self.features.fft_size, 1 / self.sample_rate)
        left, peak, right = corners[:-2, None], corners[1:-1, None], corners[2:, None]
        triangles = np.maximum(0, np.minimum((bins - left) / (peak - left), (right - bins) / (right - peak)))
        return triangles * 2 / (right - left) if self.features.mel_scale == "slaney" else triangles

    @cached_property
    def silence(self) -> np.ndarray:
        """A frame of digital silence: ``[M]`` float32."""
        return self.compress(np.zeros((1, self.features.mel_channels)))[0]

    def whole(self, waveform: np.ndarray) -> np.ndarray:
        """Measures all frames of a signal: float ``[T]`` to ``[ceil(T / hop_samples), M]`` float32."""
        return self.frames(self.pad(waveform))

    def pad(self, waveform: np.ndarray) -> np.ndarray:
        """Pads a signal with silence around it, and up to a whole frame: ``[T]`` to the argument of ``frames``."""
        return np.pad(waveform, (self.margin, -len(waveform) % self.hop_samples + self.margin))

    def frames(self, padded: np.ndarray) -> np.ndarray:
        """Measures the frames inside a piece: float ``[margin + F * hop_samples + margin]`` to ``[F, M]`` float32.

        Raises:
          ValueError: the length is not of that form.
        """
        windows = self.windows(padded)
        block = max(_LANES, round_down(_BLOCK_SAMPLES // self.features.fft_size, _LANES))
        logs = np.empty((len(windows), self.features.mel_channels), np.float32)
        for start in range(0, len(windows), block):
            piece = windows[start : start + block]
            logs[start : start + block] = self.compress(self._bands(piece))
        return logs

    def windows(self, padded: np.ndarray) -> np.ndarray:
        """Views the argument of ``frames`` as the samples under each frame's window: ``[F, window_samples]``."""
        inner = len(padded) - 2 * self.margin
        if inner < 0 or inner % self.hop_samples:
            raise ValueError(
                f"a piece must be a multiple of hop_samples={self.hop_samples} plus 2 * {self.margin} samples, "
                f"got {len(padded)}"
            )
        if not inner:
            return np.empty((0, self.window_samples), padded.dtype)
        return sliding_window_view(padded[self.margin + self.window_start :], self.window_samples)[:: self.hop_samples]

    def spectra(self, windows: np.ndarray) -> np.ndarray:
        """Transforms F windows, weighted: ``[F, window_samples]`` to complex ``[F, fft_size // 2 + 1]``."""
        return scipy.fft.rfft(windows * self.window, self.features.fft_size, axis=1)

    def compress(self, bands: np.ndarray) -> np.ndarray:
        """Returns normalised logarithms of band values: ``[F, M]`` to ``[F, M]`` float32.

        The decibels are those of an amplitude whatever the power: ``20 / mel_power * log10(value)``. Normalised to a
        range, all logarithms are the same.
        """
        logs = np.log(np.maximum(bands, self.features.mel_floor))
        unit, offset = self.log_scale
        return (logs / unit + offset).astype(np.float32)

    def linear(self, frames: np.ndarray) -> np.ndarray:
        """Inverts ``compress``: band values ``[F, M]`` float64, none below the floor."""
        unit, offset = self.log_scale
        return np.maximum(np.exp((frames.astype(np.float64) - offset) * unit), self.features.mel_floor)

    def decibels(self, frames: np.ndarray) -> np.ndarray:
        """Returns the levels of frames in dB of an amplitude, whatever the power: ``[F, M]`` float64."""
        return 20 / self.features.mel_power * np.log10(self.linear(frames))

    def description(self) -> dict[str, object]:
        """Returns everything that decides the numbers, as JSON, to be stored beside them and compared."""
        names = ("mel_channels", "mel_low_hz", "mel_scale", "mel_power", "mel_log", "mel_floor", "mel_normalization")
        return {
            "sample_rate": self.sample_rate,
            "hop_samples": self.hop_samples,
            "fft_size": self.features.fft_size,
            "window_samples": self.window_samples,
            "mel_high_hz": self.mel_high_hz,
            **{name: getattr(self.features, name) for name in names},
        }

    @property
    def log_scale(self) -> tuple[float, float]:
        """The divisor of a natural logarithm, and the term that is added after it."""
        if self.features.mel_normalization == "range":
            return -np.log(self.features.mel_floor) / 2, 1.0
        units = {"natural": 1.0, "log10": np.log(10), "decibel": np.log(10) * self.features.mel_power / 20}
        return units[self.features.mel_log], 0.0

    def _bands(self, windows: np.ndarray) -> np.ndarray:
        """Computes the band values of F windows: ``[F, window_samples]`` to ``[F, M]``."""
        # A batch's remainder takes another path through the vector units than full lanes do, and may round otherwise.
        spectra = self.spectra(np.pad(windows, ((0, -len(windows) % _LANES), (0, 0))))
        power = spectra.real**2 + spectra.imag**2
        magnitudes = power if self.features.mel_power == 2 else power ** (self.features.mel_power / 2)
        # BLAS orders a sum by the shape of the whole product; a sparse product goes bin by bin, and skips the zeros.
        return (self._sparse @ magnitudes.T).T[: len(windows)]

    @cached_property
    def _sparse(self) -> scipy.sparse.csr_array:
        return scipy.sparse.csr_array(self.filterbank)


def hz_to_mel(hz: np.ndarray, scale: str) -> np.ndarray:
    """Converts frequencies in Hz to a mel scale, slaney or htk: any shape."""
    if scale == "htk":
        return 2595 * np.log10(1 + hz / 700)
    return np.where(hz < _BREAK_HZ, hz / _LINEAR_HZ, _BREAK_MEL + np.log(np.maximum(hz, _BREAK_HZ) / _BREAK_HZ) / _STEP)


def mel_to_hz(mel: np.ndarray, scale: str) -> np.ndarray:
    """Inverts ``hz_to_mel``."""
    if scale == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ, _BREAK_HZ * np.exp(_STEP * np.maximum(mel - _BREAK_MEL, 0)))


# Slaney's scale: 15 steps of 200 / 3 Hz up to 1000 Hz, then 27 steps for each factor of 6.4.
_LINEAR_HZ = 200 / 3
_BREAK_HZ = 1000.0
_BREAK_MEL = 15.0
_STEP = np.log(6.4) / 27
