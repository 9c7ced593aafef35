"""Pictures of sound and of learning, as PNG files."""

from collections.abc import Mapping, Sequence
from itertools import cycle
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from experiments.support.drawing import picture
from experiments.support.figures import DURATIONS, Report, compared, digits
from wavenet_jax.alignment import Alignment
from wavenet_jax.audio.files import show

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

Points = Sequence[tuple[float, float]]
"""Of a curve: millions of scored samples, and bits per sample."""

_WINDOW_SECONDS = 0.032
_DECIBELS = (-90, -20)
_COLUMNS = 2_000
_INK = "#24505c"
_LONG_AXIS = 30  # largest to least figure, above which an axis is logarithmic
_MACHINES = (_INK, "#d1495b", "#edae49", "#00798c", "#6a4c93")


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
    with picture(path, (width, 0.6 + 2.9 * len(sounds))) as figure:
        axes = figure.subplots(2 * len(sounds), sharex=True, squeeze=False, height_ratios=[1, 2] * len(sounds))[:, 0]
        for (name, waveform), top, bottom in zip(sounds.items(), axes[::2], axes[1::2], strict=True):
            _draw_waveform(top, waveform, sample_rate)
            top.set_title(show(name), loc="left", fontsize=10)
            image = _draw_spectrogram(bottom, waveform, sample_rate)
            figure.colorbar(image, ax=[top, bottom], label="level (dB)", aspect=30, pad=0.01)
        axes[-1].set_xlabel("time (s)")
        axes[-1].set_xlim(0, max(len(waveform) for waveform in sounds.values()) / sample_rate)


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
    with picture(path, size) as figure:
        axes = figure.subplots(len(sounds), len(versions), squeeze=False, sharey=True)
        for row, (name, by_version) in zip(axes, sounds.items(), strict=True):
            for place, version in zip(row, versions, strict=True):
                image = _draw_spectrogram(place, by_version[version], sample_rate)
                place.label_outer()
            row[0].set_ylabel(f"{show(name)}\nfrequency (kHz)", fontsize=8)
        for place, version in zip(axes[0], versions, strict=True):
            place.set_title(version.replace("_", " "), fontsize=10)
        for place in axes[-1]:
            place.set_xlabel("time (s)")
        figure.colorbar(image, ax=axes, label="level (dB)", aspect=40, pad=0.01)


def save_alignment(
    path: str | PathLike[str], name: str, waveform: np.ndarray, sample_rate: int, alignment: Alignment
) -> None:
    """Draws waveform and spectrogram of a clip with its phones and words.

    Args:
      path: of the PNG file.
      name: of the clip.
      waveform: float ``[T]`` in [-1, 1].
      sample_rate: in Hz.
      alignment: of the clip.
    """
    length = len(waveform) / sample_rate
    with picture(path, (min(max(3.0 * length, 8.0), 120.0), 5)) as figure:
        axes = figure.subplots(2, sharex=True, height_ratios=[1, 2])
        _draw_waveform(axes[0], waveform, sample_rate)
        _draw_spectrogram(axes[1], waveform, sample_rate)
        axes[0].set_title(show(name), loc="left", fontsize=10, pad=18)
        _draw_segments(axes[0], axes[1], sample_rate / 2000, alignment)
        axes[1].set_xlabel("time (s)")
        axes[1].set_xlim(0, length)


def save_curve(
    path: str | PathLike[str],
    training: Points,
    validation: Points,
    baselines: Mapping[str, float],
    others: Mapping[str, Points] = {},
) -> None:
    """Draws bits per sample over the course of training.

    Args:
      path: of the PNG file.
      training: points of (millions of scored samples, bits per sample).
      validation: the same of held-out audio.
      baselines: bits per sample of what needs no network, by name; drawn as lines.
      others: held-out points of other runs by name.
    """
    with picture(path, (9, 5)) as figure:
        _draw_curve(figure.subplots(), training, validation, baselines, others)


def save_demonstration(
    path: str | PathLike[str],
    said: np.ndarray,
    alignment: Alignment,
    copied: Mapping[str, np.ndarray],
    sample_rate: int,
    curve: tuple[Points, Points, Mapping[str, float]] | None,
) -> None:
    """Draws what is said, spectrograms of copies side by side, and the curve of a run, below each other.

    Args:
      path: of the PNG file.
      said: float waveform ``[T]`` in [-1, 1].
      alignment: its words and phones.
      copied: waveforms of a recording and of its copy, by what they are; none: no such row.
      sample_rate: of all of them, in Hz.
      curve: see ``save_curve``; None: no such row.
    """
    heights = [1.0, 1.8, *([2.0] if copied else []), *([3.0] if curve else [])]
    with picture(path, (10, 1.3 * sum(heights) + 1)) as figure:
        grid = figure.add_gridspec(len(heights), max(len(copied), 1), height_ratios=heights)
        top = figure.add_subplot(grid[0, :])
        below = figure.add_subplot(grid[1, :], sharex=top)
        _draw_waveform(top, said, sample_rate)
        _draw_spectrogram(below, said, sample_rate)
        _draw_segments(top, below, sample_rate / 2000, alignment)
        top.set_title("said", loc="left", fontsize=10, pad=18)
        below.set_xlim(0, len(said) / sample_rate)
        below.set_xlabel("time (s)")
        for column, (name, waveform) in enumerate(copied.items()):
            place = figure.add_subplot(grid[2, column])
            _draw_spectrogram(place, waveform, sample_rate)
            place.set_title(name, loc="left", fontsize=10)
            place.set_xlabel("time (s)")
        if curve is not None:
            _draw_curve(figure.add_subplot(grid[-1, :]), *curve, {})


