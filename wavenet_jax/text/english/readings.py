"""Chooses among the pronunciations of an English word by its part of speech, which the neighbouring words suggest."""

from collections.abc import Mapping, Sequence

from wavenet_jax.text.languages import ENGLISH
from wavenet_jax.text.phones import without_stress

Phones = tuple[str, ...]

_BEFORE = {
    **dict.fromkeys("to will would can could shall should may might must do does did let's please".split(), "VB"),
    **dict.fromkeys(
        "don't doesn't didn't won't can't couldn't wouldn't shouldn't i you we they who let cannot".split(), "VB"
    ),
    **dict.fromkeys("have has had having i've you've we've they've".split(), "VBD"),
    **dict.fromkeys("is are was were be been being am i'm you're we're they're it's that's very so".split(), "JJ"),
    **dict.fromkeys("the a an this that these those my your his her its our their no some any".split(), "NN"),
    **dict.fromkeys("of in on at for with from by new first last next one two each every".split(), "NN"),
}
"""The most likely part of speech after each of these words."""

_OBJECTS = frozenset("the a an this that these those my your his her its our their it them me us him all".split())
"""Words before which one that begins a clause is a verb, as in: record your message."""

_JOINS = frozenset("and or then also now to".split())

_LIKELIHOODS = {
    "VB": ("VB",),
    "VBD": ("VBD", "VB"),
    "JJ": ("JJ", "VBD", "RB"),
    "NN": ("NN", "JJ", "DT"),
}
"""For each part of speech, the entries to use instead where it has none of its own."""


def read(readings: Mapping[str, Phones], before: str, after: str) -> Phones:
    """Chooses a pronunciation.

    Args:
      readings: by part of speech, the usual one first.
      before: the word before, empty at the start of a clause.
      after: the word after it, empty at the end of a clause.
    """
    usual = next(iter(readings.values()))
    if len(readings) == 1:
        return usual
    role = "VB" if after in _OBJECTS and (not before or before in _JOINS) else _BEFORE.get(before)
    if role == "NN" and next(iter(readings)) == "JJ":  # a real problem
        return usual
    for likely in _LIKELIHOODS.get(role or "", ()):
        if likely in readings:
            return readings[likely]
    return usual


def linked(word: str, phones: Phones, after: Sequence[str]) -> Phones:
    """Changes "the" and "to" before the phones of what follows in the same clause, which may be none."""
    vowel_follows = bool(after) and without_stress(after[0]) in ENGLISH.vowels
    if word == "the" and vowel_follows:
        return ("DH", "IY0")
    if word == "to" and (vowel_follows or not after):
        return ("T", "UW1")
    return phones
