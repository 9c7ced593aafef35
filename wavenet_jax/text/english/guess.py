"""Guesses English words outside the lexicon: letter by letter, each by its longest context in the table."""

from collections.abc import Mapping

from wavenet_jax.text.phones import with_one_stress

CONTEXTS = ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4))
"""Context sizes in the order in which they are tried: letters to the left, letters to the right."""

_EDGE = "#"


def key(letters: str, place: int, left: int, right: int) -> str:
    """Names a letter in its context, as ``#(p)h``; one edge mark stands on each side of the word."""
    around = f"{_EDGE}{letters}{_EDGE}"
    at = place + 1
    return f"{around[max(0, at - left) : at]}({around[at]}){around[at + 1 : at + 1 + right]}"


def guess(letters: str, table: Mapping[str, str]) -> tuple[str, ...]:
    """Guesses the phones of a word in lower case; at least one of its letters must be in the table."""
    phones: list[str] = []
    for place in range(len(letters)):
        for left, right in reversed(CONTEXTS):
            sound = table.get(key(letters, place, left, right))
            if sound is not None:
                phones += sound.split()
                break
    return with_one_stress(phones)