def _draw_curve(
    axes: "Axes",
    training: Points,
    validation: Points,
    baselines: Mapping[str, float],
    others: Mapping[str, Points],
) -> None:
    for (name, bits), style in zip(baselines.items(), cycle([":", "-.", "--"]), strict=False):
        axes.axhline(bits, color="grey", linestyle=style, linewidth=1, label=f"{name.replace('_', ' ')}: {bits:.2f}")
    if training:
        axes.plot(*zip(*training, strict=True), color=_INK, linewidth=0.8, alpha=0.6, label="training")
    if validation:
        label = f"held out: {validation[-1][1]:.3f} at the end"
        axes.plot(*zip(*validation, strict=True), color="#d1495b", marker="o", markersize=3, label=label)
    for name, points in others.items():
        if points:
            label = f"{name}, held out: {points[-1][1]:.3f} at the end"
            axes.plot(*zip(*points, strict=True), marker="s", markersize=3, label=label)
    axes.set_xlabel("training samples (millions)")
    axes.set_ylabel("bits per sample")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend()


def _draw_segments(above: "Axes", below: "Axes", top_khz: float, alignment: Alignment) -> None:
    """Draws the edges of phones in both, their names over a spectrogram, and the words over what is above it."""
    begun: set[int] = set()
    for segment in alignment.segments:
        middle = (segment.start + segment.stop) / 2
        below.text(middle, top_khz, segment.phone, fontsize=7, ha="center", va="bottom")
        for place in (above, below):
            place.axvline(segment.start, color="grey", linewidth=0.4)
        if segment.word is not None and segment.word not in begun:
            begun.add(segment.word)
            word = alignment.words[segment.word].text
            above.text(segment.start, 1.02, show(word), fontsize=8, transform=above.get_xaxis_transform())


def save_machines(path: str | PathLike[str], reports: Sequence[Report]) -> None:
    """Draws the figures of one or several machines as bars with their spread: a panel for each unit.

    Args:
      path: of the PNG file.
      reports: of the machines.
    """
    figures = compared(reports)
    units = list(dict.fromkeys(one.unit for one in figures))
    panels = [[one for one in figures if one.unit == unit] for unit in units]
    heights = [len(panel) * len(reports) + 1.5 for panel in panels]
    with picture(path, (9, 0.8 + 0.24 * sum(heights))) as drawing:
        axes = drawing.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
        for place, unit, panel in zip(axes, units, panels, strict=True):
            for number, (report, color) in enumerate(zip(reports, cycle(_MACHINES), strict=False)):
                there = [(at, one.figures[number]) for at, one in enumerate(panel)]
                bars = [(at, found) for at, found in there if found is not None]
                if not bars:
                    continue
                medians = np.array([found["median"] for _, found in bars])
                spreads = np.abs(np.array([found["spread"] for _, found in bars]).T - medians)
                rows = [at + (number + 0.5) / len(reports) * 0.8 - 0.4 for at, _ in bars]
                label = f"{show(report.title)}: {report.about}"
                place.barh(rows, medians, 0.8 / len(reports), xerr=spreads, color=color, label=label)
                for row, (_, found) in zip(rows, bars, strict=True):
                    place.annotate(
                        f" {digits(found['median'])}", (found["spread"][1], row), va="center", fontsize=7, clip_on=False
                    )
            place.set_yticks(range(len(panel)), [one.name for one in panel], fontsize=8)
            place.invert_yaxis()
            medians = np.array([found["median"] for one in panel for found in one.figures if found is not None])
            if medians.max() > _LONG_AXIS * medians.min():
                place.set_xscale("log")
                place.set_xlim(left=medians.min() / 2)
                place.xaxis.set_major_formatter(lambda value, _: digits(value))
                place.xaxis.set_minor_formatter("")
            place.margins(x=0.12)
            place.set_xlabel(f"{unit}{' (less is faster)' if unit in DURATIONS else ''}", fontsize=8)
            place.grid(axis="x", alpha=0.3)
        drawing.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", fontsize=8, frameon=False)


def _draw_waveform(axes: "Axes", waveform: np.ndarray, sample_rate: int) -> None:
    axes.plot(np.arange(len(waveform)) / sample_rate, waveform, color=_INK, linewidth=0.5)
    peak = max(float(np.abs(waveform).max()), 1e-3)
    axes.set_ylim(-1.1 * peak, 1.1 * peak)
    axes.set_ylabel("amplitude")
    axes.locator_params(axis="y", nbins=3, symmetric=True)
    axes.grid(alpha=0.3)


def _draw_spectrogram(axes: "Axes", waveform: np.ndarray, sample_rate: int) -> "AxesImage":
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
    """Measures the level in dB of each frequency and time, ``[frequencies, frames]``; a sine at full scale has 0 dB.

    Hann windows of 32 ms every 8 ms, further apart where that would be more frames than a picture has columns.
    """
    length = round(_WINDOW_SECONDS * sample_rate)
    hop = max(length // 4, len(waveform) // _COLUMNS)
    window = np.hanning(length + 2)[1:-1]
    padded = np.pad(waveform, (length // 2, length))
    frames = sliding_window_view(padded, length)[: max(len(waveform), 1) : hop]
    amplitudes = np.abs(np.fft.rfft(frames * window)) * 2 / window.sum()
    return 20 * np.log10(np.maximum(amplitudes, 1e-10)).T
