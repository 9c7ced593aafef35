"""Pictures of sound and of learning, as PNG files."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from os import PathLike

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.lib.stride_tricks import sliding_window_view

_WINDOW_SECONDS = 0.032
_DECIBELS = (-90, -20)
_COLUMNS = 2_000
_INK = "#24505c"


def save_sounds(
    path: str | PathLike[str], sounds: Mapping[str, np.ndarray], sample_rate: int, width: float = 10.0
) -> None:
    """Draws waveform over spectrogram for each named sound, below each other on one time axis.

    Args:
      path: of the PNG file.
      sounds: float waveforms ``[T]`` in [-1, 1] by their names.
      sample_rate: in Hz.
      width: of the picture in inches; the narrower, the larger its letters where it is shown.
    """
    figure = Figure(figsize=(width, 0.6 + 2.9 * len(sounds)), dpi=120, layout="constrained")
    axes = figure.subplots(2 * len(sounds), sharex=True, squeeze=False, height_ratios=[1, 2] * len(sounds))[:, 0]
    for (name, waveform), top, bottom in zip(sounds.items(), axes[::2], axes[1::2], strict=True):
        _draw_waveform(top, waveform, sample_rate)
        top.set_title(name, loc="left", fontsize=10)
        image = _draw_spectrogram(bottom, waveform, sample_rate)
        figure.colorbar(image, ax=[top, bottom], label="level (dB)", aspect=30, pad=0.01)
    axes[-1].set_xlabel("time (s)")
    axes[-1].set_xlim(0, max(len(waveform) for waveform in sounds.values()) / sample_rate)
    figure.savefig(path, format="png")


def save_spectrograms(
    path: str | PathLike[str], sounds: Mapping[str, Mapping[str, np.ndarray]], sample_rate: int
) -> None:
    """Draws spectrograms side by side: a row for each name, in it a column for each version of it.

    Args:
      path: of the PNG file.
      sounds: float waveforms ``[T]`` in [-1, 1] by name and version; every name has the same versions.
      sample_rate: in Hz.
    """
    versions = list(next(iter(sounds.values())))
    size = (0.8 + 3 * len(versions), 0.6 + 1.7 * len(sounds))
    figure = Figure(figsize=size, dpi=120, layout="constrained")
    axes = figure.subplots(len(sounds), len(versions), squeeze=False, sharey=True)
    for row, (name, by_version) in zip(axes, sounds.items(), strict=True):
        for place, version in zip(row, versions, strict=True):
            image = _draw_spectrogram(place, by_version[version], sample_rate)
            place.label_outer()
        row[0].set_ylabel(f"{name}\nfrequency (kHz)", fontsize=8)
    for place, version in zip(axes[0], versions, strict=True):
        place.set_title(version.replace("_", " "), fontsize=10)
    for place in axes[-1]:
        place.set_xlabel("time (s)")
    figure.colorbar(image, ax=axes, label="level (dB)", aspect=40, pad=0.01)
    figure.savefig(path, format="png")


def save_curve(
    path: str | PathLike[str],
    training: Sequence[tuple[float, float]],
    validation: Sequence[tuple[float, float]],
    baselines: Mapping[str, float],
) -> None:
    """Draws bits per sample over the course of training.

    Args:
      path: of the PNG file.
      training: points of (millions of scored samples, bits per sample).
      validation: the same of held-out audio.
      baselines: bits per sample of what needs no network, by name; drawn as lines.
    """
    figure = Figure(figsize=(9, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for (name, bits), style in zip(baselines.items(), cycle([":", "-.", "--"]), strict=False):
        axes.axhline(bits, color="grey", linestyle=style, linewidth=1, label=f"{name.replace('_', ' ')}: {bits:.2f}")
    if training:
        axes.plot(*zip(*training, strict=True), color=_INK, linewidth=0.8, alpha=0.6, label="training")
    if validation:
        label = f"held out: {validation[-1][1]:.3f} at the end"
        axes.plot(*zip(*validation, strict=True), color="#d1495b", marker="o", markersize=3, label=label)
    axes.set_xlabel("training samples (millions)")
    axes.set_ylabel("bits per sample")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, format="png")


def _draw_waveform(axes: Axes, waveform: np.ndarray, sample_rate: int) -> None:
    axes.plot(np.arange(len(waveform)) / sample_rate, waveform, color=_INK, linewidth=0.5)
    peak = max(float(np.abs(waveform).max()), 1e-3)
    axes.set_ylim(-1.1 * peak, 1.1 * peak)
    axes.set_ylabel("amplitude")
    axes.yaxis.set_major_locator(MaxNLocator(3, symmetric=True))
    axes.grid(alpha=0.3)


def _draw_spectrogram(axes: Axes, waveform: np.ndarray, sample_rate: int) -> AxesImage:
    axes.set_ylabel("frequency (kHz)")
    return axes.imshow(
        spectrogram(waveform, sample_rate),
        origin="lower",
        aspect="auto",
        extent=(0, len(waveform) / sample_rate, 0, sample_rate / 2000),
        cmap="magma",
        vmin=_DECIBELS[0],
        vmax=_DECIBELS[1],
    )


def spectrogram(waveform: np.ndarray, sample_rate: int) -> np.ndarray:
    """Level in dB of each frequency and time, ``[frequencies, frames]``; a sine at full scale has 0 dB.

    Hann windows of 32 ms every 8 ms, further apart where that would be more frames than a picture has columns.
    """
    length = round(_WINDOW_SECONDS * sample_rate)
    hop = max(length // 4, len(waveform) // _COLUMNS)
    window = np.hanning(length + 2)[1:-1]
    padded = np.pad(waveform, (length // 2, length))
    frames = sliding_window_view(padded, length)[: max(len(waveform), 1) : hop]
    amplitudes = np.abs(np.fft.rfft(frames * window)) * 2 / window.sum()
    return 20 * np.log10(np.maximum(amplitudes, 1e-10)).T
