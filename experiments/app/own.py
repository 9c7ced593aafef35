"""Makes a voice of one's own: records sentences one by one, and fine-tunes a voice to them."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from experiments.app import jobs, levels, shared, uploads, voices
from experiments.app.options import near, page_options
from experiments.app.runs import RunEntry
from wavenet_jax.alignment import align
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import DataConfig
from wavenet_jax.storage import write_whole
from wavenet_jax.text import Lexicon, sentences
from wavenet_jax.voice import DEFAULT_VOICE

LEAST = 10
"""Recordings that are enough for a first impression."""

_PROMPTS = Path(__file__).with_name("prompts.txt")
_TABLE = "transcripts.tsv"
_RATE = 48_000  # of the files that are kept; training takes what it needs
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_EVERY_SECONDS = 2.0
_METER_DB = 60.0
_LENGTHS = {
    "a first impression, some minutes": (200, 100),
    "half an hour": (4_000, 700),
    "two hours": (16_000, 2_500),
    "a trial of the path, seconds": (2, 2),
}
"""Steps of the vocoder and of the acoustic model."""


@dataclass(frozen=True)
class Own:
    """The folder of a voice that is being made here."""

    name: str
    folder: Path

    @property
    def recordings(self) -> Path:
        """Data folder: a file for each sentence, and the table of them."""
        return self.folder / "recordings"

    @property
    def voice(self) -> Path:
        """The voice folder, once it is made."""
        return self.folder / "voice"

    @property
    def entry(self) -> RunEntry:
        """The directory as one that a job works in."""
        return RunEntry(self.name, self.folder)

    def file(self, number: int) -> Path:
        """Where the recording of a sentence is, counted from 1."""
        return self.recordings / f"prompt-{number:02}.wav"

    def kept(self, prompts: Sequence[str]) -> list[int]:
        """The sentences that are recorded, counted from 1."""
        return [number for number in range(1, len(prompts) + 1) if self.file(number).is_file()]

    def keep(self, number: int, clip: uploads.Clip, prompts: Sequence[str]) -> None:
        """Keeps a recording in place of the one before, and brings the table up to date."""
        self.recordings.mkdir(parents=True, exist_ok=True)
        write_wav(str(self.file(number)), clip.waveform, _RATE)
        rows = [f"{self.file(one).stem}\t{prompts[one - 1]}\n" for one in self.kept(prompts)]
        write_whole(self.recordings / _TABLE, "".join(rows).encode())


def own_of(name: str) -> Own:
    """Returns the folder of the voice called ``name``, below the first of the runs' folders.

    Raises:
      ValueError: the name is none for a folder.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"a voice is named by at most 40 lower-case letters, digits and hyphens, got {name!r}; choose another"
        )
    return Own(name, Path(page_options().runs[0]) / voices.OWN / name)


