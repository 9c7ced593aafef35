"""A voice of one's own: its sentences, its folder, and the way from ten recordings to speech."""

import json
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import wavenet_jax
from experiments import own_voice
from experiments.app import own
from experiments.app.uploads import Clip
from tests.experiments.conftest import Call
from tests.voices import small_voice
from wavenet_jax.audio.files import read_audio
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import SPLITS, collect
from wavenet_jax.text import PHONES, Lexicon, sentences
from wavenet_jax.text.phones import without_stress


def test_ten_sentences_have_every_phone_and_no_word_is_guessed() -> None:
    prompts, lexicon = own.prompts_of(), Lexicon()
    assert len(prompts) == len(set(prompts)) == 40
    words = [[word for sentence in sentences(prompt, lexicon) for word in sentence] for prompt in prompts]
    assert all(lexicon.knows(word.text) for each in words for word in each)
    heard = {without_stress(phone) for each in words[: own.LEAST] for word in each for phone in word.phones}
    assert heard == set(PHONES)


@pytest.mark.parametrize("name", ["", "..", "../up", "a/b", "A b", "-a", "x" * 41, "ä"])
def test_a_name_that_is_none_for_a_folder_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lower-case letters"):
        own.own_of(name)


def test_recordings_are_kept_as_a_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", f"--runs={tmp_path}"])
    mine, prompts = own.own_of("mine"), own.prompts_of()
    assert mine.kept(prompts) == []
    for number, loudness in ((3, 0.1), (1, 0.2), (3, 0.3)):  # the third one twice
        mine.keep(number, Clip("sent.wav", np.full(48_000, loudness, np.float32), "sent.wav"), prompts)
    assert mine.kept(prompts) == [1, 3]
    assert read_audio(str(mine.file(3)), 48_000).max() == pytest.approx(0.3, abs=1e-4)
    data = DataConfig(data_dir=(str(mine.recordings),), transcript_table="transcripts.tsv")
    clips = collect(data, WaveNetConfig(dilation_cycle=(1,))).split(*SPLITS)
    assert sorted(map(str, clips.transcripts)) == sorted([prompts[0], prompts[2]])


@pytest.mark.slow
def test_ten_recordings_become_a_voice(monkeypatch: pytest.MonkeyPatch, call: Call, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", f"--runs={tmp_path}"])
    mine, prompts = own.own_of("mine"), own.prompts_of()
    speaker = wavenet_jax.load_voice()  # somebody else than the voice that is tuned
    for number in range(1, own.LEAST + 1):
        waveform = speaker.say(prompts[number - 1], seed=number)
        recording = np.repeat(waveform, 48_000 // speaker.sample_rate)
        mine.keep(number, Clip("sent.wav", recording, "sent.wav"), prompts)
    begins = tmp_path / "begins"
    small_voice().save(begins)
    arguments = [
        f"--data_dir={mine.recordings}",
        f"--output={mine.folder}",
        f"--voice={begins}",
        *("--batch_size=8", "--learning_rate=0.05", "--name=mine"),
    ]
    ended = call(own_voice.main, *arguments, "--vocoder_steps=2", "--acoustic_steps=2")
    assert ended.code == 0, ended.err
    assert "begins with the model of" in ended.err
    made = wavenet_jax.load_voice(json.loads(ended.out.splitlines()[-1])["folder"])
    assert made.card.startswith("# mine\n")
    assert "# Somebody" in made.card
    before = small_voice()
    assert made.lexicon.own == before.lexicon.own
    for network in ("acoustic", "vocoder"):
        old, new = getattr(before, network).params, getattr(made, network).params
        assert any(not np.allclose(a, b, atol=1e-3) for a, b in zip(_leaves(old), _leaves(new), strict=True)), (
            f"{network} has learned nothing"
        )
    assert len(made.say("Hello.")) > 0
    again = call(own_voice.main, *arguments, "--vocoder_steps=4", "--acoustic_steps=3")  # for longer
    assert again.code == 0, again.err
    longer = wavenet_jax.load_voice(json.loads(again.out.splitlines()[-1])["folder"])
    assert (longer.vocoder.step, longer.acoustic.step) == (4, 3)
    assert "begins with the model of" not in again.err


def _leaves(params: object) -> list[np.ndarray]:

    return [np.asarray(leaf, np.float32) for leaf in jax.tree.leaves(params)]
