"""What a network makes: heard while it is made, then looked at, judged and taken away."""

import dataclasses
import secrets
import shlex
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from experiments import flags
from experiments.app import player, shared, sounds, uploads, welcome
from experiments.app.made import Made
from experiments.app.options import near
from experiments.app.runs import Run
from experiments.app.uploads import Clip
from experiments.conditions import ConditionOptions
from experiments.generation import GenerationOptions, prepare
from wavenet_jax.audio.emphasis import deemphasize
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.data import open_source
from wavenet_jax.model import head_of
from wavenet_jax.typing import Params

_MOST_SECONDS = 60.0
_MOST_TAKES = 8
_MOST_STREAMS = 32
_SECONDS_OF_A_PIECE = 0.3  # but the first: each is a message to the browser
_SENT, _HELD_OUT = "a recording of yours", "one of the run's held-out recordings"


def page() -> None:
    run = shared.chosen_run()
    if run is None:
        welcome.show()
        return
    config, params, step = shared.loaded(run)
    left, right = st.columns([2, 3], gap="large")
    with left:
        clip, usable = None, False
        with shared.friendly():
            clip, usable = _clip(config), True
        with st.form("options"):
            options, conditions = _options(config.model, clip)
            pressed = st.form_submit_button(
                "Generate",
                type="primary",
                icon=":material/play_arrow:",
                shortcut="Ctrl+Enter",
                width="stretch",
                disabled=not usable,
            )
    with right, shared.friendly():
        if pressed:
            st.session_state.made = None
            st.session_state.made = _prepared(run, config, params, options, conditions, clip)
        made = st.session_state.get("made")
        if made is None:
            st.caption(f"The sound of step {step:,} will be here, and be heard while it is being made.")
            return
        player.show(made.name, made.goal)
        status, pieces = st.empty(), st.container(key="pieces")
        results = st.empty()  # those of the sound before are gone at once
        if pressed:
            _make(made, status, pieces)
        with pieces:
            player.end(made.name)
        with results.container():
            _results(made)


def _clip(config: RunConfig) -> Clip | None:
    """The recording that is given a voice, or continued; None where there is none."""
    rate = config.model.sample_rate
    if not config.model.is_local:
        with st.expander("Go on from a recording", icon=":material/mic:"):
            return uploads.ask("Recording to continue", rate, key="prompt")
    st.caption("This network is told features; it makes a copy of a recording from them.")
    held_out = open_source(config.data, config.model, "validation")
    offered = {_HELD_OUT: True, _SENT: False} if len(held_out) else {_SENT: False}
    if not shared.choose("Recording", offered, key="features_of"):
        return uploads.ask("Recording", rate, key="features")
    clip = int(st.number_input(f"Which, 1 to {len(held_out)}", 1, len(held_out), key="held_out")) - 1
    longest = min(int(held_out.lengths[clip]), round(uploads.MOST_SECONDS * rate))
    waveform = held_out.read(clip, 0, longest)
    if config.data.pre_emphasis is not None:
        waveform = deemphasize(waveform, config.data.pre_emphasis)
    name = held_out.names[clip]
    path = held_out.beside(clip, Path(name).suffix)  # its own
    return Clip(shared.readable(name), waveform, shared.readable(name if path is None else near(Path(path))))


def _options(model: WaveNetConfig, clip: Clip | None) -> tuple[GenerationOptions, ConditionOptions]:
    """What is made, apart from the path of the clip."""
    left, right = st.columns(2)
    copied = model.is_local and clip is not None
    longest = min(_MOST_SECONDS, len(clip.waveform) / model.sample_rate) if copied and clip else _MOST_SECONDS
    seconds = left.number_input(
        "Seconds", 0.1, longest, min(4.0, longest), step=0.5, key=f"seconds_{longest:g}", help="Length of each sound."
    )
    temperature = right.number_input(
        "Temperature", 0.05, 2.0, 1.0, step=0.05, help="Below 1 safer and quieter, above 1 noisier."
    )
    top_p = None
    if head_of(model).truncates:
        top_p = left.number_input(
            "Top-p", 0.01, 1.0, None, step=0.05, placeholder="all", help="Draw among this share of the probability."
        )
    seed = right.number_input(
        "Seed", 0, 2**31 - 1, None, placeholder="a new one", help="The same seed makes the same sound."
    )
    takes = left.number_input("Takes", 1, _MOST_TAKES, 1, help="Sounds to make at once.")
    best_of = right.number_input("Best of", 1, _MOST_TAKES, 1, help="Of so many tries, keep the most likely one.")
    labels = []
    for family, names in model.conditioning.families.items() if model.conditioning.condition_on_classes else ():
        label = shared.choose(f"Class ({family})", {name: f"{family}={name}" for name in names}, key=f"class_{family}")
        labels.append(label)
    guidance = None
    if model.conditioning.condition_dropout and model.head in ("categorical", "coarse_fine"):
        guidance = st.number_input(
            "Guidance", 0.0, 10.0, None, placeholder="none", help="Above 1 exaggerates what it is told; costs twice."
        )
    options = GenerationOptions(
        seconds=float(seconds),
        num_samples=int(takes),
        temperature=float(temperature),
        top_p=None if top_p is None else float(top_p),
        seed=secrets.randbelow(2**31) if seed is None else int(seed),
        best_of=int(best_of),
    )
    return options, ConditionOptions(label=tuple(labels), guidance=guidance)


