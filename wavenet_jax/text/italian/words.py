"""Pronunciations of Italian words and letters."""

import functools
import re
from collections.abc import Mapping

from wavenet_jax.text.italian.sounds import VOWELS, spoken
from wavenet_jax.text.italian.stress import is_excepted, marked
from wavenet_jax.text.phones import unstressed

Phones = tuple[str, ...]

LETTERS = {
    **{
        "A": "à",
        "B": "bì",
        "C": "cì",
        "D": "dì",
        "E": "é",
        "F": "èffe",
        "G": "gì",
        "H": "àcca",
        "I": "ì",
        "J": "ilùnga",
    },
    **{"K": "càppa", "L": "èlle", "M": "èmme", "N": "ènne", "O": "ò", "P": "pì", "Q": "cù", "R": "èrre", "S": "èsse"},
    **{"T": "tì", "U": "ù", "V": "vù", "W": "doppiavù", "X": "ìcs", "Y": "ìpsilon", "Z": "żèta"},
}
"""Names of the letters, with their marks."""

CLITICS = frozenset(
    "a ad ai agli al alla alle allo che chi ci col come con cui da dagli dai dal dalla dalle dallo de degli dei del "
    "della delle dello di e ed fra gli i il in la le lo ma me mi ne negli nei nel nella nelle nello o od per se si "
    "su sugli sui sul sulla "
    "sulle sullo te ti tra un un' una uno ve vi".split()
)
"""Words without stress, unless a clause ends with them."""

_GRAVE = str.maketrans("aeiou", "àèìòù")
_CLOSED = {"EH0": "E0", "OH0": "O0"}
_C = "[b-df-hj-np-tv-z]"
_FOREIGN = re.compile(
    rf"[jkwxy]|[^a-zàèéìíòóùú']|[chqvz]$|(?![lnrs]){_C}{_C}$|^s[fsz]{_C}|{_C}{{4}}|th|sh|ph|"
    rf"^(?!ch|gh|gn|qu|ps|pn|s|[bcdfgptv][lr]|sc){_C}{_C}|^({_C})\1|([a-z])\2\2|^[^{VOWELS}]+$"
)
"""Spellings that the rules do not cover."""


def knows(word: str) -> bool:
    """Tells whether a word in lower case is spelled by the rules of Italian, or is in a table."""
    return is_excepted(word) or not _FOREIGN.search(word.strip("'"))


def readings(word: str, own: Mapping[str, Phones]) -> dict[str, Phones]:
    """Returns the pronunciation of a word in lower case, or of a spelled letter in upper case."""
    if word[:1].isupper():
        return {"": own.get(word[0]) or spoken(LETTERS.get(word[0], "léttera"))}
    return {"": phones_of(word)}


def linked(word: str, phones: Phones, after: Phones) -> Phones:
    """Takes the stress of words that lean on the next one, and the openness of their vowels."""
    if word not in CLITICS or not after:
        return phones
    return tuple(_CLOSED.get(phone, phone) for phone in unstressed(phones))


@functools.lru_cache(maxsize=20_000)
def phones_of(word: str) -> Phones:
    """Pronounces a word in lower case; what an apostrophe cuts off belongs to what follows: l'amico.

    At the end of a word it stands for an accent, as where nobody can type one: perche', e'.
    """
    *before, last = [part for part in word.split("'") if part] or [word]
    if word.endswith("'") and last[-1] in "aeiou" and len(last) != 2:
        last = last[:-1] + ("é" if last.endswith(("che", "tre")) else last[-1].translate(_GRAVE))
    if before == ["gl"]:
        return ("LY", *phones_of(last))
    if any(letter in VOWELS for letter in last):
        return spoken("".join(before) + marked(last))
    letters = "".join((*before, last)).upper()
    return tuple(phone for letter in letters if letter.isalpha() for phone in spoken(LETTERS.get(letter, "léttera")))
