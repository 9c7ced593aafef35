"""Shows the data that a network learns from: sounds to play and to look at, and the audit's verdict."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from experiments.app import recipes, shared, sounds
from experiments.app.figures import PICTURE_WIDTH
from experiments.app.options import page_options
from experiments.support.audit_picture import save_overview
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import (
    SPLITS,
    Audit,
    Collection,
    Source,
    audit,
    baselines,
    collect,
    open_source,
    verdict,
)
from wavenet_jax.data.excerpt import excerpt

_BASELINE_MINUTES = 2.0
_MOST_SECONDS = 30.0  # of a clip on the page; the rest of a longer one is not read


def page() -> None:
    data = shared.choose("Sounds", recipes.sources(page_options(), shared.runs()), key="source")
    run = shared.chosen_run()
    model = WaveNetConfig() if run is None else run.config().model
    st.caption(f"Heard at {model.sample_rate:,} Hz, as the chosen network does." if run else "Heard at 16,000 Hz.")
    if data.data_dir:
        with st.spinner("Listening to new files"):
            collection = collect(data, model)
        _verdict(collection, data, model)
        source: Source = collection.split(*SPLITS)
    else:
        st.info("Sines, chords, sweeps, noise and beats, made by arithmetic: always there.")
        source = open_source(data, model, "train")
    if len(source):
        _clip(source, model.sample_rate)


def _clip(source: Source, rate: int) -> None:
    st.subheader("Listen")
    count = len(source)
    number = st.number_input(f"Clip, 1 to {count:,}", 1, count, key=f"clip_of_{count}", step=1) if count > 1 else 1
    clip = int(number) - 1
    seconds = source.lengths[clip] / rate
    name, labels = shared.readable(source.names[clip]), ", ".join(source.labels[clip])
    st.markdown(f"**{shared.plain(name)}**, {seconds:.2f} s" + (f", {shared.plain(labels)}" if labels else ""))
    if seconds > _MOST_SECONDS:
        st.caption(f"Its first {_MOST_SECONDS:g} s:")
    waveform = source.read(clip, 0, min(int(source.lengths[clip]), round(_MOST_SECONDS * rate)))
    sounds.show(name, waveform, rate, key="download_clip", file_name=f"clip-{clip + 1}.wav")


def _verdict(collection: Collection, data: DataConfig, model: WaveNetConfig) -> None:
    found = audit(collection, data)
    # As text that can be hashed: names of files need not be UTF-8.
    files = tuple(repr(recording.file) for recording in collection.recordings)
    rate, grid = model.sample_rate, Grid.of(model)
    bits = _baselines(files, rate, grid, collection.split(*SPLITS)) if found.usable else {}
    st.subheader("Audit")
    judgement = shared.plain(verdict(found, bits))
    if found.usable:
        st.success(judgement, icon=":material/fact_check:")
    else:
        st.error(judgement, icon=":material/fact_check:")
    values = {"Usable files": f"{found.usable:,} of {found.files:,}", "Minutes": f"{60 * found.hours:,.1f}"}
    for name in ("unigram", "linear_prediction"):
        values[f"Bits, {name.replace('_', ' ')}"] = f"{bits[name]:.2f}" if bits else "none"
    shared.figures("audit", values)
    for title, named in (("Not used", found.problems), ("Worth a look", found.warnings)):
        if named:
            with st.expander(f"{title}: {len(named):,}"):
                st.dataframe(
                    [{"file": shared.readable(name), "reason": shared.readable(reason)} for name, reason in named],
                    hide_index=True,
                )
    if found.usable:
        with st.expander("Lengths, levels and splits"):
            st.image(_overview(collection, found, bits), width=PICTURE_WIDTH, alt="overview of the data set")


@st.cache_data(max_entries=16, show_spinner="Working out what it costs in bits")
def _baselines(files: tuple[str, ...], rate: int, grid: Grid, _source: Source) -> dict[str, float]:
    """Computes the baselines of a part of the audio that is spread over all files; kept until a file changes."""
    del files
    return baselines(excerpt(_source, round(_BASELINE_MINUTES * 60 * rate)), grid)


def _overview(collection: Collection, found: Audit, bits: Mapping[str, float]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overview.png"
        save_overview(path, collection, found, bits)
        return path.read_bytes()


if __name__ == "__main__":
    page()
