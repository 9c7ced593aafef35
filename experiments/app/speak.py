"""Speaks a text: heard while it is made, with its words and phones drawn under the waveform."""

import dataclasses
import secrets
import shlex
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

import wavenet_jax
from experiments.app import player, shared, sounds, timeline, voices
from experiments.app.made import new_name
from experiments.app.timeline import Span
from wavenet_jax.acoustic.config import LANGUAGE
from wavenet_jax.config import Prosody
from wavenet_jax.text import LANGUAGES

_MOST_CHARACTERS = 2_000
_TEXTS = {
    "en": "Hello! I am a small network. Two processor cores are all that I need to speak.",
    "es": "¡Hola! Soy una red pequeña. Dos núcleos de un procesador son todo lo que necesito para hablar.",
    "it": "Ciao! Sono una piccola rete. Due nuclei di un processore sono tutto ciò che mi serve per parlare.",
}
"""What a voice says at first, by the code of its language."""


@dataclass
class Spoken:
    """A text that is spoken, as far as it goes."""

    name: str
    """Unique in this session."""
    voice: wavenet_jax.Voice
    text: str
    prosody: Prosody
    seed: int
    labels: tuple[str, ...]
    command: str
    """Says the same in a terminal."""
    began: float = field(default_factory=time.monotonic)
    first: float | None = None
    """Seconds until the first piece."""
    took: float = 0.0
    """Seconds in all."""
    whole: bool = False
    words: list[Span] = field(default_factory=list)
    phones: list[Span] = field(default_factory=list)
    pieces: list[np.ndarray] = field(default_factory=list)

    @property
    def waveform(self) -> np.ndarray:
        """What there is of it, ``[T]``."""
        return np.concatenate(self.pieces)

    @property
    def seconds(self) -> float:
        """Length of what there is of it."""
        return sum(map(len, self.pieces)) / self.voice.sample_rate

    @property
    def times_real_time(self) -> float | None:
        """Seconds of speech that a second made behind the first piece."""
        if len(self.pieces) < 2 or self.first is None:
            return None
        return sum(map(len, self.pieces[1:])) / self.voice.sample_rate / (self.took - self.first)


def page() -> None:
    found = voices.choose()
    if found is None:
        return
    voice, folder = found
    left, right = st.columns([2, 3], gap="large")
    with left:
        labels = _labels(voice)
        with st.form("speech"):
            language = voice.acoustic.config.language_of(labels)
            text = st.text_area(
                "Text",
                _TEXTS[language.code],
                height=140,
                max_chars=_MOST_CHARACTERS,
                help=f"Any {language.name} text.",
                key=f"text_{language.code}",
            )
            speed = st.slider("Speed", 0.5, 2.0, 1.0, step=0.05, help="2 is twice as fast.")
            pitch = st.slider("Pitch, in semitones", -12, 12, 0, help="Below 0 lower, above 0 higher.")
            pitch_range = st.slider("Pitch range", 0.0, 2.0, 1.0, step=0.1, help="0 is monotone, 2 is lively.")
            seed = st.number_input(
                "Seed", 0, 2**31 - 1, None, placeholder="a new one", help="The same seed makes the same sound."
            )
            pressed = st.form_submit_button(
                "Speak", type="primary", icon=":material/record_voice_over:", shortcut="Ctrl+Enter", width="stretch"
            )
        _card(voice)
    with right, shared.friendly():
        if pressed:
            st.session_state.spoken = None
            prosody = Prosody(float(speed), float(pitch), float(pitch_range))
            st.session_state.spoken = _prepared(voice, folder, text, prosody, seed, labels)
        spoken: Spoken | None = st.session_state.get("spoken")
        if spoken is None:
            st.caption("The speech will be here, and play while it is made.")
            return
        player.show(spoken.name)
        timeline.show(spoken.name)
        player.follow(spoken.name, partial(_speak, spoken) if pressed else None, partial(_results, spoken))


def _labels(voice: wavenet_jax.Voice) -> tuple[str, ...]:
    """Asks for the class of each family of a voice, with languages by their names."""
    chosen = []
    for family, names in voice.families.items():
        is_language = family == LANGUAGE
        shown = {LANGUAGES[name].name if is_language else name: name for name in names}
        name = shared.choose(family.capitalize(), shown, key=f"speak_{family}")
        chosen.append(f"{family}={name}")
    return tuple(chosen)


