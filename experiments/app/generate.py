"""Generates with a network: played while it is generated, then shown, measured and offered for download."""

import dataclasses
import secrets
import shlex
from functools import partial
from pathlib import Path

import streamlit as st

import wavenet_jax
from experiments.app import player, shared, sounds, uploads, welcome
from experiments.app.made import Made, make, new_name
from experiments.app.options import near
from experiments.app.runs import RunEntry, latest, points
from experiments.app.uploads import Clip
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.generation import ConditionOptions, GenerationOptions
from wavenet_jax.model import head_of

_NEAR_UNIGRAM = 0.9
_MOST_SECONDS = 60.0
_MOST_TAKES = 8
_MOST_STREAMS = 32
_SENT, _HELD_OUT = "a recording of yours", "one of the run's held-out recordings"


def page() -> None:
    run = shared.chosen_run()
    if run is None:
        welcome.show()
        return
    network = shared.loaded(run)
    doubt = doubts(run)
    if doubt is not None:
        st.warning(shared.plain(doubt), icon=":material/hearing_disabled:")
    left, right = st.columns([2, 3], gap="large")
    with left:
        clip, usable = None, False
        with shared.friendly():
            clip, usable = _clip(network), True
        with st.form("options"):
            options, conditions = _options(network.config.model, clip)
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
            st.session_state.made = _prepared(network, options, conditions, clip)
        made: Made | None = st.session_state.get("made")
        if made is None:
            st.caption(f"The sound of step {network.step:,} will be here, and play while it is generated.")
            return
        player.show(made.name, made.goal)
        player.follow(made.name, partial(make, made) if pressed else None, partial(_results, made))


def doubts(run: RunEntry) -> str | None:
    """Says what a run's network cannot yet do, from what it measured; None where it is worth hearing."""
    records = run.records()
    start, held_out = latest(records, "start"), points(records, "validation")
    if start is None or not held_out:
        return "Nobody has measured this network on held-out audio yet: expect noise. Train on until its validation."
    bits, baselines = held_out[-1][1], start["baselines"]
    unigram, predictor = baselines.get("unigram"), baselines.get("linear_prediction")
    if unigram is not None and bits > _NEAR_UNIGRAM * unigram:
        return (
            f"This network has learned little but how loud its data is: {bits:.2f} bits per sample, where counting "
            f"levels takes {unigram:.2f} (unigram). What it generates is noise; train on."
        )
    if predictor is not None and bits > predictor:
        return (
            f"This network is still behind what takes no network: {bits:.2f} bits per sample, where linear prediction "
            f"takes {predictor:.2f}. Expect rough sound; train on."
        )
    return None


def _clip(run: wavenet_jax.Run) -> Clip | None:
    """Asks for the recording to make again, or to continue; None while there is none."""
    rate = run.sample_rate
    if not run.config.model.is_local:
        with st.expander("Continue a recording", icon=":material/mic:"):
            return uploads.ask("Recording to continue", rate, key="prompt")
    st.caption("This network is conditioned on features; it makes a recording again from them.")
    held_out = run.source(split="validation")
    offered = {_HELD_OUT: True, _SENT: False} if len(held_out) else {_SENT: False}
    if not shared.choose("Recording", offered, key="features_of"):
        return uploads.ask("Recording", rate, key="features")
    clip = int(st.number_input(f"Which, 1 to {len(held_out)}", 1, len(held_out), key="held_out")) - 1
    longest = min(int(held_out.lengths[clip]), round(uploads.MOST_SECONDS * rate))
    waveform = run.audible(held_out.read(clip, 0, longest))
    name = held_out.names[clip]
    path = held_out.beside(clip, Path(name).suffix)  # its own
    return Clip(shared.readable(name), waveform, shared.readable(name if path is None else near(Path(path))))


