"""Mel equalisation: brings the log-mel spectrum of a generated waveform close to the one that it was meant to have.

The difference of the two is a gain for each band of each frame. It is spread over the bins of a short-time Fourier
transform on the frames' own grid and applied without touching phases. The windows are put together again as in Griffin
and Lim (1984): weighted once more, overlapped, added, and divided by the sum of the weights. Each pass measures what
the one before it has made.

In the shapes, M is ``mel_channels``.
"""

import dataclasses
from functools import cached_property

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.lib.stride_tricks import sliding_window_view

from wavenet_jax.arithmetic import ceil_div, round_up
from wavenet_jax.audio.features import LogMel

_OVERLAP = 4
"""Windows that overlap at a sample, at least."""

_EXPONENTS = (1.0, 2.0, 1.5)
"""Exponents of the gains of the last pass, of the one before it, and of the one before that; further back the second
and the third take turns. Windows and bands overlap, so that of a difference between neighbours a pass makes up for a
part only: more than the gain itself is needed. Where neighbours agree that is too much, and the last pass mends it."""

_MOST_RAISED_DB = 20.0
_MOST_LOWERED_DB = 40.0
"""Limits of the gain of a band of a frame, in each pass. What is too loud can be lowered without harm."""

_LANES = 16
"""Frames are transformed in multiples of this many: a remainder may round otherwise."""

_BLOCK_FRAMES = 256
"""Frames that are held at a time."""


class MelEqualizer:
    """Equalises a waveform that comes piece by piece, in several passes; where it is cut changes no bit.

    Call it with each piece, and ``finish`` it; both return the next samples.
    """

    def __init__(self, log_mel: LogMel, frames: np.ndarray, passes: int = 3, begin: int = 0) -> None:
        """
        Args:
          log_mel: measures log-mel spectra.
          frames: ``[F, M]``, what it should measure.
          passes: how often; each comes closer.
          begin: frames at the beginning that are left as they are, such as those of a prompt.

        Raises:
          ValueError: the frames are not of that shape, or there is no pass.
        """
        frames = np.asarray(frames, np.float32)
        if frames.ndim != 2 or frames.shape[1] != log_mel.features.mel_channels:
            raise ValueError(
                f"frames must be of shape [frames, mel_channels={log_mel.features.mel_channels}], "
                f"got {list(frames.shape)}"
            )
        if passes < 1:
            raise ValueError(f"passes must be at least 1, got {passes}; leave equalisation out for none")
        bands, hop = _Bands(log_mel), log_mel.hop_samples
        wanted = log_mel.decibels(frames)
        self._most, self._given = len(frames) * hop, 0
        exponents = [_EXPONENTS[0] if not left else _EXPONENTS[2 - left % 2] for left in reversed(range(passes))]
        self._passes = [_Pass(bands, wanted, begin, exponent) for exponent in exponents]
        self.lookahead = bands.window_samples - 1 + (passes - 1) * (round_up(bands.window_samples, hop) - hop)
        """Samples by which what is given out lies behind what came in, at most."""

    def __call__(self, piece: np.ndarray) -> np.ndarray:
        """Takes the next samples, float ``[T]``, and returns those that are ready: float32, not clipped.

        Raises:
          ValueError: there are more samples than frames for them.
        """
        self._given += len(piece)
        if self._given > self._most:
            raise ValueError(f"the frames describe {self._most} samples, got {self._given}; give more frames")
        signal = np.asarray(piece, np.float64)
        for one in self._passes:
            signal = one(signal)
        return signal.astype(np.float32)

    def finish(self) -> np.ndarray:
        """Returns the samples that are still held back, at the end of the waveform: float32 ``[T]``, not clipped."""
        signal = np.zeros(0)
        for one in self._passes:
            signal = np.concatenate([one(signal), one.finish()])
        return signal.astype(np.float32)


def equalize(waveform: np.ndarray, frames: np.ndarray, log_mel: LogMel, passes: int = 3) -> np.ndarray:
    """Equalises a whole waveform: float32 ``[T]`` of float ``[T]``, not clipped.

    Args:
      waveform: its log-mel spectrum is to change.
      frames: ``[F, M]``, what it should be, at least for all of the waveform's samples.
      log_mel: how it is measured.
      passes: how often; each comes closer.

    Raises:
      ValueError: the frames are not of that shape, or too few, or there is no pass.
    """
    equalizer = MelEqualizer(log_mel, frames, passes)
    block = _BLOCK_FRAMES * log_mel.hop_samples
    pieces = [equalizer(waveform[start : start + block]) for start in range(0, len(waveform), block)]
    return np.concatenate([*pieces, equalizer.finish()])


