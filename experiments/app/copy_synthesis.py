"""Copies a recording: what a vocoder makes of its features, beside it, to hear, to see and in numbers."""

import secrets
import shlex
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

import wavenet_jax
from experiments.app import figures, player, shared, sounds, uploads, voices
from experiments.app.made import Made, make, new_name
from experiments.app.options import near
from experiments.app.uploads import Clip
from wavenet_jax.audio.features import LogMel
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.generation import ConditionOptions, GenerationOptions
from wavenet_jax.measures import MEASURES, Material, Measure, MissingPackageError, NoValueError, Sound
from wavenet_jax.measures import Clip as Judged
from wavenet_jax.voice import VOCODER

_TEMPERATURE, _PASSES = 0.8, 3
_MEASURES = {
    "log_mel_db": (
        "Log-mel distance",
        "{:.1f} dB",
        "**Log-mel distance**: how far the spectrum of the copy is from that of the recording, on average. "
        "0 dB is the same spectrum; the smaller, the better. It does not hear phases.",
    ),
    "pesq": (
        "PESQ, of 4.64",
        "{:.2f}",
        "**PESQ**: the grade that listeners would give the copy beside the recording: 4 is good, 3 fair, 2 poor.",
    ),
    "stoi": (
        "STOI, of 1",
        "{:.3f}",
        "**STOI**: how well words can be understood. 1 is as well as in the recording; noise gets about 0.",
    ),
}
"""Measures of a copy: how each is called and written here, and what it means."""


def page() -> None:
    vocoders = _vocoders()
    if not vocoders:
        voices.tell_how()
        return
    st.caption(
        "A vocoder gets only a description of a recording, some numbers for each hundredth of a second (the "
        "spectrum in broad bands, and the pitch), and makes all of its samples anew."
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        path = next(iter(vocoders.values()))
        if len(vocoders) > 1:
            path = shared.choose("Vocoder", vocoders, key="vocoder")
        run = shared.loaded_from(path)
        clip, usable = None, False
        with shared.friendly():
            clip, usable = uploads.ask("Recording to copy", run.sample_rate, key="copy", record_first=True), True
        equalized = st.checkbox(
            "Equalise the copy", True, help="Brings its spectrum back to that of the recording (mel equalisation)."
        )
        pressed = st.button(
            "Copy",
            type="primary",
            icon=":material/content_copy:",
            shortcut="Ctrl+Enter",
            width="stretch",
            disabled=clip is None or not usable,
        )
    with right, shared.friendly():
        if pressed and clip is not None:
            st.session_state.copied = None
            st.session_state.copied = _prepared(run, path, clip, equalized)
        copied: Made | None = st.session_state.get("copied")
        if copied is None:
            st.caption("Record something, or choose a file; its copy will be here, and play while it is made.")
            return
        player.show(copied.name, copied.goal)
        player.follow(
            copied.name,
            partial(make, copied) if pressed else None,
            partial(_results, copied, run.config.model),
        )


def _vocoders() -> dict[str, Path]:
    """The vocoders of voices, and runs that are one, by name."""
    found = {name: folder / VOCODER for name, folder in voices.find_voices().items()}
    for run in shared.runs():
        try:
            is_vocoder = "mel" in run.config().model.features.local_features and run.version is not None
        except ValueError:
            continue
        if is_vocoder:
            found[f"run {run.name}"] = run.path
    return found


def _prepared(run: wavenet_jax.Run, path: Path, clip: Clip, equalized: bool) -> Made:
    knows_pitch = "f0" in run.config.model.features.local_features
    options = GenerationOptions(
        temperature=_TEMPERATURE,
        unvoiced_temperature=1.0 if knows_pitch else None,
        mel_equalization=_PASSES if equalized else 0,
        seed=secrets.randbelow(2**31),
    )
    arguments = [
        *(f"--workdir={near(path)}", f"--mel_from={clip.path}", "--output=copy.wav", "--noguard"),
        *shared.flags_of(options, GenerationOptions()),
    ]
    with uploads.lent(clip, run.sample_rate) as lent:
        generation = run.generation(options, ConditionOptions(mel_from=(str(lent),)))
    return Made(new_name("copy"), generation, shlex.join(["wavenet", "sample", *arguments]))


def _results(copied: Made, model: WaveNetConfig) -> None:
    if not copied.pieces:
        st.caption("Stopped before there was any sound.")
        return
    if not copied.whole:
        st.info(f"Stopped after {copied.seconds():.1f} s.", icon=":material/stop_circle:")
    ((copy, _),) = copied.files()
    (original,) = copied.generation.originals
    assert original is not None
    original = original[: len(copy)]
    shown: dict[str, str] = {}
    missing: list[str] = []
    for name, value in _measured(original, copy, model).items():
        title, form, _ = _MEASURES[name]
        if isinstance(value, str):
            missing.append(f"{title.partition(',')[0]}: {value}")
        else:
            shown[title] = form.format(value)
    shared.figures("copied", shown)
    for column, name, sound in zip(st.columns(2), ("the recording", "the copy"), (original, copy), strict=True):
        with column:
            st.markdown(f"**{name.capitalize()}**")
            sounds.offer(name, sound, model.sample_rate, key=name, file_name=f"{copied.name}-{name.split()[1]}.wav")
            st.image(
                figures.spectrogram(sound, model.sample_rate),
                width=figures.PICTURE_WIDTH // 2,
                alt=f"spectrogram of {name}",
            )
    with st.expander("What the numbers mean"):
        st.markdown("\n".join(f"- {meaning}" for _, _, meaning in _MEASURES.values()))
        st.caption("No number replaces listening; a copy of another speaker than the vocoder's is harder.")
    if missing:
        st.caption(shared.plain(f"Not measured: {'; '.join(missing)}"))
    shared.same_in_terminal(copied.command)


@st.cache_data(max_entries=32, show_spinner="Measuring")
def _measured(original: np.ndarray, copy: np.ndarray, model: WaveNetConfig) -> dict[str, float | str]:
    """The measures of a copy, or why there is none."""
    material = Material(LogMel.of(model))
    reference, sound = Sound(original, model.sample_rate), Sound(copy, model.sample_rate)
    values: dict[str, float | str] = {}
    for name in _MEASURES:
        measure: type[Measure] = MEASURES[name]
        try:
            values[name] = measure(material)(Judged("copy", sound, reference)).value
        except MissingPackageError as error:
            values[name] = error.reason
        except NoValueError as error:
            values[name] = str(error)
    return values


if __name__ == "__main__":
    page()
