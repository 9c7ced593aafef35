"""Texts of any kind, and what must be true of all that is spoken of them."""

import re

from hypothesis import strategies as st

from wavenet_jax.text import PAUSE_MARKS, Language, Lexicon, Word, sentences
from wavenet_jax.text.phones import without_stress

PARTS = [
    "word ",
    "x",
    "1",
    "1,",
    "😀",
    "9:",
    "A.",
    "<a",
    "{",
    "-",
    "a'",
    "1/2",
    "$1.",
    "@a.",
    "é",
    "Sr. ",
    "1º",
    "uoi",
    "n",
]
"""What texts of a hundred thousand characters are made of."""

NOTHING = ["", " \n", "...!?", "\x00\x01", "[]", "\u200b\u202e", "<speak></speak>"]
"""Texts that nobody can speak."""

HOSTILE = st.text(
    st.one_of(
        st.sampled_from("aA.,!?-'\"<>/{}$€%°#@:;0123456789 \n\t eStDrNo\u0301\ud800😀½²ñÑéìºªqughIVX¿"), st.characters()
    ),
    max_size=600,
)


def check(found: list[tuple[Word, ...]], language: Language) -> None:
    assert found
    for sentence in found:
        assert 0 < len(sentence) <= 60
        assert PAUSE_MARKS.get(sentence[-1].mark) == "major" or len(sentence) == 60
        for word in sentence:
            assert word.mark in ("", *PAUSE_MARKS)
            assert word.phones
            assert len(word.phones) < 200
            assert {without_stress(phone) for phone in word.phones} <= set(language.phones)
            assert all((phone[-1] in "012") == (without_stress(phone) in language.vowels) for phone in word.phones)
            assert all(len(phone) - len(without_stress(phone)) <= 1 for phone in word.phones)


def check_spoken_or_refused(text: str, lexicon: Lexicon) -> None:
    refusal = None
    try:
        check(list(sentences(text, lexicon)), lexicon.language)
    except ValueError as error:
        refusal = str(error)
    assert refusal is None or re.fullmatch("(the text has nothing that can be spoken|phones must )[^\n]*", refusal)


def spoken(text: str, lexicon: Lexicon) -> str:
    """The words, each followed by its mark."""
    return " ".join(word.text + word.mark for sentence in sentences(text, lexicon) for word in sentence)


def phones(text: str, lexicon: Lexicon) -> str:
    return " ".join(phone for sentence in sentences(text, lexicon) for word in sentence for phone in word.phones)
