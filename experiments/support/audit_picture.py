"""A picture of a data set: the lengths, levels and classes of its files, and the baselines in bits per sample."""

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING

import numpy as np

from experiments.support.drawing import picture
from wavenet_jax.audio.files import show
from wavenet_jax.data import Audit, Collection

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK = "#24505c"
_RED = "#d1495b"
_MOST_CLASSES = 20


def save_overview(path: str | PathLike[str], collection: Collection, found: Audit, bits: Mapping[str, float]) -> None:
    """Draws four panels to a PNG file.

    Args:
      path: of the PNG file.
      collection: its usable recordings are drawn; there must be one.
      found: the audit of it.
      bits: baselines in bits per sample, by name.
    """
    usable = [recording for recording in collection.recordings if recording.problem is None]
    scans = [recording.scan for recording in usable]
    seconds = np.array([scan.samples for scan in scans]) / collection.listening.sample_rate
    with picture(path, (11, 7)) as figure:
        figure.suptitle(f"{found.usable} of {found.files} files usable, {found.hours:.2f} hours")
        ((durations, levels), (costs, shares)) = figure.subplots(2, 2)
        _draw_durations(durations, seconds)
        _draw_levels(
            levels,
            peak=20 * np.log10([scan.peak for scan in scans]),
            mean=10 * np.log10(np.maximum([scan.power for scan in scans], 1e-12)),
        )
        _draw_bits(costs, bits)
        if found.classes:
            _draw_bars(shares, "hours by class", found.classes)
        else:
            _draw_bars(shares, "files by split", found.splits)


def _draw_durations(axes: "Axes", seconds: np.ndarray) -> None:
    edges = np.geomspace(seconds.min() * 0.9, seconds.max() * 1.1, 40)
    axes.hist(seconds, list(edges), color=_INK)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")  # the usual one writes formulas
    axes.xaxis.set_minor_formatter("")
    axes.set_xlabel("length of a file (s)")
    axes.set_ylabel("files")
    axes.set_title("lengths", loc="left", fontsize=10)


def _draw_levels(axes: "Axes", peak: np.ndarray, mean: np.ndarray) -> None:
    axes.scatter(mean, peak, s=8, color=_INK, alpha=0.4, linewidths=0)
    axes.axhline(0, color=_RED, linewidth=1)
    axes.set_xlabel("mean level (dBFS, RMS)")
    axes.set_ylabel("peak level (dBFS)")
    axes.set_title("levels: a file at the red line may be clipped", loc="left", fontsize=10)
    axes.grid(alpha=0.3)


def _draw_bits(axes: "Axes", bits: Mapping[str, float]) -> None:
    bars = axes.barh([name.replace("_", " ") for name in bits], list(bits.values()), color=_INK)
    axes.bar_label(bars, fmt="%.2f", padding=3)
    axes.set_xlim(0, 1.15 * max(bits.values()))
    axes.invert_yaxis()
    axes.set_xlabel("bits per sample")
    axes.set_title("what a network has to beat", loc="left", fontsize=10)


def _draw_bars(axes: "Axes", title: str, amounts: Mapping[str, float]) -> None:
    largest = sorted(amounts.items(), key=lambda item: -item[1])[:_MOST_CLASSES]
    bars = axes.barh([show(name) for name, _ in largest], [amount for _, amount in largest], color=_INK)
    axes.bar_label(bars, fmt="%.3g", padding=3)
    axes.margins(x=0.12)
    axes.invert_yaxis()
    if len(amounts) > _MOST_CLASSES:
        title += f" (the {_MOST_CLASSES} largest of {len(amounts)})"
    axes.set_title(title, loc="left", fontsize=10)
