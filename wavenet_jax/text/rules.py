"""What a language brings: how it is written, and how its words sound."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from wavenet_jax.text.written import Writing

Phones = tuple[str, ...]


def first(readings: Mapping[str, Phones], before: str, after: str) -> Phones:
    """Chooses the usual pronunciation, whatever the words beside it."""
    return next(iter(readings.values()))


def unchanged(word: str, phones: Phones, after: Phones) -> Phones:
    """Leaves the phones of a word as they are, whatever follows."""
    return phones


class Rules(NamedTuple):
    """A language, as it is spoken."""

    writing: Writing
    abbreviations: re.Pattern
    """Finds, at the end of a text, one whose full stop ends no sentence."""
    knows: Callable[[str], bool]
    """Tells whether a word in lower case has a pronunciation that is not guessed."""
    readings: Callable[[str, Mapping[str, Phones]], dict[str, Phones]]
    """Returns the pronunciations of a word by part of speech, the usual one first, given those of the user."""
    chosen: Callable[[Mapping[str, Phones], str, str], Phones] = first
    """Chooses one by the word before and the one after, which are empty at the ends of a clause."""
    linked: Callable[[str, Phones, Phones], Phones] = unchanged
    """Changes the phones of a word before those of the next one in the same clause, which may be none."""
