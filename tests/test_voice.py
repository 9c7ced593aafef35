"""A voice: text in, sound out, and its folder."""

import dataclasses
import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

import wavenet_jax
from experiments import say
from experiments.support import flags
from tests.voices import small_voice
from wavenet_jax.voice import Voice, make_voice

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def voice() -> Voice:
    return small_voice()


def test_a_sentence_tells_when_its_phones_sound(voice: Voice) -> None:
    utterances = list(voice.utterances("Hello. You?", speed=0.8, seed=3))
    assert [[word.text for word in utterance.words] for utterance in utterances] == [["hello"], ["you"]]
    sounds = [np.concatenate(list(voice.utter(utterance, seed=3))) for utterance in utterances]
    np.testing.assert_array_equal(np.concatenate(sounds), voice.say("Hello. You?", speed=0.8, seed=3))
    for utterance, sound in zip(utterances, sounds, strict=True):
        assert [s.phone for s in utterance.segments if s.word is not None] == list(utterance.words[0].phones)
        assert utterance.segments[-1].stop == pytest.approx(len(sound) / voice.sample_rate)


def test_a_voice_comes_back_from_its_folder_and_speaks(voice: Voice, tmp_path: Path) -> None:
    voice.save(tmp_path / "voice", "float32")
    again = wavenet_jax.load_voice(tmp_path / "voice")
    assert again.card == "# Somebody\n"
    assert again.lexicon.own == voice.lexicon.own
    sound = voice.say("Hello. You?", seed=3)
    np.testing.assert_array_equal(again.say("Hello. You?", seed=3), sound)
    np.testing.assert_array_equal(again.say("HH AH0 L OW1. Y UW1?", phones=True, seed=3), sound)
    assert len(again.say("Hello. You?", speed=0.5)) > 1.5 * len(sound)
    with pytest.raises(ValueError, match="is not a voice folder"):
        wavenet_jax.load_voice(tmp_path)


def test_a_voice_is_made_anew_with_other_lengths_and_another_range(voice: Voice, tmp_path: Path) -> None:
    voice.save(tmp_path, "float32")
    slow = make_voice(tmp_path, tmp_path / "vocoder", card="# Slow\n", length_scale=2, pitch_range=0.5)
    sharp = make_voice(tmp_path, tmp_path / "vocoder", spectral_contrast=2).acoustic.config
    assert sharp.acoustic == dataclasses.replace(voice.acoustic.config.acoustic, spectral_contrast=2)
    assert slow.acoustic.config.acoustic.flow_temperature == voice.acoustic.config.acoustic.flow_temperature
    (told,) = slow.utterances("You?", seed=3)
    (asked,) = voice.utterances("You?", speed=0.5, pitch_range=0.5, seed=3)
    assert told.segments == asked.segments
    np.testing.assert_array_equal(told.features, asked.features)
    slow.save(tmp_path / "slow", "float32")
    (again,) = wavenet_jax.load_voice(tmp_path / "slow").utterances("You?", seed=3)
    np.testing.assert_array_equal(again.features, told.features)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "...",
        "😀",
        "привет мир",
        "\x00\x1b[31m\x7f",
        "<speak><break time='9999s'/>A.</speak>",
        "{HH QQ}",
        "9" * 2_000,
    ]
    + [part * (100_000 // len(part)) for part in ("word ", "x", "Oh. ")],
    ids=range(11),
)
def test_any_text_is_spoken_or_refused_in_a_line(voice: Voice, text: str) -> None:
    refusal, pieces = "", []
    try:
        pieces = list(itertools.islice(voice.stream(text), 4))  # the rest is made when it is asked for
    except ValueError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert sum(map(len, pieces)) or refusal
    assert all(np.isfinite(piece).all() for piece in pieces)


def test_a_table_of_texts_is_spoken_into_a_folder(voice: Voice, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    voice.save(tmp_path / "voice")
    (tmp_path / "table.tsv").write_text("clip\ttext\na/one\tHello.\ntwo\tYou?\nno\t...\n", encoding="utf-8")
    arguments = ["say", f"--voice={tmp_path / 'voice'}", f"--table={tmp_path / 'table.tsv'}", f"--output={tmp_path}"]
    with pytest.raises(SystemExit, match="0"):
        flags.run(say.main, arguments)
    output = capsys.readouterr()
    assert [json.loads(line)["file"] for line in output.out.splitlines()] == [
        str(tmp_path / "a" / "one.wav"),
        str(tmp_path / "two.wav"),
    ]
    assert "no is left out" in output.err
    with pytest.raises(SystemExit, match="1"):
        flags.run(say.main, [*arguments, "--clips=two"])
    assert "exists" in capsys.readouterr().err


def test_the_voice_in_the_box_says_a_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voice = wavenet_jax.load_voice()
    assert "CC BY-SA 3.0" in voice.card
    sound = voice.say("Hello.")
    assert 0.4 < len(sound) / voice.sample_rate < 2
    assert 0.02 < np.sqrt(np.mean(sound**2)) < 0.5
    monkeypatch.setattr("wavenet_jax.voice.DEFAULT_VOICE", tmp_path)
    with pytest.raises(ValueError, match="the package has no voice"):
        wavenet_jax.load_voice()


def test_text_is_spoken_from_the_command_line(
    voice: Voice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    voice.save(tmp_path / "voice")
    arguments = ["say", f"--voice={tmp_path / 'voice'}", f"--output={tmp_path / 'a.wav'}"]
    with pytest.raises(SystemExit, match="0"):
        flags.run(say.main, [*arguments, "--text=Hello."])
    first = json.loads(capsys.readouterr().out)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"Hello.\xff")))
    with pytest.raises(SystemExit, match="0"):
        flags.run(say.main, [*arguments, "--text_file=-", "--overwrite"])
    assert json.loads(capsys.readouterr().out)["seconds"] >= first["seconds"]
    with pytest.raises(SystemExit, match="1"):
        flags.run(say.main, [*arguments, "--overwrite", "--text=..."])
    assert "error: the text has nothing that can be spoken" in capsys.readouterr().err
