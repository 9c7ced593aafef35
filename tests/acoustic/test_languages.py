"""Models of other languages: their inventory, what they begin from, and what they refuse."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import pytest

import wavenet_jax
from experiments import align as program
from experiments.support import flags
from tests.acoustic.test_acoustic import CONFIG, HELLO, with_model
from wavenet_jax.acoustic import AcousticRunConfig, Speaker, TrainedAcoustic, load_acoustic
from wavenet_jax.acoustic.beginning import begin_from, begun_anew
from wavenet_jax.acoustic.model import parameter_shapes
from wavenet_jax.acoustic.symbols import Inventory, symbols_of
from wavenet_jax.config import FeatureConfig, RunConfig, WaveNetConfig
from wavenet_jax.config.options import from_json, to_json
from wavenet_jax.integrity import flatten
from wavenet_jax.model import WaveNet
from wavenet_jax.runs import Trained
from wavenet_jax.text import ENGLISH, LANGUAGES, Lexicon, Word, sentences
from wavenet_jax.voice import Voice

SPANISH = LANGUAGES["es"]
HOLA = (Word("perro", ("P", "E1", "RR", "O0"), "."),)


def of_language(code: str) -> AcousticRunConfig:
    return with_model(language=code)


def trained(config: AcousticRunConfig) -> TrainedAcoustic:
    random = np.random.default_rng(0)
    shapes = parameter_shapes(config)
    params = jax.tree.map(lambda leaf: random.normal(scale=0.1, size=leaf.shape).astype(np.float32), shapes)
    return TrainedAcoustic(config, params, 7)


@pytest.mark.parametrize("code", LANGUAGES)
def test_the_table_of_phones_is_the_inventory_of_the_language(code: str) -> None:
    language = LANGUAGES[code]
    table = flatten(parameter_shapes(of_language(code)))["tables_0/embedding"]
    assert table.shape == (len(language.phones) + 2, CONFIG.acoustic.phone_channels)
    said = next(iter(sentences("1 2 3. A, e, i, o, u.", Lexicon(language=language))))
    kinds = symbols_of(said, Inventory((language,))).kinds
    assert (kinds < Inventory((language,)).sizes).all()
    phones = [language.phones[number - 2] for number in kinds[:, 0] if number > 1]
    assert phones == [phone.rstrip("012") for word in said for phone in word.phones]


def test_phones_of_another_language_are_named() -> None:
    assert symbols_of(HOLA, Inventory((SPANISH,))).kinds.shape == (6, 4)
    with pytest.raises(ValueError, match="RR is no phone of English, .* give a text of that language"):
        symbols_of((Word("rro", ("RR", "O")),))
    with pytest.raises(ValueError, match="HH is no phone of Spanish"):
        Speaker(trained(of_language("es"))).utter(HELLO)


def test_a_config_without_a_language_is_of_english() -> None:
    text = to_json(CONFIG)
    assert '    "language": "en",\n' in text
    assert from_json(AcousticRunConfig, text.replace('    "language": "en",\n', "")) == CONFIG
    with pytest.raises(ValueError, match="language must be one of en, es.* got 'de'"):
        of_language("de")


def test_phones_in_place_of_log_mel_are_those_of_english() -> None:
    features = FeatureConfig(local_features=("phones", "f0"))
    assert dataclasses.replace(CONFIG, features=features).language == ENGLISH
    with pytest.raises(ValueError, match="phones describes the phones of English, got language=es; give local_f"):
        dataclasses.replace(of_language("es"), features=features)


def test_a_model_of_another_language_gives_all_but_its_phones(tmp_path: Path) -> None:
    config, english = of_language("es"), trained(CONFIG)
    assert begun_anew(CONFIG, english) == ()
    (anew,) = begun_anew(config, english)
    assert anew == "phones A, E, I, LL, NY, O, RR, U, X"
    assert begin_from(config, tmp_path, english)
    assert not begin_from(config, tmp_path, english)
    begun, given = flatten(load_acoustic(tmp_path).params), flatten(english.params)
    table, old = begun.pop("tables_0/embedding"), given["tables_0/embedding"]
    for name in begun:
        np.testing.assert_array_equal(begun[name], given[name])
    assert table.shape == (len(SPANISH.phones) + 2, CONFIG.acoustic.phone_channels)
    row = {phone: 2 + n for n, phone in enumerate(SPANISH.phones)}
    np.testing.assert_array_equal(table[row["M"]], old[2 + ENGLISH.phones.index("M")])
    new = table[[row[phone] for phone in anew.removeprefix("phones ").split(", ")]]
    assert 0.3 < new.std() < 0.7  # random, as at any start
    smaller = with_model(config, length_channels=3)
    with pytest.raises(ValueError, match="init_from has a model of other layers: length_in"):
        begin_from(smaller, tmp_path / "other", english)


def test_a_voice_knows_its_language_from_its_model(tmp_path: Path) -> None:
    model = RunConfig(
        model=WaveNetConfig(
            sample_rate=8_000, features=CONFIG.features, dilation_cycle=(1,), residual_channels=4, skip_channels=8
        )
    )
    params = jax.device_get(WaveNet(model.model).init(jax.random.key(0), method="weights")["params"])
    vocoder = wavenet_jax.Run(model, Path("vocoder"), Trained(model, params, 1))
    own = {"digium": ("D", "I1", "LL", "U0", "M")}
    Voice(trained(of_language("es")), vocoder, Lexicon(own, SPANISH)).save(tmp_path)
    voice = wavenet_jax.load_voice(tmp_path)
    assert voice.language == voice.lexicon.language == SPANISH
    assert voice.lexicon.own == own
    (utterance,) = voice.utterances("Digium, perro {RR I1}.")
    phones = [segment.phone for segment in utterance.segments if segment.phone]
    assert phones == [*own["digium"], "P", "E1", "RR", "O0", "RR", "I1"]
    with pytest.raises(ValueError, match="the acoustic model speaks Spanish, got a lexicon of English"):
        Voice(voice.acoustic, vocoder, Lexicon())


def test_the_voice_of_the_package_is_english() -> None:
    assert wavenet_jax.load_voice().language == ENGLISH


def test_pocketsphinx_is_not_asked_for_another_language(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "transcripts.tsv").write_text("clip\ttext\na\thola\n")
    wavenet_jax.write_wav(tmp_path / "a.wav", np.zeros(8_000, np.float32), 8_000)
    with pytest.raises(SystemExit, match="1"):
        flags.run(program.main, ["align", f"--data_dir={tmp_path}", "--language=es", "--aligner=forced"])
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: pocketsphinx knows the sounds of English alone, got language=es; give --aligner=learned"
    )