class _Bands:
    """Gains of bands, measured and applied in windows that lie centred on their frames, as those of ``LogMel`` do."""

    def __init__(self, log_mel: LogMel) -> None:
        self.log_mel = log_mel
        hop, fft_size = log_mel.hop_samples, log_mel.features.fft_size
        samples = max(log_mel.window_samples, _OVERLAP * hop)
        self.window_samples = samples + (samples - hop) % 2
        """Samples of a window."""
        self.margin = (self.window_samples - hop) // 2
        """Samples of a window before its frame's own, and as many after them."""
        # A multiple has all bins that were measured, and so at least one of each band.
        self._fft_size = fft_size * ceil_div(self.window_samples, fft_size)

    @cached_property
    def window(self) -> np.ndarray:
        """Hann window, symmetric and nowhere zero: ``[window_samples]``."""
        return np.sin(np.pi * (np.arange(self.window_samples) + 0.5) / self.window_samples) ** 2

    @cached_property
    def weights(self) -> np.ndarray:
        """What a sample of a window counts in a sum, after both times that it is weighted: ``[window_samples]``."""
        return self.window**2

    def gains(self, signal: np.ndarray, wanted: np.ndarray, exponent: float) -> np.ndarray:
        """Measures what the bands of F frames lack, and returns their gains in dB: ``[F, M]``.

        Args:
          signal: ``[margin + F * hop_samples + margin]``.
          wanted: levels in dB, ``[F, M]``.
          exponent: of the gains.
        """
        beyond = self.margin - self.log_mel.margin
        found = self.log_mel.frames(signal[beyond : len(signal) - beyond])
        # Nothing is known of what lies below the floor, and louder it might be noise.
        most = np.where(found > self.log_mel.silence, _MOST_RAISED_DB, 0)
        return np.clip(exponent * (wanted - self.log_mel.decibels(found)), -_MOST_LOWERED_DB, most)

    def apply(self, signal: np.ndarray, gains: np.ndarray) -> np.ndarray:
        """Applies gains of F frames to their windows, weighted before and after: ``[F, window_samples]``."""
        count, surplus = len(gains), ((0, -len(gains) % _LANES), (0, 0))
        windows = sliding_window_view(signal, self.window_samples)[:: self.log_mel.hop_samples] * self.window
        spectra = scipy.fft.rfft(np.pad(windows, surplus), self._fft_size, axis=1)
        spectra *= 10 ** ((self._spread @ np.pad(gains, surplus).T).T / 20)
        return scipy.fft.irfft(spectra, self._fft_size, axis=1)[:count, : self.window_samples] * self.window

    @cached_property
    def _spread(self) -> scipy.sparse.csr_array:
        """What each band counts in the gain of a bin, in dB: ``[bins, M]``; rows add up to 1."""
        features = dataclasses.replace(self.log_mel.features, fft_size=self._fft_size)
        bank = LogMel(self.log_mel.sample_rate, features).filterbank.T
        covered = np.flatnonzero(bank.any(axis=1))
        # Bins beyond the bands follow the nearest one: no feature tells of them, and a step would ring.
        nearest = covered[np.abs(np.arange(len(bank))[:, None] - covered).argmin(axis=1)]
        return scipy.sparse.csr_array(bank[nearest] / bank[nearest].sum(axis=1, keepdims=True))


class _Pass:
    """A pass over a signal that comes piece by piece, in float64."""

    def __init__(self, bands: _Bands, wanted: np.ndarray, begin: int, exponent: float) -> None:
        """``wanted`` are levels in dB, ``[F, M]``; the first ``begin`` frames are left as they are."""
        self._bands, self._wanted, self._begin, self._exponent = bands, wanted, begin, exponent
        self._hop = bands.log_mel.hop_samples
        self._frame = self._given = 0
        self._signal = np.zeros(bands.margin)
        """What came in, from the beginning of the next frame's window."""
        self._sums = np.zeros((2, bands.window_samples - self._hop))
        """Windows and their weights, each added up, of the frames so far, from the same place."""

    def __call__(self, piece: np.ndarray) -> np.ndarray:
        """Takes the next samples and returns those that are ready."""
        self._given += len(piece)
        self._signal = np.concatenate([self._signal, piece])
        return self._advance((len(self._signal) - self._bands.window_samples) // self._hop + 1)

    def finish(self) -> np.ndarray:
        """Returns the samples that are left; there is silence after them."""
        if not self._given:
            return np.zeros(0)
        rest = ceil_div(self._given, self._hop) - self._frame
        whole = (rest - 1) * self._hop + self._bands.window_samples
        self._signal = np.pad(self._signal, (0, whole - len(self._signal)))
        begun = max(0, self._frame * self._hop - self._bands.margin)
        made = np.concatenate([self._advance(rest), self._quotient(self._sums)])
        return made[: self._given - begun]

    def _advance(self, count: int) -> np.ndarray:
        """Makes the next frames and returns the samples that no later one reaches."""
        made = [np.zeros(0)]
        while count > 0:
            block = min(count, _BLOCK_FRAMES)
            count -= block
            made.append(self._block(block))
        return np.concatenate(made)

    def _block(self, count: int) -> np.ndarray:
        bands, hop = self._bands, self._hop
        frames, samples = slice(self._frame, self._frame + count), bands.window_samples
        signal = self._signal[: (count - 1) * hop + samples]
        gains = bands.gains(signal, self._wanted[frames], self._exponent)
        gains[: max(0, self._begin - self._frame)] = 0
        sums = np.pad(self._sums, ((0, 0), (0, count * hop)))
        for number, window in enumerate(bands.apply(signal, gains)):  # in order, so that sums round alike
            place = slice(number * hop, number * hop + samples)
            sums[0, place] += window
            sums[1, place] += bands.weights
        ready, self._sums = sums[:, : count * hop], sums[:, count * hop :]
        before = max(0, bands.margin - self._frame * hop)  # in front of the first sample
        self._signal = self._signal[count * hop :]
        self._frame += count
        return self._quotient(ready[:, before:])

    def _quotient(self, sums: np.ndarray) -> np.ndarray:
        return sums[0] / sums[1]
