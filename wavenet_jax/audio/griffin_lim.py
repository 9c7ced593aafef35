"""A waveform from log-mel frames without a model: fast Griffin-Lim (Griffin and Lim 1984; Perraudin et al. 2013)."""

import numpy as np
import scipy.fft
import scipy.sparse

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.audio.features import LogMel

_MOMENTUM = 0.99
_UPDATES = 30
_TINY = 1e-12


def griffin_lim(frames: np.ndarray, log_mel: LogMel, iterations: int = 60, seed: int = 0) -> np.ndarray:
    """Finds a waveform whose log-mel frames are close to the given ones, aligned with the signal that they came from.

    Phases are random at first; then the spectrogram is made consistent and given its magnitudes again, in turn. The
    whole spectrogram is held in memory several times.

    Args:
      frames: ``[F, M]``, of ``log_mel``.
      log_mel: how the frames were measured; windows must overlap.
      iterations: of fast Griffin-Lim, with a momentum of 0.99.
      seed: of the phases at first.

    Returns:
      float32 ``[F * hop_samples]``, not clipped.
    """
    if log_mel.window_samples <= log_mel.hop_samples:
        raise ValueError(
            f"griffin_lim needs windows that overlap: window_samples={log_mel.window_samples} must be above "
            f"hop_samples={log_mel.hop_samples}"
        )
    magnitudes = magnitudes_of(log_mel.linear(frames), log_mel)
    turns = np.random.default_rng(seed).uniform(size=magnitudes.shape)
    spectrum = magnitudes * np.exp(2j * np.pi * turns)
    previous = np.zeros_like(spectrum)
    for _ in range(iterations):
        consistent = log_mel.spectra(log_mel.windows(log_mel.pad(_signal(spectrum, log_mel))))
        spectrum = _with_magnitudes(consistent + _MOMENTUM * (consistent - previous), magnitudes)
        previous = consistent
    return _signal(spectrum, log_mel).astype(np.float32)


def magnitudes_of(bands: np.ndarray, log_mel: LogMel) -> np.ndarray:
    """Finds magnitude spectra whose mel bands are close to the given ones: ``[F, M]`` to ``[F, fft_size // 2 + 1]``.

    Non-negative least squares by multiplicative updates (Lee and Seung 2001); bins that no band covers get 0.
    """
    filterbank = scipy.sparse.csr_array(log_mel.filterbank)
    projected = bands @ filterbank
    # At first each bin gets the mean level of the bands that hold it.
    power = (bands / filterbank.sum(axis=1)) @ filterbank / np.maximum(filterbank.sum(axis=0), _TINY)
    for _ in range(_UPDATES):
        power *= projected / np.maximum(power @ filterbank.T @ filterbank, _TINY)
    return power ** (1 / log_mel.features.mel_power)


def _with_magnitudes(spectrum: np.ndarray, magnitudes: np.ndarray) -> np.ndarray:
    return spectrum * (magnitudes / np.maximum(np.abs(spectrum), _TINY))


def _signal(spectrum: np.ndarray, log_mel: LogMel) -> np.ndarray:
    """Finds the signal whose spectra are closest, in least squares: complex ``[F, bins]`` to ``[F * hop_samples]``."""
    pieces = scipy.fft.irfft(spectrum, log_mel.features.fft_size, axis=1)[:, : log_mel.window_samples]
    weights = np.broadcast_to(log_mel.window**2, pieces.shape)
    # Where hardly any window reaches, dividing by its weight would make noise louder, not recover anything.
    total = np.maximum(_overlap_add(weights, log_mel), 1e-3 * log_mel.window.max() ** 2)
    return _overlap_add(pieces * log_mel.window, log_mel) / total


def _overlap_add(pieces: np.ndarray, log_mel: LogMel) -> np.ndarray:
    """Adds pieces at their places in the signal: ``[F, window_samples]`` to ``[F * hop_samples]``."""
    count, hop = len(pieces), log_mel.hop_samples
    parts = ceil_div(log_mel.window_samples, hop)
    split = np.pad(pieces, ((0, 0), (0, parts * hop - log_mel.window_samples))).reshape(count, parts, hop)
    total = np.zeros((count + parts - 1, hop))
    for part in range(parts):
        total[part : part + count] += split[:, part]
    first = -log_mel.window_start
    return total.reshape(-1)[first : first + count * hop]
