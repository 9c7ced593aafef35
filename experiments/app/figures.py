"""Drawings of the page: the dilated stack, bits beside baselines, a learning curve, sounds."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import altair as alt
import numpy as np
import streamlit as st

from experiments.support import plots
from wavenet_jax.config import WaveNetConfig

INK = "#2a8fa3"  # legible on white and on black
RED = "#e0566a"
GREY = "#8b949e"
PICTURE_WIDTH = 720
"""Width of a drawn sound on the page, in pixels."""

_PICTURE_INCHES = 6.5
_MOST_NODES = 64  # of a row of the stack; more than these are drawn as a bar
_WIDTH, _LEFT, _RIGHT = 560, 64, 12


_STACK_CSS = """
  svg { color: var(--st-text-color); font-family: var(--st-font); height: auto; max-width: 47rem; width: 100%; }
  text { fill: currentColor; font-size: 12px; }
  @media (max-width: 640px) { text { font-size: 18px; } }
"""
# st.html would leave out the drawing, and a picture would not know the page's colours.
_STACK_JS = "export default ({ data, parentElement }) => { parentElement.querySelector('.stack').innerHTML = data; };"


def show_stack(model: WaveNetConfig) -> None:
    """The drawing of ``dilated_stack`` on the page."""
    component = st.components.v2.component(
        "dilated_stack", html='<div class="stack"></div>', css=_STACK_CSS, js=_STACK_JS
    )
    component(data=dilated_stack(model), key="stack")


def dilated_stack(model: WaveNetConfig) -> str:
    """The samples that one prediction depends on, layer by layer, as SVG of the page's text colour.

    Each row is the output of a layer, the lowest one the input; a line leads from a value to those that it is computed
    from (WaveNet, van den Oord et al. 2016, figure 3).
    """
    needed = [np.array([0])]
    for dilation in reversed(model.dilations):
        taps = -dilation * np.arange(model.kernel_size)
        needed.append(np.unique(needed[-1][:, None] + taps))
    past = -min(int(needed[-1][0]), -1)
    height = 30 if model.layers <= 12 else 15
    bottom = height * (model.layers + 1)

    def x(time: float) -> float:
        return round(_WIDTH - _RIGHT + time / past * (_WIDTH - _LEFT - _RIGHT), 1)

    lines, marks, labels = [], [], []
    for row, times in enumerate(needed):
        y = height * (row + 0.5)
        if row < model.layers:
            dilation = model.dilations[-1 - row]
            labels.append(f'<text x="{_LEFT - 14}" y="{y + 4}" text-anchor="end">{dilation}</text>')
            if len(needed[row + 1]) <= _MOST_NODES:
                edges = [(t, t - dilation * tap) for t in times for tap in range(model.kernel_size)]
                path = "".join(f"M{x(a)} {y}L{x(b)} {y + height}" for a, b in edges)
                lines.append(f'<path d="{path}" stroke="currentColor" stroke-opacity="0.45" fill="none"/>')
        else:
            labels.append(f'<text x="{_LEFT - 14}" y="{y + 4}" text-anchor="end">input</text>')
        if len(times) <= _MOST_NODES:
            radius = 4 if len(times) <= _MOST_NODES / 4 else 2
            marks += [f'<circle cx="{x(t)}" cy="{y}" r="{radius}" fill="{INK}"/>' for t in times]
        else:
            left, right = x(float(times[0])), x(0)
            marks.append(
                f'<rect x="{left}" y="{y - 4}" width="{right - left}" height="8" rx="4" fill="{INK}" opacity="0.75"/>'
            )
    ticks = []
    for share, anchor in ((1.0, "start"), (0.5, "middle"), (0.0, "end")):
        text = "now" if share == 0 else f"−{share * past / model.sample_rate * 1000:.3g} ms"
        ticks.append(f'<text x="{x(-share * past)}" y="{bottom + 18}" text-anchor="{anchor}">{text}</text>')
    description = f"{model.layers} dilated layers; one prediction sees {past + 1} samples"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {bottom + 26}" role="img" aria-label="{description}">'
        f"{''.join(lines + marks + labels + ticks)}</svg>"
    )


def bits_chart(bits: Mapping[str, float], network: str) -> alt.LayerChart:
    """Bits per sample as bars, that of ``network`` in another colour."""
    values = [{"of": name, "bits": value} for name, value in bits.items()]
    base = alt.Chart(alt.Data(values=values)).encode(
        y=alt.Y("of:N", sort=None, title=None, axis=alt.Axis(labelLimit=220)),
        x=alt.X(
            "bits:Q",
            title="bits per sample",
            scale=alt.Scale(domain=[0, 1.2 * max(bits.values())]),
            axis=alt.Axis(tickCount=5),
        ),
    )
    colour = alt.condition(alt.datum["of"] == network, alt.value(INK), alt.value(GREY))
    bars = base.mark_bar(height=18, cornerRadiusEnd=3).encode(color=colour)
    numbers = base.mark_text(align="left", dx=5, color=GREY).encode(text=alt.Text("bits:Q", format=".3f"))
    return (bars + numbers).properties(height=44 + 30 * len(bits))


def learning_curve(
    training: Sequence[tuple[int, float]],
    validation: Sequence[tuple[int, float]],
    baselines: Mapping[str, float],
    num_steps: int,
) -> alt.LayerChart:
    """Bits per sample over the steps of a run, with the baselines as lines."""
    named = [("training", *point) for point in training] + [("held out", *point) for point in validation]
    values = [{"of": name, "step": step, "bits": bits} for name, step, bits in named]
    scale = alt.Scale(domain=["training", "held out"], range=[INK, RED])
    base = alt.Chart(alt.Data(values=values)).encode(
        x=alt.X("step:Q", title="step", scale=alt.Scale(domain=[0, num_steps])),
        y=alt.Y("bits:Q", title="bits per sample", scale=alt.Scale(zero=False)),
        color=alt.Color("of:N", scale=scale, legend=alt.Legend(title=None, orient="top")),
        tooltip=[alt.Tooltip("of:N"), alt.Tooltip("step:Q"), alt.Tooltip("bits:Q", format=".3f")],
    )
    lines = base.mark_line(strokeWidth=1.5)
    dots = base.transform_filter(alt.datum["of"] == "held out").mark_circle(size=40, aria=False)
    rules = alt.Chart(alt.Data(values=[{"name": _label(name, b), "bits": b} for name, b in baselines.items()])).encode(
        y="bits:Q"
    )
    line = rules.mark_rule(strokeDash=[5, 4], color=GREY)
    text = rules.mark_text(align="right", baseline="bottom", dy=-3, color=GREY).encode(
        text="name:N", x=alt.value("width")
    )
    return (line + text + lines + dots).properties(height=320)


def _label(name: str, bits: float) -> str:
    return f"{name.replace('_', ' ')} {bits:.2f}"


@st.cache_data(max_entries=64, show_spinner=False)
def sound_picture(waveform: np.ndarray, sample_rate: int) -> bytes:
    """Waveform over spectrogram, as a PNG file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.png"
        plots.save_sounds(path, {"": waveform}, sample_rate, width=_PICTURE_INCHES)
        return path.read_bytes()


@st.cache_data(max_entries=64, show_spinner=False)
def spectrogram(waveform: np.ndarray, sample_rate: int) -> bytes:
    """A spectrogram alone, as a PNG file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sound.png"
        plots.save_spectrograms(path, {"": {"": waveform}}, sample_rate)
        return path.read_bytes()