def prompts_of(path: Path = _PROMPTS) -> list[str]:
    """Reads the sentences to record, one a line; lines with # are notes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def page() -> None:
    st.write(
        "Read sentences aloud, one by one, in a quiet room and in the same tone. Ten give a first impression, all "
        "forty more of a likeness. The recordings stay on this machine. Record yourself, or somebody who agrees."
    )
    prompts = prompts_of()
    own = own_of(st.text_input("Name of the voice", "mine", max_chars=40, key="own_name"))
    _record(own, prompts)
    kept = own.kept(prompts)
    st.subheader("2. See whether they fit")
    if not kept:
        st.caption("Record some sentences first.")
        return
    _check(own)
    st.subheader("3. Learn, and listen")
    _learn(own, len(kept))


def _record(own: Own, prompts: Sequence[str]) -> None:
    st.subheader("1. Record")
    kept = own.kept(prompts)
    st.progress(len(kept) / len(prompts), f"{len(kept)} of {len(prompts)} sentences are recorded")
    key = f"sentence_{own.name}"
    missing = [number for number in range(1, len(prompts) + 1) if number not in kept]
    wanted = st.session_state.pop(f"{key}_next", None)
    if key not in st.session_state or wanted is not None:
        st.session_state[key] = wanted or (missing[0] if missing else 1)
    number = int(st.number_input(f"Sentence, 1 to {len(prompts)}", 1, len(prompts), step=1, key=key))
    prompt = prompts[number - 1]
    with st.container(border=True):
        st.markdown(f"### {shared.plain(prompt)}")
        if number in kept:
            st.caption("Recorded. Record it again to replace it.")
            st.audio(str(own.file(number)), alt=f"your recording of sentence {number}")
        take = st.session_state.get("take", 0)
        clip = uploads.ask(f"Sentence {number}", _RATE, key=f"own_{own.name}_{number}_{take}", record_first=True)
        if clip is None:
            return
        _meter(clip, prompt)
        if st.button("Keep, and go on", type="primary", icon=":material/check:", key="keep"):
            own.keep(number, clip, prompts)
            later = [one for one in missing if one > number] or [one for one in missing if one != number]
            st.session_state[f"{key}_next"] = later[0] if later else min(number + 1, len(prompts))
            st.session_state.take = take + 1
            st.rerun()


def _meter(clip: uploads.Clip, prompt: str) -> None:
    """Shows how loud a recording is, and says what is wrong with it."""
    found = levels.level(clip.waveform, _RATE)
    for title, value in (("Peak", found.peak), ("RMS", found.rms)):
        st.progress(min(max(1 + value / _METER_DB, 0.0), 1.0), f"{title} {value:.1f} dB")
    phones = sum(len(word.phones) for sentence in sentences(prompt, Lexicon()) for word in sentence)
    wrong = list(levels.notes(found, phones))
    for note in wrong:
        st.warning(note, icon=":material/mic_alert:")
    if not wrong:
        st.success("A good level.", icon=":material/check_circle:")


def _check(own: Own) -> None:
    st.caption("Each recording is aligned with its sentence; what does not fit is not learned from. Record it again.")
    if st.button("Align", icon=":material/align_horizontal_left:", key="align"):
        with st.spinner("Aligning"):
            found = align(DataConfig(data_dir=(str(own.recordings),)))
        st.success(f"{len(found.clips)} recordings fit their sentences.", icon=":material/check_circle:")
        st.caption(f"The aligner {found.aligner} {found.why}.")
        wrong = [{"file": name, "reason": reason} for name, reason in (*found.doubts, *found.refused)]
        if wrong:
            st.dataframe(wrong, hide_index=True)
    st.code(shlex.join(["wavenet", "align", f"--data_dir={near(own.recordings)}"]), language="bash", wrap_lines=True)


def _learn(own: Own, count: int) -> None:
    if count < LEAST:
        st.caption(f"{count} of {LEAST} sentences are recorded; {LEAST - count} more, and it can learn.")
        return
    if not voices.is_voice(DEFAULT_VOICE):
        voices.tell_how()
        return
    length = shared.choose("Learn for", _LENGTHS, key="own_length")
    arguments = [
        f"--data_dir={near(own.recordings)}",
        f"--output={near(own.folder)}",
        f"--name={own.name}",
        *(f"--{part}_steps={steps}" for part, steps in zip(("vocoder", "acoustic"), length, strict=True)),
    ]
    _watch(own, arguments)
    shared.same_in_terminal(shlex.join(["wavenet", "own-voice", *arguments]))


@st.fragment(run_every=_EVERY_SECONDS)
def _watch(own: Own, arguments: Sequence[str]) -> None:
    with shared.friendly():
        running = jobs.is_ours(own.entry)
        words = jobs.last_line(own.entry)
        if running:
            st.info(shared.plain(words or "getting ready"), icon=":material/hourglass_top:")
        elif words.startswith("error:"):
            st.error(shared.plain(words.removeprefix("error:")), icon=":material/error:")
        elif own.voice.is_dir():
            st.success("The voice is ready.", icon=":material/check_circle:")
        elif words:
            st.info(shared.plain(words), icon=":material/pause_circle:")
        with st.container(horizontal=True):
            if st.button("Make the voice", type="primary", icon=":material/play_arrow:", key="make", disabled=running):
                jobs.begin(own.entry, "own_voice", arguments)
                st.rerun(scope="fragment")
            if st.button(
                "Stop", icon=":material/stop:", key="stop_own", disabled=not running, help="It can go on later."
            ):
                jobs.stop(own.entry)
            if st.button("Hear it", icon=":material/record_voice_over:", key="hear", disabled=not own.voice.is_dir()):
                st.session_state.wanted_voice = str(own.voice)
                st.switch_page("speak.py")


if __name__ == "__main__":
    page()
