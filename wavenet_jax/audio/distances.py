"""Distances between two waveforms that are aligned in time; 0 for equal ones.

Both have the sample rate of the ``LogMel`` that measures them; the longer one is cut to the length of the shorter. All
raise ``ValueError`` when one of them has no samples.
"""

import numpy as np
import scipy.fft

from wavenet_jax.audio.features import LogMel

_BLOCK_FRAMES = 512
_CEPSTRAL_COEFFICIENTS = 13


def distances(reference: np.ndarray, waveform: np.ndarray, log_mel: LogMel) -> dict[str, float]:
    """All distances below by name; without the mel-cepstral one where there are too few bands for it."""
    measures = {"log_mel_db": log_mel_distance, "spectral_convergence": spectral_convergence}
    if log_mel.features.mel_channels > _CEPSTRAL_COEFFICIENTS:
        measures["mel_cepstral_db"] = mel_cepstral_distance
    return {name: measure(reference, waveform, log_mel) for name, measure in measures.items()}


def log_mel_distance(reference: np.ndarray, waveform: np.ndarray, log_mel: LogMel) -> float:
    """Mean absolute difference of the log-mel spectra in dB: of each band of each frame, none below the floor.

    Args:
      reference: float ``[T]``.
      waveform: float ``[T]``, of any other length.
      log_mel: how spectra are measured.
    """
    return float(np.abs(np.subtract(*_levels(reference, waveform, log_mel))).mean() * 20 / np.log(10))


def mel_cepstral_distance(reference: np.ndarray, waveform: np.ndarray, log_mel: LogMel) -> float:
    """Mel-cepstral distortion in dB (Kubichek 1993), the mean of ``10 / ln 10 * sqrt(2 * sum_k (c_k - c'_k)^2)``.

    The mean is over frames; the coefficients c are 1 to 13 of the orthonormal DCT-II of the natural logarithm of mel
    amplitudes. Coefficient 0, the loudness, is left out, and time is not warped. It grows with the number of bands:
    compare only numbers that were measured by one ``log_mel``, and none with those of WORLD or SPTK cepstra.

    Args:
      reference: float ``[T]``.
      waveform: float ``[T]``, of any other length.
      log_mel: how spectra are measured; at least 14 bands.
    """
    if log_mel.features.mel_channels <= _CEPSTRAL_COEFFICIENTS:
        raise ValueError(
            f"mel_cepstral_distance needs mel_channels above {_CEPSTRAL_COEFFICIENTS}, "
            f"got {log_mel.features.mel_channels}"
        )
    levels = np.subtract(*_levels(reference, waveform, log_mel))
    difference = scipy.fft.dct(levels, norm="ortho", axis=1)[:, 1 : 1 + _CEPSTRAL_COEFFICIENTS]
    return float(np.sqrt(2 * np.square(difference).sum(axis=1)).mean() * 10 / np.log(10))


def spectral_convergence(reference: np.ndarray, waveform: np.ndarray, log_mel: LogMel) -> float:
    """``||S - S'|| / ||S||``, Frobenius norms of magnitude spectrograms, S that of the reference (Arik et al. 2018).

    Args:
      reference: float ``[T]``, not silent.
      waveform: float ``[T]``, of any other length.
      log_mel: its window, hop and Fourier transform are used; its bands are not.
    """
    windows = [log_mel.windows(log_mel.pad(signal)) for signal in _aligned(reference, waveform)]
    difference = total = 0.0
    for start in range(0, len(windows[0]), _BLOCK_FRAMES):
        expected, found = (np.abs(log_mel.spectra(w[start : start + _BLOCK_FRAMES])) for w in windows)
        difference += np.square(expected - found).sum()
        total += np.square(expected).sum()
    if not total:
        raise ValueError("spectral_convergence needs a reference that is not silent")
    return float(np.sqrt(difference / total))


def _levels(reference: np.ndarray, waveform: np.ndarray, log_mel: LogMel) -> list[np.ndarray]:
    """Natural logarithms of the mel amplitudes of both, of equal length: ``[F, M]`` each."""
    power = log_mel.features.mel_power
    return [np.log(log_mel.linear(log_mel.whole(signal))) / power for signal in _aligned(reference, waveform)]


def _aligned(reference: np.ndarray, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    samples = min(len(reference), len(waveform))
    if not samples:
        raise ValueError("a distance needs two signals with samples, got an empty one")
    return reference[:samples], waveform[:samples]
