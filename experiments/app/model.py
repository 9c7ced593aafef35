"""Shows a network: its receptive field, its layers and parameters, and what it has learned."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import streamlit as st

from experiments.app import figures, shared, welcome
from experiments.app.runs import RunEntry, latest
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.model import parameter_count, parameter_shapes, receptive_field
from wavenet_jax.runs import to_flagfile

_PARTS = {
    "input": "input",
    "stack": "dilated stack",
    "output": "output projections",
    "fine": "output head",
    "conditioner": "conditioner",
}


def page() -> None:
    run = shared.chosen_run()
    if run is None:
        welcome.show()
        return
    config = run.config()
    _figures(run, config)
    engine = st.empty()  # asked for at the end: it may have to be compiled
    st.subheader("What one prediction depends on")
    st.caption(
        "Rows are layers, with their dilation in samples: the new sample is at the top right, and lines lead down to "
        "the values that it is computed from. A bar stands for all values of its time."
    )
    figures.show_stack(config.model)
    if config.model.context_periods:
        periods = ", ".join(map(str, config.model.context_periods))
        st.caption(f"Context stacks, which step every {periods} samples, reach further back than the main stack.")
    left, right = st.columns(2)
    with left:
        st.subheader("Layers")
        st.dataframe(list(_layers(config.model)), hide_index=True, height=388)
    with right:
        st.subheader("Parameters")
        st.dataframe(list(_parts(config.model)), hide_index=True, height=388)
    with st.expander("Configuration, as flags"):
        st.code(to_flagfile(config), language=None)
    if run.version is not None:
        with engine:
            _engine(shared.loaded(run).engine)


def _figures(run: RunEntry, config: RunConfig) -> None:
    model, records = config.model, run.records()
    start, validation = latest(records, "start"), latest(records, "validation")
    step = max((record["step"] for record in records), default=0)
    values = {
        "Parameters": f"{parameter_count(model):,}",
        "Receptive field": f"{1000 * receptive_field(model) / model.sample_rate:.4g} ms",
        f"Step, of {config.train.num_steps:,}": f"{step:,}",
        "Sample rate": f"{model.sample_rate / 1000:g} kHz",
    }
    shared.figures("model", values)
    bits: dict[str, float] = {**start["baselines"]} if start else {}
    if bits:
        _bits(bits, validation)
    trained_on = f" It was trained on {_devices(start)}." if start else ""
    st.caption(shared.plain(f"This server computes on {shared.device()}.{trained_on}"))


def _engine(chosen: str) -> None:
    """Says what generates with this network here, and why."""
    kind, _, more = chosen.partition(" " if chosen.startswith("native") else ": ")
    if kind == "native":
        why = "compiled on this machine, and the faster of the two for a few sounds at a time"
        text = f"It generates with the native engine, {more.replace(' (', ' for ').rstrip(')')}: {why}."
    else:
        text = f"It generates with the scan, a program of XLA, because the native engine cannot run here: {more}."
    st.info(shared.plain(text), icon=":material/memory:")


def _bits(baselines: Mapping[str, float], validation: Mapping[str, Any] | None) -> None:
    st.subheader("Bits per sample of held-out audio")
    st.caption("Fewer is better. Near unigram, a network has learnt nothing but loudness.")
    network = "this network"
    bits = {name.replace("_", " "): value for name, value in baselines.items()}
    if validation and validation["bits_per_sample"]:
        bits[network] = validation["bits_per_sample"]
    st.altair_chart(figures.bits_chart(bits, network))


def _devices(start: Mapping[str, Any]) -> str:
    _, kind, count = start["devices"]
    return shared.device_name(kind, count)


def _layers(model: WaveNetConfig) -> Iterator[dict[str, Any]]:
    field = model.input_kernel_size
    for number, dilation in enumerate(model.dilations, start=1):
        field += (model.kernel_size - 1) * dilation
        yield {
            "layer": number,
            "dilation": dilation,
            "taps": model.kernel_size,
            "receptive field (samples)": field,
            "receptive field (ms)": round(field / model.sample_rate * 1000, 3),
        }


def _parts(model: WaveNetConfig) -> Iterator[dict[str, Any]]:
    for part, tree in parameter_shapes(model).items():
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
            yield {
                "part": _PARTS.get(part, part.replace("contexts_", "context stack ")),
                "weights": jax.tree_util.keystr(path, simple=True, separator=" ").replace("_", " "),
                "shape": " × ".join(map(str, leaf.shape)),
                "parameters": leaf.size,
            }


if __name__ == "__main__":
    page()
