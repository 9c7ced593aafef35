"""Texts of any kind, in every language."""

import pytest
from hypothesis import given, settings

from tests.text.hostile import HOSTILE, NOTHING, PARTS, check_spoken_or_refused
from wavenet_jax.text import LANGUAGES, Lexicon, sentences

EVERY_LANGUAGE = pytest.mark.parametrize(
    "lexicon", [Lexicon(language=LANGUAGES[code]) for code in LANGUAGES], ids=LANGUAGES
)


@EVERY_LANGUAGE
@pytest.mark.parametrize("text", NOTHING)
def test_a_text_without_anything_to_speak_is_refused(text: str, lexicon: Lexicon) -> None:
    with pytest.raises(ValueError, match="nothing that can be spoken"):
        list(sentences(text, lexicon))


@EVERY_LANGUAGE
@given(text=HOSTILE)
@settings(max_examples=60, deadline=None)
def test_any_text_is_spoken_or_refused(text: str, lexicon: Lexicon) -> None:
    check_spoken_or_refused(text, lexicon)


@pytest.mark.slow
@EVERY_LANGUAGE
@given(text=HOSTILE)
@settings(max_examples=5_000, deadline=None)
def test_any_text_is_spoken_or_refused_often(text: str, lexicon: Lexicon) -> None:
    check_spoken_or_refused(text, lexicon)


@pytest.mark.slow
@EVERY_LANGUAGE
@pytest.mark.parametrize("part", PARTS)
def test_a_hundred_thousand_characters_are_spoken(part: str, lexicon: Lexicon) -> None:
    check_spoken_or_refused(part * (100_000 // len(part)), lexicon)
