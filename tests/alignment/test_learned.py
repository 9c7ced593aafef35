"""Alignment by models that are learned from the clips, on sounds whose boundaries are known."""

import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import align as program
from experiments.support import flags
from wavenet_jax.alignment import Alignment, align, clips, learn
from wavenet_jax.alignment.learned import PASSES, SAMPLE_RATE, LearnedAligner
from wavenet_jax.alignment.search import STATES, Chain, best_places, chain_of, groups, occupancies
from wavenet_jax.audio.wav import write_wav
from wavenet_jax.config import DataConfig
from wavenet_jax.text import LANGUAGES, Lexicon, Word

TONES = {"ɑ": (300, 900), "ɲ": (250, 2_300), "ʃ": (3_500, 4_100), "œ": (500, 1_500)}
"""Phones of no English model, each a sound of two frequencies in Hz."""

WORDS = [
    Word("un", ("ɑ", "ɲ")),
    Word("deux", ("ʃ", "œ", "ɲ")),
    Word("trois", ("œ", "ʃ", "ɑ")),
    Word("quatre", ("ɲ", "ʃ")),
]


def _tone(phone: str, seconds: float, random: np.random.Generator) -> np.ndarray:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = random.uniform(0.97, 1.03)
    return sum(0.1 * np.sin(2 * np.pi * pitch * hz * time + random.uniform(0, 6)) for hz in TONES[phone])


def _said(random: np.random.Generator) -> tuple[np.ndarray, list[Word], list[float]]:
    """Makes a clip of some words with pauses after a third of them: its waveform, words, and starts of its phones."""
    words = [WORDS[number] for number in random.integers(len(WORDS), size=6)]
    pieces, starts, length = [np.zeros(round(random.uniform(0.1, 0.3) * SAMPLE_RATE))], [], 0
    for word in words:
        for phone in word.phones:
            starts.append(sum(map(len, pieces)) / SAMPLE_RATE)
            pieces.append(_tone(phone, random.uniform(0.06, 0.2), random))
        if random.random() < 1 / 3:
            pieces.append(np.zeros(round(random.uniform(0.1, 0.3) * SAMPLE_RATE)))
    waveform = np.concatenate([*pieces, np.zeros(2_000)])
    length = len(waveform)
    return waveform + random.normal(scale=2e-3, size=length), words, starts


@pytest.fixture(scope="module")
def said() -> list[tuple[np.ndarray, list[Word], list[float]]]:
    random = np.random.default_rng(0)
    return [_said(random) for _ in range(20)]


@pytest.fixture(scope="module")
def aligner(said: list[tuple[np.ndarray, list[Word], list[float]]]) -> LearnedAligner:
    passes: list[int] = []
    made = learn([words for _, words, _ in said], lambda clip: said[clip][0], passes.append)
    assert passes == list(range(1, PASSES + 1))
    return made


def _aligned(aligner: LearnedAligner, clip: tuple[np.ndarray, list[Word], list[float]]) -> Alignment:
    found = aligner(clip[0], clip[1])
    assert found is not None
    return found


def test_boundaries_of_a_language_that_no_model_knows_are_found(
    said: list[tuple[np.ndarray, list[Word], list[float]]], aligner: LearnedAligner
) -> None:
    errors = []
    for clip in said:
        found = _aligned(aligner, clip)
        assert [s.phone for s in found.segments if s.phone] == [phone for word in clip[1] for phone in word.phones]
        assert found.segments[0].phone == ""
        errors += [abs(s.start - true) for s, true in zip((s for s in found.segments if s.phone), clip[2], strict=True)]
    assert np.median(errors) < 0.01
    assert np.mean(np.array(errors) < 0.02) > 0.95


def test_pauses_are_where_they_are_made(
    said: list[tuple[np.ndarray, list[Word], list[float]]], aligner: LearnedAligner
) -> None:
    for clip in said[:5]:
        for segment in _aligned(aligner, clip).segments:
            middle = clip[0][round((segment.start + 0.01) * SAMPLE_RATE) : round((segment.stop - 0.01) * SAMPLE_RATE)]
            assert len(middle) == 0 or (np.abs(middle).std() < 0.01) == (segment.phone == "")