def _card(voice: wavenet_jax.Voice) -> None:
    """Says whose voice it is, as its licence asks."""
    if voice.card.strip():
        with st.expander("Whose voice this is", icon=":material/badge:"):
            lines = voice.card.strip().splitlines()
            heading = lines[0].removeprefix("# ") if lines[0].startswith("# ") else ""
            st.markdown(f"**{shared.plain(heading)}**" if heading else "")
            st.markdown("\n".join(lines[1:] if heading else lines))


def _prepared(
    voice: wavenet_jax.Voice,
    folder: Path,
    text: str,
    prosody: Prosody,
    seed: float | None,
    labels: tuple[str, ...],
) -> Spoken:
    if len(text) > _MOST_CHARACTERS:
        raise ValueError(f"the text has {len(text):,} characters; speak at most {_MOST_CHARACTERS:,} at a time")
    number = secrets.randbelow(2**31) if seed is None else int(seed)
    flags = [*voices.flag(folder), f"--text={text}", f"--seed={number}", "--output=speech.wav"]
    usual = dataclasses.asdict(Prosody())
    flags += [f"--{name}={value:g}" for name, value in dataclasses.asdict(prosody).items() if value != usual[name]]
    flags += [f"--label={label}" for label in labels if label != f"{LANGUAGE}={voice.language.code}"]
    command = shlex.join(["wavenet", "say", *flags])
    return Spoken(new_name("speech"), voice, text, prosody, number, labels, command)


def _speak(spoken: Spoken, status: DeltaGenerator, pieces: DeltaGenerator) -> None:
    """Speaks while the browser plays it; a click on anything ends it, and what there is stays."""
    with status.container(horizontal=True, vertical_alignment="center"):
        progress = st.progress(0.0, "Getting ready: the first time takes some seconds")
        st.button("Stop", icon=":material/stop:", key="stop_speaking")
    voice, rate = spoken.voice, spoken.voice.sample_rate
    sending = player.Sending(spoken.name, rate, pieces)
    voices.wait()
    drawn = 0.0
    for number, utterance in enumerate(
        voice.utterances(spoken.text, **dataclasses.asdict(spoken.prosody), seed=spoken.seed, label=spoken.labels)
    ):
        start = spoken.seconds
        stop = start + utterance.segments[-1].stop
        words = list(timeline.words_of(utterance.words, utterance.segments, start))
        phones = timeline.phones_of(utterance.segments, start)
        spoken.words += words
        spoken.phones += phones
        with pieces:
            timeline.tell(spoken.name, number, words, phones)
        for piece in chain(voice.utter(utterance, seed=spoken.seed), [None]):
            if piece is not None:
                spoken.pieces.append(piece)
                spoken.took = time.monotonic() - spoken.began
                spoken.first = spoken.took if spoken.first is None else spoken.first
            end = piece is None
            sent = sending.add(np.zeros(0, np.float32) if piece is None else piece, last=end, seconds=stop)
            if sent is not None:
                with pieces:
                    timeline.draw(spoken.name, sending.count, sent, rate, drawn)
                drawn += len(sent) / rate
                progress.progress(min(drawn / stop, 1.0), f"{drawn:.1f} s spoken")
    spoken.whole = True
    status.empty()


def _results(spoken: Spoken) -> None:
    if not spoken.pieces:
        st.caption("Stopped before there was any sound.")
        return
    if not spoken.whole:
        st.info(f"Stopped after {spoken.seconds:.1f} s.", icon=":material/stop_circle:")
    assert spoken.first is not None
    figures = {
        "First sound": f"{spoken.first:.2f} s",
        "× real time": "–" if spoken.times_real_time is None else f"{spoken.times_real_time:.1f}",
        "Phones": f"{len(spoken.phones):,}",
    }
    helps = {
        "First sound": "From the click until it was made, compiling included where it was the first.",
        "× real time": "Seconds of speech made in a second, once it speaks.",
    }
    shared.figures("spoken", figures, helps)
    sounds.offer("the speech", spoken.waveform, spoken.voice.sample_rate, key="speech", file_name=f"{spoken.name}.wav")
    with st.expander("Phones and their lengths"):
        words = iter(spoken.words)
        word, rows = next(words), []
        for phone in spoken.phones:
            while phone.start >= word.stop - 1e-9:
                word = next(words)
            rows.append(
                {
                    "phone": phone.text,
                    "word": word.text,
                    "from (s)": round(phone.start, 3),
                    "length (ms)": round(1000 * (phone.stop - phone.start)),
                }
            )
        st.dataframe(rows, hide_index=True, height=300)
    shared.same_in_terminal(spoken.command)


if __name__ == "__main__":
    page()
