"""Models that are told classes: speakers, and languages with phones of their own."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np
import pytest

import wavenet_jax
from experiments.support.alignment import aligned_for
from tests.acoustic.test_acoustic import CONFIG, HELLO, with_model
from tests.acoustic.test_languages import HOLA, trained
from wavenet_jax.acoustic import (
    AcousticDirectory,
    Speaker,
    TrainedAcoustic,
    check_vocoder,
    fitted,
    load_acoustic,
    with_classes_of,
)
from wavenet_jax.acoustic.beginning import begin_from, begun_anew
from wavenet_jax.acoustic.classes import narrowed
from wavenet_jax.acoustic.data import AcousticClips
from wavenet_jax.acoustic.model import parameter_shapes
from wavenet_jax.acoustic.symbols import COLUMNS, Inventory, symbols_of
from wavenet_jax.acoustic.training import train_events
from wavenet_jax.alignment import AlignedData, Alignment, Segment, joined_alignments
from wavenet_jax.config import DataConfig, RunConfig, WaveNetConfig
from wavenet_jax.data import ArraySource, Describer, open_source
from wavenet_jax.integrity import flatten, unflatten
from wavenet_jax.model import WaveNet
from wavenet_jax.runs import Trained
from wavenet_jax.text import ENGLISH, LANGUAGES, Lexicon, Sentence
from wavenet_jax.voice import Voice

SPANISH = LANGUAGES["es"]
CLASSES = ("language=en", "language=es", "speaker=ada", "speaker=bob")
PHONES = "tables_0/embedding"


CLASSED = with_model(condition_on_classes=True, classes=CLASSES)


def as_said(words: Sentence, seconds: float) -> Alignment:
    said: list[tuple[str, int | None]] = [("", None)]
    said += [(phone, place) for place, word in enumerate(words) for phone in word.phones] + [("", None)]
    edges = np.linspace(0, seconds, len(said) + 1).tolist()
    segments = [Segment(*which, a, b) for which, a, b in zip(said, edges[:-1], edges[1:], strict=True)]
    return Alignment(tuple(words), tuple(segments), -1.0)


def source_of(labels: Sequence[tuple[str, ...]], loudness: Sequence[float]) -> ArraySource:
    random = np.random.default_rng(0)
    clips = [random.normal(scale=scale, size=3_000).astype(np.float32) for scale in loudness]
    return ArraySource(clips, labels=labels)


def test_an_inventory_has_the_phones_of_all_languages_once() -> None:
    both = CLASSED.acoustic.inventory
    assert both == Inventory((ENGLISH, SPANISH), {"language": ("en", "es"), "speaker": ("ada", "bob")})
    assert set(both.phones) == {*ENGLISH.phones, *SPANISH.phones}
    assert both.sizes[0] == 2 + len(both.phones)
    assert both.sizes[COLUMNS:] == (3, 3)
    shapes = flatten(parameter_shapes(CLASSED))
    assert shapes[PHONES].shape[0] == both.sizes[0]
    assert [shapes[f"tables_{column}/embedding"].shape[0] for column in (4, 5)] == [3, 3]
    kinds = symbols_of(HOLA, both, CLASSED.class_ids(("language=es", "speaker=bob"))).kinds
    assert kinds.shape == (6, 6)
    assert (kinds[:, COLUMNS:] == (2, 2)).all()  # pauses, too
    assert Inventory().phones == ENGLISH.phones


def test_classes_of_speech_are_chosen_by_name() -> None:
    assert CLASSED.languages == (ENGLISH, SPANISH)
    assert CLASSED.chosen(("bob",)) == ("language=en", "speaker=bob")
    assert CLASSED.chosen(("es", "speaker=ada")) == ("language=es", "speaker=ada")
    assert CLASSED.language_of(("language=es", "speaker=ada")) == SPANISH
    assert CONFIG.chosen(()) == CONFIG.chosen(("en",)) == CONFIG.chosen(("language=en",)) == ()
    with pytest.raises(ValueError, match="a class of family 'speaker' is needed; give label=NAME, one of ada, bob"):
        CLASSED.chosen(("es",))
    with pytest.raises(ValueError, match="label 'speaker=carl' is no class; give one of language=en, "):
        CLASSED.chosen(("speaker=carl",))
    with pytest.raises(ValueError, match="two classes of family 'speaker', ada and bob; give one"):
        CLASSED.chosen(("ada", "bob"))
    same = with_model(condition_on_classes=True, classes=("a=x", "b=x"))
    with pytest.raises(ValueError, match="label 'x' is in several families; give one of a=x, b=x"):
        same.chosen(("x",))
    with pytest.raises(
        ValueError, match="label says 'es', and the voice speaks English alone, without classes; leave it out"
    ):
        CONFIG.chosen(("es",))


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"classes": ("language=en", "language=tlh")}, "must be codes of languages, en, es, it, got 'tlh'"),
        ({"classes": ("language=es", "language=it")}, "language must be one of the classes es, it, got en"),
        ({"classes": CLASSES, "condition_on_classes": False}, "classes are for condition_on_classes"),
        ({"classes": ("ada",)}, "classes must be of the form FAMILY=NAME, got 'ada'"),
    ],
)
def test_classes_that_cannot_be_are_refused(options: dict, refusal: str) -> None:
    with pytest.raises(ValueError, match=refusal):
        with_model(**{"condition_on_classes": True, **options})


def test_a_network_told_phones_has_no_classes() -> None:
    features = dataclasses.replace(CONFIG.features, local_features=("phones", "f0"))
    with pytest.raises(ValueError, match="condition_on_classes needs local_features=mel"):
        dataclasses.replace(CLASSED, features=features)


def test_folders_of_languages_are_to_be_called_so() -> None:
    clips = source_of([("class=en",), ("class=es",)], [0.1, 0.1])
    config = with_model(condition_on_classes=True)
    with pytest.raises(ValueError, match="family 'class' are codes of languages, en, es; call it language, so that"):
        config.with_classes(clips)
    named = source_of([("class=en",), ("class=ada",)], [0.1, 0.1])
    assert config.with_classes(named).acoustic.classes == ("class=ada", "class=en")


def test_a_voice_for_a_network_told_phones_speaks_one_language() -> None:
    features = dataclasses.replace(CONFIG.features, local_features=("phones", "f0"))
    vocoder = RunConfig(model=WaveNetConfig(sample_rate=8_000, features=features))
    fits = fitted(trained(with_model(condition_on_classes=True, classes=CLASSES[:2])), vocoder)
    check_vocoder(fits.config, vocoder)
    assert fits.config.acoustic.inventory == Inventory()
    assert Speaker(fits)(HELLO).shape[1] == features.channels
    with pytest.raises(ValueError, match="a class of family 'speaker' is needed; give label=NAME, one of ada, bob"):
        fitted(trained(CLASSED), vocoder)


def test_a_new_class_sounds_like_none_until_it_is_learned() -> None:
    config = with_model(condition_on_classes=True, classes=("speaker=ada", "speaker=bob"))
    model = trained(config)
    plain = flatten(model.params)
    silent = {path: 0 * table if path == "tables_4/embedding" else table for path, table in plain.items()}
    ada, bob = (Speaker(model)(HELLO, label=(name,)) for name in ("ada", "bob"))
    assert ada.shape != bob.shape or not np.array_equal(ada, bob)
    same = model._replace(params=unflatten(silent, model.params))
    without = TrainedAcoustic(
        CONFIG, {name: value for name, value in same.params.items() if name != "tables_4"}, model.step
    )
    np.testing.assert_array_equal(Speaker(same)(HELLO, label=("bob",)), Speaker(without)(HELLO))


def test_a_narrowed_model_speaks_as_it_did_with_its_classes() -> None:
    model = trained(CLASSED)
    bob = narrowed(model, ("bob",))
    assert bob.config.acoustic.classes == CLASSES[:2]
    assert narrowed(bob, ()) is bob
    for label, words in (("language=en", HELLO), ("language=es", HOLA)):
        before = Speaker(model)(words, label=(label, "speaker=bob"))
        np.testing.assert_allclose(Speaker(bob)(words, label=(label,)), before, atol=1e-4)
    spanish = narrowed(model, ("es", "ada"))
    assert spanish.config.language == SPANISH
    assert spanish.config.acoustic.inventory == Inventory((SPANISH,))
    assert not spanish.config.acoustic.condition_on_classes
    before = Speaker(model)(HOLA, label=("es", "ada"))
    np.testing.assert_allclose(Speaker(spanish)(HOLA), before, atol=1e-4)
    with pytest.raises(ValueError, match="label 'it' is no class"):
        narrowed(model, ("it",))


@pytest.mark.slow
def test_a_model_learns_how_each_speaker_sounds(tmp_path: Path) -> None:
    """One of two speakers, who say the same, is forty decibels louder."""
    labels = [("speaker=ada",), ("speaker=bob",)] * 2
    clips = source_of(labels, [0.2, 0.002] * 2)
    config = with_model(condition_on_classes=True, acoustic_dropout=0.0, row_frames=96, flow_channels=0)
    config = dataclasses.replace(
        config.with_classes(clips),
        train=dataclasses.replace(CONFIG.train, num_steps=300, save_every=300, validate_every=300),
    )
    assert config.acoustic.classes == ("speaker=ada", "speaker=bob")
    found = AlignedData({name: as_said(HELLO, 3_000 / 8_000) for name in clips.names}, {}, [], [], {})
    events = train_events(config, tmp_path, clips, source_of([], []), found, devices=jax.devices()[:1])
    with contextlib.closing(events):
        list(events)
    speaker = Speaker(load_acoustic(tmp_path))
    loud, soft = (speaker(HELLO, label=(name,))[:, :8].mean() for name in ("ada", "bob"))
    measured = AcousticClips(config, clips, found.clips, Describer(config.measured, clips))
    wanted = [measured.clip(number).frames[:, :8].mean() for number in range(2)]
    assert loud - soft > 0.5 * (wanted[0] - wanted[1]) > 0
    resumed = with_model(condition_on_classes=True)
    assert with_classes_of(AcousticDirectory(tmp_path), resumed).acoustic.classes == config.acoustic.classes
    assert with_classes_of(AcousticDirectory(tmp_path / "none"), resumed) == resumed


def test_a_model_of_one_language_begins_as_the_classes_of_another_said(tmp_path: Path) -> None:
    source = trained(CLASSED)
    assert begun_anew(CONFIG, source) == ()
    assert begin_from(CONFIG, tmp_path, source)
    begun, given = flatten(load_acoustic(tmp_path).params), flatten(source.params)
    both, english = CLASSED.acoustic.inventory.phones, ENGLISH.phones
    rows = [0, 1, *(2 + both.index(phone) for phone in english)]
    language, speakers = given["tables_4/embedding"], given["tables_5/embedding"]
    wanted = given[PHONES][rows] + language[1] + speakers[1:].mean(axis=0)
    np.testing.assert_allclose(begun[PHONES], wanted, rtol=1e-6)
    begun.pop(PHONES)
    for path, array in begun.items():
        np.testing.assert_array_equal(array, given[path])
    # English as no speaker in particular: what is said is what the model said before.
    one = with_model(condition_on_classes=True, classes=CLASSES[:2])
    begin_from(one, tmp_path / "languages", source)
    spoken = Speaker(load_acoustic(tmp_path / "languages"))(HELLO)
    np.testing.assert_allclose(spoken, Speaker(load_acoustic(tmp_path))(HELLO), atol=1e-4)


def test_classes_are_taken_by_their_names(tmp_path: Path) -> None:
    names = ("language=en", "language=it", "speaker=bob", "speaker=carl")
    config, source = with_model(CLASSED, classes=names), trained(CLASSED)
    assert begun_anew(config, source) == (
        "phones DZ, LY, OH, TS",
        "language=it",
        "speaker=carl",
    )
    begin_from(config, tmp_path, source)
    begun, given = flatten(load_acoustic(tmp_path).params), flatten(source.params)
    for path, row, old in [(4, 1, 1), (5, 1, 2)]:
        table = f"tables_{path}/embedding"
        np.testing.assert_array_equal(begun[table][row], given[table][old])
        assert not begun[table][2].any()
    mine, theirs = config.acoustic.inventory.phones, CLASSED.acoustic.inventory.phones
    np.testing.assert_array_equal(begun[PHONES][2 + mine.index("M")], given[PHONES][2 + theirs.index("M")])
    assert 0.2 < begun[PHONES][2 + mine.index("TS")].std() < 0.8


def test_a_voice_speaks_all_its_languages(tmp_path: Path) -> None:
    features = CONFIG.features
    model = WaveNetConfig(
        sample_rate=8_000, features=features, dilation_cycle=(1,), residual_channels=4, skip_channels=8
    )
    params = jax.device_get(WaveNet(model).init(jax.random.key(0), method="weights")["params"])
    vocoder = wavenet_jax.Run(RunConfig(model=model), Path("vocoder"), Trained(RunConfig(model=model), params, 1))
    config = with_model(condition_on_classes=True, classes=CLASSES[:2])
    own = Lexicon({"digium": ("D", "I1", "LL", "U0", "M")}, SPANISH)
    Voice(trained(config), vocoder, own, "# Two tongues\n").save(tmp_path)
    assert (tmp_path / "lexicon.es.txt").read_text() == "digium\tD I1 LL U0 M\n"
    voice = wavenet_jax.load_voice(tmp_path)
    assert voice.languages == (ENGLISH, SPANISH)
    assert voice.families == {"language": ("en", "es")}
    assert voice.lexicons[SPANISH].own == own.own
    assert voice.lexicon.own == {}
    (spanish,) = voice.utterances("Digium, perro.", label="es")
    assert [s.phone for s in spanish.segments if s.phone] == ["D", "I1", "LL", "U0", "M", "P", "E1", "RR", "O0"]
    assert spanish.labels == ("language=es",)
    (english,) = voice.utterances("You.")
    assert [s.phone for s in english.segments if s.phone] == ["Y", "UW1"]
    same = [next(iter(voice.sentences("{P AH0}", label=label))) for label in ((), "language=en")]
    assert same[0] == same[1]
    assert len(voice.say("Hola.", label="es", seed=1)) > 0
    with pytest.raises(ValueError, match="label 'it' is no class; give one of en, es"):
        voice.say("Ciao.", label="it")
    with pytest.raises(ValueError, match="speaks English and Spanish, got a lexicon of Italian"):
        Voice(voice.acoustic, vocoder, Lexicon(language=LANGUAGES["it"]))


def test_each_language_of_a_data_set_is_aligned_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("en/a", "en/b", "es/c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        wavenet_jax.write_wav(tmp_path / f"{name}.wav", 0.1 * np.sin(np.arange(8_000, dtype=np.float32)), 8_000)
    data = DataConfig(
        data_dir=(str(tmp_path),), label_from="pattern", label_pattern="^(?P<language>..)/", validation_fraction=0
    )
    config = dataclasses.replace(with_model(condition_on_classes=True), data=data)
    clips = open_source(data, config.measured, "train")
    config = config.with_classes(clips)
    seen = []

    def align(data: DataConfig, lexicon: Lexicon, progress: object, aligner: str, only: set[str]) -> AlignedData:
        seen.append((lexicon.language.code, sorted(only)))
        words = HELLO if lexicon.language == ENGLISH else HOLA
        return AlignedData(
            {name: as_said(words, 1.0) for name in only}, {}, [], [], {"hm": 1}, aligner, "was asked for"
        )

    monkeypatch.setattr("experiments.support.alignment.align", align)
    found = aligned_for(config, (clips,), None, "learned")
    assert seen == [("en", ["en/a.wav", "en/b.wav"]), ("es", ["es/c.wav"])]
    assert set(found.clips) == {"en/a.wav", "en/b.wav", "es/c.wav"}
    assert found.guessed == {"hm": 2}
    english = open_source(dataclasses.replace(data, include=("en/*",)), config.measured, "train")
    assert set(aligned_for(config, (english,), None, "learned").clips) == {"en/a.wav", "en/b.wav"}
    assert len(seen) == 3  # of two languages the model has, one alone is spoken
    assert joined_alignments([found]) is found
    described = AcousticClips(config, clips, found.clips, Describer(config.measured, clips))
    ids = {name: set(described.clip(n).symbols.kinds[:, COLUMNS]) for n, name in enumerate(described.names)}
    assert ids == {"en/a.wav": {1}, "en/b.wav": {1}, "es/c.wav": {2}}