def test_other_words_fit_worse(said: list[tuple[np.ndarray, list[Word], list[float]]], aligner: LearnedAligner) -> None:
    for (waveform, words, _), (_, others, _) in zip(said[:5], said[5:10], strict=True):
        assert words != others
        right, wrong = aligner(waveform, words), aligner(waveform, others)
        assert right is not None
        assert wrong is None or wrong.score < right.score - 0.5


def test_stress_changes_nothing_and_what_is_too_short_does_not_fit(
    said: list[tuple[np.ndarray, list[Word], list[float]]], aligner: LearnedAligner
) -> None:
    waveform, words, _ = said[0]
    stressed = [word._replace(phones=tuple(phone + "1" for phone in word.phones)) for word in words]
    found, plain = aligner(waveform, stressed), aligner(waveform, words)
    assert found is not None
    assert plain is not None
    assert found.score == plain.score
    assert [s[1:] for s in found.segments] == [s[1:] for s in plain.segments]
    phones = sum(len(word.phones) for word in words)
    assert aligner(waveform[: (3 * phones - 1) * SAMPLE_RATE // 100], words) is None
    assert aligner(waveform[: 3 * phones * SAMPLE_RATE // 100], words) is not None


def test_too_little_speech_is_refused_in_one_line() -> None:
    waveform, words, _ = _said(np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"40 seconds of speech at least, .* have \d+; add recordings"):
        learn([words] * 3, lambda clip: waveform)


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_the_best_way_is_monotone_and_covers_the_clip(data: st.DataObject) -> None:
    words = data.draw(st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=4), min_size=1, max_size=4))
    chain = chain_of(words)
    frames = data.draw(st.integers(chain.least_frames, 128))
    random = np.random.default_rng(data.draw(st.integers(0, 100)))
    likelihoods = random.normal(scale=5, size=(frames, 4 * STATES)).astype(np.float32)
    (group,) = groups([chain], [frames], most_rows=1)
    places = np.asarray(best_places(group.padded([likelihoods]), group.rows))[0, :frames]
    last = len(chain.states) - 1
    assert places[0] in (0, STATES)
    assert places[-1] in (last, last - STATES)
    moves = np.diff(places)
    assert set(moves) <= {0, 1, STATES + 1}
    assert all(chain.jumps[place] for place in places[1:][moves > 1])
    spoken = np.flatnonzero(chain.states >= STATES)
    assert set(spoken) <= set(places)


def _all_ways(chain: Chain, frames: int) -> list[list[int]]:
    """Lists every way through a chain, frame by frame."""
    last = len(chain.states) - 1
    ways = [[0], [STATES]]
    for _ in range(frames - 1):
        moved = []
        for way in ways:
            at = way[-1]
            jumps = [at + STATES + 1] if at + STATES + 1 <= last and chain.jumps[at + STATES + 1] else []
            moved += [[*way, to] for to in (at, *([at + 1] if at < last else []), *jumps)]
        ways = moved
    return [way for way in ways if way[-1] in (last, last - STATES)]


def test_the_search_agrees_with_a_list_of_all_ways() -> None:
    chain = chain_of([[1], [2]])
    frames = 9
    likelihoods = np.random.default_rng(3).normal(scale=2, size=(frames, 3 * STATES)).astype(np.float32)
    ways = _all_ways(chain, frames)
    scores = []
    for way in ways:
        pauses = sum(1 for before, at in zip([-1, *way], way, strict=False) if chain.states[at] == 0 and at != before)
        heard = likelihoods[np.arange(frames), chain.states[way]].sum()
        scores.append(
            heard + pauses * np.log(0.2) + (3 - pauses - (way[-1] < len(chain.states) - STATES)) * np.log(0.8)
        )
    shares = np.exp(np.array(scores) - np.logaddexp.reduce(scores))
    expected = np.zeros_like(likelihoods)
    for way, share in zip(ways, shares, strict=True):
        expected[np.arange(frames), chain.states[way]] += share
    (group,) = groups([chain], [frames], most_rows=2)
    padded = group.padded([likelihoods])
    np.testing.assert_array_equal(best_places(padded, group.rows)[0, :frames], ways[int(np.argmax(scores))])
    found = np.asarray(occupancies(jnp.asarray(padded), group.rows))
    np.testing.assert_allclose(found[0, :frames], expected, atol=1e-4)
    assert not found[0, frames:].any()


class _Foreign(Lexicon):
    """Pronounces all words with the phones of TONES."""

    def __init__(self) -> None:
        super().__init__(language=LANGUAGES["es"])

    def readings(self, word: str) -> dict[str, tuple[str, ...]]:
        phones = sorted(TONES)
        return {"": tuple(phones[ord(letter) % len(phones)] for letter in word)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder of 24 clips of known words, of which every clip but the first says what its text has."""
    made = tmp_path_factory.mktemp("foreign")
    random, lexicon = np.random.default_rng(1), _Foreign()
    rows = ["clip\ttext\n"]
    for number in range(24):
        spoken = " ".join(random.choice(["alba", "cede", "bacca", "dedal", "ecla"], size=5))
        pieces = [_tone(p, 0.1, random) for word in spoken.split() for p in lexicon.readings(word)[""]]
        waveform = np.concatenate([np.zeros(2_000), *pieces, np.zeros(2_000)])
        write_wav(str(made / f"{number:02}.wav"), waveform + random.normal(scale=2e-3, size=len(waveform)), SAMPLE_RATE)
        rows.append(f"{number:02}\t{spoken} {'(ecla dedal cede)' if number == 3 else ''}\n")
    (made / "transcripts.tsv").write_text("".join(rows))
    return made


def test_a_folder_is_learned_from_once_until_it_changes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[int] = []

    def counted(said: Sequence[Sequence[Word]], *arguments: object) -> LearnedAligner:
        learned.append(len(said))
        return learn(said, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(clips, "learn", counted)
    data = DataConfig(data_dir=(str(folder),), cache_dir=str(tmp_path / "cache"))
    steps: list[tuple[int, int]] = []
    first = align(data, _Foreign(), lambda *step: steps.append(step))
    assert first.aligner == "learned"
    assert first.why == "was chosen, as pocketsphinx does not know the sounds of Spanish"
    assert steps == [(step, PASSES + 24) for step in range(1, PASSES + 25)]
    assert len(first.clips) + len(first.doubtful) == 24
    aside = {**first.clips, **first.doubtful}["03.wav"]
    assert len(aside.words) == 5  # what is in parentheses is not said
    assert align(data, _Foreign()) == first
    assert learned == [24]
    table = folder / "transcripts.tsv"
    before = table.read_text()
    table.write_text(before.replace("(ecla dedal cede)", ""))
    align(data, _Foreign())
    table.write_text(before)
    assert learned == [24, 24]


def test_auto_takes_pocketsphinx_where_it_can(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    found = importlib.util.find_spec
    data = DataConfig(data_dir=(str(folder),), cache_dir=str(tmp_path / "cache"))
    there = True

    def find_spec(name: str) -> object:
        return (object() if there else None) if name == "pocketsphinx" else found(name)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    monkeypatch.setattr(clips, "Aligner", lambda: lambda waveform, words: None)
    with pytest.raises(ValueError, match="no clip of data_dir"):  # the aligner above was asked
        align(data)
    there = False
    with pytest.raises(SystemExit) as ended:
        flags.run(program.main, ["align", f"--data_dir={folder}", f"--cache_dir={tmp_path / 'other'}"])
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["aligner"] == "learned"
    assert "aligned with aligner=learned, which was chosen, as pocketsphinx is missing" in said.err


def test_an_unknown_aligner_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="aligner must be one of auto, forced, learned, got 'best'; choose another"):
        align(DataConfig(data_dir=(str(folder),)), aligner="best")
