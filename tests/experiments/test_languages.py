"""The way from Spanish recordings to a Spanish voice, by the programs, beside the aligner."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

import wavenet_jax
from experiments import features, own_voice, say
from experiments.support.compared import transcripts
from tests.experiments.conftest import ROOT, Call
from tests.voices import small_voice
from wavenet_jax.alignment import AlignedData, Alignment, Segment
from wavenet_jax.config import DataConfig
from wavenet_jax.text import LANGUAGES, Lexicon, Sentence, sentences

NAMES, SECONDS = tuple("abcde"), 0.5
SPANISH = LANGUAGES["es"]


def evenly(words: Sentence) -> Alignment:
    """An alignment in which every phone, and a pause at each end, is as long as any other."""
    said: list[tuple[str, int | None]] = [(phone, place) for place, word in enumerate(words) for phone in word.phones]
    said = [("", None), *said, ("", None)]
    edges = np.linspace(0, SECONDS, len(said) + 1).tolist()
    return Alignment(words, tuple(Segment(*s, a, b) for s, a, b in zip(said, edges[:-1], edges[1:], strict=True)), -1.0)


def aligner(seen: list[str]) -> Callable[..., AlignedData]:
    """Stands for the aligner, which knows the sounds of English alone; notes the languages that it is asked for."""

    def align(data: DataConfig, lexicon: Lexicon, *_: object) -> AlignedData:
        seen.append(lexicon.language.code)
        (words,) = sentences("Perro y niño", lexicon)
        return AlignedData({f"{name}.wav": evenly(words) for name in NAMES}, {}, [], [], {})

    return align


@pytest.mark.slow
def test_a_voice_of_another_language_is_made_of_an_english_one(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recordings, begins, seen = tmp_path / "recordings", tmp_path / "begins", []
    recordings.mkdir()
    random = np.random.default_rng(0)
    for name in NAMES:
        soundfile.write(recordings / f"{name}.wav", random.normal(scale=0.1, size=int(8_000 * SECONDS)), 8_000)
    (recordings / "transcripts.tsv").write_text("".join(f"{name}\tPerro y niño\n" for name in NAMES))
    monkeypatch.setattr("experiments.support.alignment.align", aligner(seen))
    small_voice().save(begins)
    ended = call(
        own_voice.main,
        f"--data_dir={recordings}",
        f"--output={tmp_path / 'mine'}",
        f"--voice={begins}",
        *("--language=es", "--batch_size=8", "--vocoder_steps=2", "--acoustic_steps=2"),
    )
    assert ended.code == 0, ended.err
    assert seen == ["es"]
    assert "begins anew, as that model does not know it: phones A, E, I, LL, NY, O, RR, U, X" in ended.err
    folder = json.loads(ended.out.splitlines()[-1])["folder"]
    voice = wavenet_jax.load_voice(folder)
    assert voice.language == SPANISH
    assert voice.lexicon.own == {}  # those of the English voice are of no use
    spoken = call(say.main, f"--voice={folder}", "--text=Hola {RR I1}, son las 3.", f"--output={tmp_path / 'hola.wav'}")
    assert spoken.code == 0, spoken.err
    assert json.loads(spoken.out)["seconds"] > 0
    refused = call(say.main, f"--voice={folder}", "--text={HH AH0}", f"--output={tmp_path / 'no.wav'}")
    assert refused.code == 1
    assert refused.err.startswith("error: --phones must be of A B CH ")


def test_a_network_told_phones_is_refused_for_another_language(call: Call, tmp_path: Path) -> None:
    told = ["--phones", "--flagfile=speech/direct.flags", f"--data_dir={tmp_path}", f"--output={tmp_path / 'told'}"]
    ended = call(features.main, *told, "--language=it")
    assert ended.code == 1
    assert "phones describes the phones of English, got language=it" in ended.err
    ended = call(features.main, "--workdir=run", "--audio=a.wav", "--output=a.npy", "--language=it")
    assert ended.code == 1
    assert "language is for phones, got it; leave it out" in ended.err


def test_an_auxiliary_speaker_says_nothing_that_voices_are_judged_by() -> None:
    lists = [ROOT / "experiments" / "lists" / f"{name}.tsv" for name in ("auxiliary", "general", "prompts")]
    auxiliary, *judged = (set(transcripts(str(path)).values()) for path in lists)
    lexicon = Lexicon()
    said = [[word for sentence in sentences(text, lexicon) for word in sentence] for text in sorted(auxiliary)[::12]]
    assert len(auxiliary) == 1_200
    assert all(lexicon.knows(word.text) for words in said for word in words)
    for texts in judged:
        assert not {text.lower() for text in texts} & {text.lower() for text in auxiliary}
