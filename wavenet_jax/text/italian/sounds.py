"""From Italian spelling to phones.

What spelling leaves open is told by marks, as in dictionaries: an accent on the stressed vowel, grave where e and o are
open and acute where they are closed; ż for a voiced z and ź for a voiceless one, ṡ and ś for s; ġ for the hard g of
negligente. Rules put the accent, unless the word has one or the table of exceptions (``build_italian``) has the word.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

Phones = tuple[str, ...]

VOWELS = "aeiouàèéìíòóùú"
ACCENTS = "àèéìíòóùú"
_PLAIN = str.maketrans(
    {**dict(zip(ACCENTS, "aeeiioouu", strict=True)), "ż": "z", "ź": "z", "ṡ": "s", "ś": "s", "ġ": "g"}
)
_V, _FRONT = f"[{VOWELS}]", "(?=[eièéìí])"
_C = "[b-df-hj-np-tv-zżźṡśġ]"


class Sound(NamedTuple):
    """A phone, or a vowel as it is written, and the place of its letter."""

    text: str
    place: int

    @property
    def is_vowel(self) -> bool:
        return len(self.text) == 1 and self.text in VOWELS


_SPELLINGS = tuple(
    (re.compile(pattern), tuple(phones.split()))
    for pattern, phones in (
        (_V, "*"),
        (rf"cci(?={_V})", "CH CH"),
        (rf"ggi(?={_V})", "JH JH"),
        (rf"cc{_FRONT}", "CH CH"),
        (rf"gg{_FRONT}", "JH JH"),
        (rf"cqu(?={_V})", "K K W"),
        (rf"qu(?={_V})", "K W"),
        (rf"gu(?={_V})", "G W"),
        (r"cch|ck|kk|cc|qq", "K K"),
        (rf"(?<={_V})sci(?=[aeouàèéòóùú])", "SH SH"),
        (rf"(?<={_V})sc{_FRONT}", "SH SH"),
        (r"sci(?=[aeouàèéòóùú])", "SH"),
        (rf"sc{_FRONT}", "SH"),
        (r"sch", "S K"),
        (rf"ci(?={_V})", "CH"),
        (rf"c{_FRONT}", "CH"),
        (r"ch|c|k|q", "K"),
        (rf"(?<={_V})gli(?={_V})", "LY LY"),
        (r"\bgli(?=el|en|\b)", "LY i"),
        (rf"(?<=r)gli(?={_V})|(?<=r)gl(?=[iìí])", "LY"),
        (rf"(?<={_V})gl(?=[iìí])", "LY LY"),
        (rf"(?<={_V})gn", "NY NY"),
        (r"gn", "NY"),
        (r"ggh", "G G"),
        (r"gh|ġ", "G"),
        (rf"gi(?={_V})", "JH"),
        (rf"g{_FRONT}", "JH"),
        (r"gg", "G G"),
        (r"g", "G"),
        (r"ph", "F"),
        (r"sh", "SH"),
        (r"ss", "S S"),
        (r"ṡ", "Z"),
        (r"ś", "S"),
        (r"(?<=anta)s(?=[eèé][it])|(?<=venti)s(?=[eèé][it])", "S"),
        (rf"(?<={_V})s(?={_V})", "Z"),
        (r"s(?=[bdgġlmnrv])", "Z"),
        (r"s", "S"),
        (r"żz", "DZ DZ"),
        (rf"(?<={_V})ż(?={_V})", "DZ DZ"),
        (r"ż", "DZ"),
        (r"(?<=i)zz(?=[aàoò](?:r|t|n|z|m|v|ss|\b))|(?<=i)zz(?=[ièé](?:n|r|a|\b))", "DZ DZ"),
        (rf"zz|źz|(?<={_V})[zź](?={_V})", "TS TS"),
        (r"\bz", "DZ"),
        (r"[zź]", "TS"),
        (r"x", "K S"),
        (rf"[jy](?={_V})", "Y"),
        (r"[jy]", "i"),
        (r"w", "W"),
        (r"h", ""),
        *((letter, letter.upper()) for letter in "bdflmnprtv"),
    )
)
"""How letters sound, the first pattern that fits; ``*`` stands for the vowel itself."""


def plain(word: str) -> str:
    """Removes the marks of a word, and its accents."""
    return word.translate(_PLAIN)


def sounds(word: str) -> Iterator[Sound]:
    """Yields the phones of consonants, and vowels as they are written."""
    place = 0
    while place < len(word):
        for pattern, phones in _SPELLINGS:
            match = pattern.match(word, place)
            if match:
                yield from (Sound(match[0] if phone == "*" else phone, place) for phone in phones)
                place = match.end()
                break
        else:
            place += 1


def nuclei(found: Sequence[Sound]) -> list[Sound]:
    """Makes glides of weak vowels beside others: what is left as it is written are the nuclei of syllables."""
    runs = _runs(found)
    alone = len(runs) == 1 and len(runs[0]) < 3
    result: list[Sound] = []
    for number, sound in enumerate(found):
        before = result[-1] if result else Sound("", -1)
        after = found[number + 1] if number + 1 < len(found) else Sound("", -1)
        glide = "Y" if sound.text == "i" else "W"
        if sound.text not in ("i", "u"):
            result.append(sound)
        elif _glides_on(sound, after, alone) or (
            before.is_vowel and plain(before.text) != sound.text and not _is_split(found, number)
        ):
            result.append(Sound(glide, sound.place))
        else:
            result.append(sound)
    return result


def spoken(marked: str) -> Phones:
    """Pronounces a word with the accent on its stressed vowel; without one, it has no stress."""
    result = []
    for text, _ in nuclei(list(sounds(marked))):
        if len(text) > 1 or text not in VOWELS:
            result.append(text)
        elif text in "èò":
            result.append(f"{plain(text).upper()}H1")
        else:
            result.append(f"{plain(text).upper()}{int(text in ACCENTS)}")
    return tuple(result)


def _runs(found: Sequence[Sound]) -> list[str]:
    """Returns the stretches of vowels of a word."""
    return re.findall(r"v+", "".join("v" if sound.is_vowel else "c" for sound in found))


def _glides_on(sound: Sound, after: Sound, alone: bool) -> bool:
    """Tells whether a weak vowel glides into the one after it, as in piano and uomo.

    In a word of two vowels alone, such as mio and due, it does so only where the next one is accented.
    """
    if not after.is_vowel or after.text == sound.text:
        return False
    return not alone or after.text in ACCENTS


def _is_split(found: Sequence[Sound], number: int) -> bool:
    """Tells whether a vowel begins a syllable after another one, as in egoista."""
    rest = "".join(sound.text for sound in found[number + 1 :])
    return found[number].text == "i" and re.fullmatch(r"ST[aeio]|ZM[oi]|STiK[aoei]|STiCH[ie]", rest) is not None
