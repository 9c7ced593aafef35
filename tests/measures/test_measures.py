"""Measures: their best value for equal sounds, the order of known damages, known values, and what they refuse."""

import sys

import numpy as np
import pytest

from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import read_audio
from wavenet_jax.config import FeatureConfig
from wavenet_jax.measures import (
    MEASURES,
    YARDSTICKS,
    Clip,
    Material,
    Measure,
    MissingPackageError,
    NoValueError,
    Reading,
    Sound,
    Summary,
    summary,
    world,
)
from wavenet_jax.measures.words import spoken, word_errors

RATE = 16_000
LOG_MEL = LogMel(RATE, FeatureConfig())
MATERIAL = Material(LOG_MEL)
OF_COPIES = [name for name, kind in MEASURES.items() if kind.needs == ("reference",)]
TEXTS = [
    "you cannot reply",
    "reply to this message",
    "this message is new",
    "because the sender is busy",
    "the sender does not answer",
    "you do not have a mailbox",
    "the mailbox is full",
    "please enter your password",
    "thank you for calling",
    "goodbye",
]


@pytest.fixture(scope="module")
def speech() -> Sound:
    return Sound(read_audio("examples/speech/vm-nobox.flac", RATE), RATE)


@pytest.fixture(scope="module")
def damaged(speech: Sound) -> dict[str, Sound]:
    return {name: Sound(YARDSTICKS[name](speech, LOG_MEL), RATE) for name in ("mu_law", "world", "white_noise")}


def judged(name: str, sound: Sound, reference: Sound | None = None) -> float:
    return MEASURES[name](MATERIAL)(Clip("clip", sound, reference)).value


@pytest.mark.parametrize("name", OF_COPIES)
def test_equal_sounds_are_best_and_noise_is_worst(name: str, speech: Sound, damaged: dict[str, Sound]) -> None:
    kind: type[Measure] = MEASURES[name]
    values = [judged(name, sound, speech) for sound in (speech, damaged["mu_law"], damaged["white_noise"])]
    best = kind.range[kind.better == "higher"]
    assert values[0] == pytest.approx(best, abs=0.01)
    assert values == sorted(values, reverse=kind.better == "higher")
    assert abs(values[2] - values[0]) > 2 * abs(values[1] - values[0])
    assert all(kind.range[0] <= value <= kind.range[1] for value in values)


def test_a_copy_by_world_keeps_envelope_and_pitch(speech: Sound, damaged: dict[str, Sound]) -> None:
    assert len(damaged["world"]) == len(speech)
    for name in ("mel_cepstral_db", "voicing_error", "log_mel_db"):
        assert judged(name, damaged["world"], speech) < judged(name, damaged["white_noise"], speech) / 3
    assert judged("stoi", damaged["world"], speech) > 0.9