def _options(model: WaveNetConfig, clip: Clip | None) -> tuple[GenerationOptions, ConditionOptions]:
    """Asks for everything but the recording."""
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
            "Top-p",
            0.01,
            1.0,
            None,
            step=0.05,
            placeholder="all",
            help="Draw among the fewest levels that hold this share of the probability.",
        )
    seed = right.number_input(
        "Seed", 0, 2**31 - 1, None, placeholder="a new one", help="The same seed makes the same sound."
    )
    takes = left.number_input("Takes", 1, _MOST_TAKES, 1, help="Sounds to make at once.")
    best_of = right.number_input("Best of", 1, _MOST_TAKES, 1, help="Of this many takes, keep the most likely one.")
    labels = []
    for family, names in model.conditioning.families.items() if model.conditioning.condition_on_classes else ():
        label = shared.choose(f"Class ({family})", {name: f"{family}={name}" for name in names}, key=f"class_{family}")
        labels.append(label)
    guidance = None
    if model.conditioning.condition_dropout and head_of(model).has_logits:
        guidance = st.number_input(
            "Guidance",
            0.0,
            10.0,
            None,
            placeholder="none",
            help="Above 1 exaggerates the conditions; takes twice the time.",
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
    run: wavenet_jax.Run, options: GenerationOptions, conditions: ConditionOptions, clip: Clip | None
) -> Made:
    """Prepares a generation."""
    streams = options.num_samples * options.best_of
    if streams > _MOST_STREAMS:
        raise ValueError(f"takes times best of is {streams}, and at most {_MOST_STREAMS} are generated here")
    command = _command(run, options, conditions, clip)
    with uploads.lent(clip, run.sample_rate) as path:
        if path is not None and run.config.model.is_local:
            conditions = dataclasses.replace(conditions, mel_from=(path,))
        elif path is not None:
            options = dataclasses.replace(options, prime=(path,))
        generation = run.generation(options, conditions)
    return Made(new_name("sound"), generation, command)


def _results(made: Made) -> None:
    generation = made.generation
    if not made.pieces:
        st.caption("Stopped before there was any sound.")
        return
    files = made.files()
    if not made.whole:
        st.info(f"Stopped after {made.seconds():.1f} s.", icon=":material/stop_circle:")
    speed = made.times_real_time
    figures = {
        "Bits per sample": f"{files[0][1]:.3f}",
        "× real time": "–" if speed is None else f"{speed:.2f}",
        "First sound": f"{made.first:.2f} s",
    }
    helps = {
        "Bits per sample": "Of the first sound; fewer means more likely.",
        "× real time": "Seconds of sound, of all takes together, generated in a second.",
        "First sound": "Time until it was there, compiling included.",
    }
    shared.figures("made", figures, helps)
    for number, (waveform, bits) in enumerate(files):
        name = f"Take {number + 1}" if len(files) > 1 else "The sound"
        if len(files) > 1 or generation.takes > 1:
            of = f", the most likely of {generation.takes}" if generation.takes > 1 else ""
            st.subheader(name)
            st.caption(f"{bits:.3f} bits per sample{of}")
        sounds.show(
            name, waveform, generation.rate, key=f"download_{number}", file_name=f"{made.name}-{number + 1}.wav"
        )
    shared.same_in_terminal(made.command)


def _command(run: wavenet_jax.Run, options: GenerationOptions, conditions: ConditionOptions, clip: Clip | None) -> str:
    """Returns the command that generates the same sound in a terminal."""
    lines = shared.flags_of(options, GenerationOptions()) + shared.flags_of(conditions, ConditionOptions())
    if clip is not None:
        lines.append(f"--{'mel_from' if run.config.model.is_local else 'prime'}={clip.path}")
    # Without a guard: what is played cannot be drawn again.
    arguments = [f"--workdir={near(run.path)}", "--output=sound.wav", "--noguard", *lines]
    return shlex.join(["wavenet", "sample", *arguments])


if __name__ == "__main__":
    page()