def _prepared(
    run: Run,
    config: RunConfig,
    params: Params,
    options: GenerationOptions,
    conditions: ConditionOptions,
    clip: Clip | None,
) -> Made:
    """A generation that is about to begin."""
    streams = options.num_samples * options.best_of
    if streams > _MOST_STREAMS:
        raise ValueError(f"takes times best of is {streams}, and at most {_MOST_STREAMS} are made here")
    command = _command(run, config, options, conditions, clip)
    with uploads.lent(clip, config) as (path, alone):
        if path is not None and config.model.is_local:
            conditions = dataclasses.replace(conditions, mel_from=(path,))
        elif path is not None:
            options = dataclasses.replace(options, prime=(path,))
        generation = prepare(alone, params, options, conditions)
    serial = st.session_state.serial = st.session_state.get("serial", 0) + 1
    return Made(f"sound-{serial}", generation, command)


def _make(made: Made, status: DeltaGenerator, pieces: DeltaGenerator) -> None:
    """Makes the sound while the browser plays it; a click on anything ends it, and what there is stays."""
    with status.container(horizontal=True, vertical_alignment="center"):
        progress = st.progress(0.0, "Compiling: once for each kind of network")
        st.button("Stop", icon=":material/stop:", key="stop_generating")
    waiting: list[np.ndarray] = []
    sent = 0
    for piece in made.generation.pieces():
        made.add(piece)
        waiting.append(piece.rows[0])
        whole = made.seconds() >= made.goal
        if not sent or whole or sum(map(len, waiting)) >= _SECONDS_OF_A_PIECE * made.generation.rate:
            with pieces:
                player.play(made.name, sent, np.concatenate(waiting), made.generation.rate)
            speed = made.times_real_time
            told = "" if speed is None else f", {speed:.2f} × real time"
            progress.progress(min(made.seconds() / made.goal, 1.0), f"{made.seconds():.1f} of {made.goal:.1f} s{told}")
            waiting, sent = [], sent + 1
    made.whole = True
    status.empty()


def _results(made: Made) -> None:
    generation = made.generation
    if not made.pieces:
        st.caption("Stopped before there was any sound.")
        return
    files = made.files()
    if not made.whole:
        st.info(f"Stopped after {made.seconds():.1f} s.", icon=":material/stop_circle:")
    speed = made.times_real_time
    told = {
        "Bits per sample": f"{files[0][1]:.3f}",
        "× real time": "–" if speed is None else f"{speed:.2f}",
        "First sound": f"{made.first:.2f} s",
    }
    helps = {
        "Bits per sample": "Of the first sound; fewer is likelier.",
        "× real time": "Seconds of sound, of all takes together, made in a second.",
        "First sound": "After which it was made, compiling included.",
    }
    shared.figures("made", told, helps)
    for number, (waveform, bits) in enumerate(files):
        name = f"Take {number + 1}" if len(files) > 1 else "The sound"
        if len(files) > 1 or generation.takes > 1:
            of = f", the most likely of {generation.takes}" if generation.takes > 1 else ""
            st.subheader(name)
            st.caption(f"{bits:.3f} bits per sample{of}")
        sounds.show(
            name, waveform, generation.rate, key=f"download_{number}", file_name=f"{made.name}-{number + 1}.wav"
        )
    st.caption("The same in a terminal:")
    st.code(made.command, language="bash", wrap_lines=True)


def _command(
    run: Run, config: RunConfig, options: GenerationOptions, conditions: ConditionOptions, clip: Clip | None
) -> str:
    """What makes the same sound outside of the page."""
    lines = _given(options, GenerationOptions()) + _given(conditions, ConditionOptions())
    if clip is not None:
        lines.append(f"--{'mel_from' if config.model.is_local else 'prime'}={clip.path}")
    arguments = [
        f"--workdir={near(run.path)}",
        "--output=sound.wav",
        "--noguard",
        *lines,
    ]  # what is out cannot be drawn again
    return shlex.join(["python", "-m", "experiments.sample", *arguments])


def _given(options: object, usual: object) -> list[str]:
    """The flags of options that are not as usual."""
    return [line for line in flags.flag_lines(options).splitlines() if line not in flags.flag_lines(usual).splitlines()]


if __name__ == "__main__":
    page()