def test_pitch_is_told_in_cents() -> None:
    def voice(hertz: float) -> Sound:
        time = np.arange(RATE // 2) / RATE
        return Sound(sum(0.1 / k * np.sin(2 * np.pi * k * hertz * time) for k in range(1, 12)), RATE)

    assert judged("f0_error_cents", voice(200 * 2 ** (1 / 12)), voice(200)) == pytest.approx(100, abs=3)
    assert judged("voicing_error", voice(210), voice(200)) < 5
    assert judged("voicing_error", Sound(np.zeros(RATE // 2), RATE), voice(200)) > 80
    with pytest.raises(NoValueError, match="no frame is voiced in both"):
        judged("f0_error_cents", Sound(np.zeros(RATE // 2), RATE), voice(200))


def test_the_cepstrum_is_that_of_the_logarithm_of_the_amplitude(monkeypatch: pytest.MonkeyPatch) -> None:
    """An amplitude of exp(a cos 3w) on the mel scale has the coefficient a, and a distance of 10 / ln 10 sqrt(2) a."""

    def envelope(sound: Sound) -> np.ndarray:
        mel = np.log1p(np.linspace(0, RATE / 2, 513) / 700)
        place = np.clip((mel - np.log1p(40 / 700)) / (mel[-1] - np.log1p(40 / 700)), 0, 1)
        return np.tile(np.exp(2 * sound.waveform[0] * np.cos(3 * np.pi * place)), (2, 1))

    monkeypatch.setattr(world, "envelope", envelope)
    sounds = [Sound(np.full(4, height), RATE) for height in (1.0, 0.5)]
    assert world.cepstrum(sounds[0])[0, 3] == pytest.approx(1, abs=0.01)
    assert judged("mel_cepstral_db", *sounds) == pytest.approx(10 / np.log(10) * np.sqrt(2) * 0.5, rel=0.01)


@pytest.mark.parametrize(("name", "samples"), [("pesq", 2_000), ("stoi", 4_000), ("estoi", 4_000)])
def test_what_is_too_short_has_no_value(name: str, samples: int, speech: Sound) -> None:
    short = speech.cut(samples)
    with pytest.raises(NoValueError):
        judged(name, short, short)


def test_silence_has_no_spectral_convergence(speech: Sound) -> None:
    with pytest.raises(NoValueError, match="not silent"):
        judged("spectral_convergence", speech, Sound(np.zeros(len(speech)), RATE))


@pytest.mark.slow
def test_words_are_understood_in_speech_and_not_in_noise(speech: Sound, damaged: dict[str, Sound]) -> None:
    measure = MEASURES["word_error_rate"](Material(LOG_MEL, other_texts=TEXTS))
    text = "You cannot reply to this message, because the sender does not have a mailbox."
    found = measure(Clip("clip", speech, text=text))
    assert found.weight == 14
    assert found.value < 50
    assert measure(Clip("clip", damaged["white_noise"].cut(RATE), text=text)).value > 80
    assert found == measure(Clip("clip", speech, text=text))  # nothing of one clip is kept for the next
    assert measure.note == "a two-gram model of 10 other transcripts"
    with pytest.raises(NoValueError, match="has no words"):
        measure(Clip("clip", speech, text="..."))


def test_few_transcripts_make_no_language_model() -> None:
    with pytest.raises(ValueError, match="at least 10 other clips, got 1; .* use language_model=pocketsphinx"):
        MEASURES["word_error_rate"](Material(LOG_MEL, other_texts=["Goodbye.", "goodbye"]))


def test_words() -> None:
    assert spoken("...You don’t need 2 re-dial; DON'T!") == ["you", "don't", "need", "2", "re", "dial", "don't"]
    assert word_errors(["a", "b", "c"], ["a", "b", "c"]) == 0
    assert word_errors(["a", "b", "c"], ["a", "x", "c", "d"]) == 2
    assert word_errors(["a", "b", "c"], []) == 3
    assert word_errors([], ["a"]) == 1


@pytest.mark.parametrize("name", [name for name, kind in MEASURES.items() if kind.extra])
def test_a_missing_package_is_named_with_its_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = MEASURES[name]
    modules = ("pesq", "pystoi", "pyworld", "pocketsphinx", "speechmos.dnsmos", "torch", "distillmos", "resemblyzer")
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingPackageError, match=rf"^{name} needs \S+, which is .*: pip install wavenet-jax\[\w+\]$"):
        kind(MATERIAL)
    assert kind.extra in ("metrics", "mos")


@pytest.mark.parametrize("name", ["distillmos", "dnsmos"])
def test_speech_is_graded_above_noise(name: str, speech: Sound, damaged: dict[str, Sound]) -> None:
    try:
        measure = MEASURES[name](MATERIAL)
    except MissingPackageError as error:
        pytest.skip(str(error))
    real, noise = (measure(Clip("clip", sound)).value for sound in (speech, damaged["white_noise"]))
    assert 1 <= noise < real - 1 < real <= 5


def test_a_recording_is_in_the_voice_of_its_speaker(speech: Sound, damaged: dict[str, Sound]) -> None:
    other = Sound(read_audio("examples/speech/vm-mismatch.flac", RATE), RATE)
    try:
        measure = MEASURES["speaker_similarity"](Material(LOG_MEL, {"clip": lambda: speech, "other": lambda: other}))
    except MissingPackageError as error:
        pytest.skip(str(error))
    real, noise = (measure(Clip("clip", sound)).value for sound in (speech, damaged["white_noise"]))
    assert noise < 0.7 < real < 0.99  # its own recording is not compared with


def test_every_measure_describes_itself() -> None:
    for name, kind in MEASURES.items():
        assert kind.name == name
        assert kind.range[0] < kind.range[1]
        assert kind.purpose
        assert kind.unit in ("", "MOS", "dB", "%", "cents")


def test_means_have_intervals() -> None:
    found = summary([Reading(1), Reading(2), Reading(3)], (0, 10))
    assert found.mean == 2
    assert found.high == pytest.approx(2 + 4.3027 / np.sqrt(3), rel=1e-4)  # Student's t with two degrees of freedom
    assert (found.low, found.clips) == (0, 3)  # cut to the range
    assert summary([Reading(1.5)], (0, 10)) == Summary(1.5, None, None, 1)
    rates = summary([Reading(50, 2), Reading(0, 8)], (0, 100))
    assert rates.mean == 10  # one wrong of ten
    assert (rates.low, rates.high) == (0, 100)  # two clips say little
    equal = summary([Reading(10, 2), Reading(10, 8)], (0, 100))
    assert equal == Summary(10, 10, 10, 2)
