"""Builds the table of Italian words that the rules get wrong, from gruut's Italian lexicon.

    python -m wavenet_jax.text.build_italian

The pronunciations are those of gruut_lang_it 2.0.1 (MIT). Those that no marks on the letters of the word can say are
left out: foreign words, and errors. Prints how many words the rules pronounce as the lexicon does.
"""

import importlib
import json
import lzma
import re
import sqlite3
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from wavenet_jax.storage import write_whole
from wavenet_jax.text.italian.sounds import ACCENTS, VOWELS, nuclei, plain, sounds, spoken
from wavenet_jax.text.italian.stress import MARKED, by_rule, excepted

_IPA = {
    **{"t͡ʃ": "CH", "d͡ʒ": "JH", "t͡s": "TS", "d͡z": "DZ", "ʃ": "SH", "ʎ": "LY", "ɲ": "NY", "ŋ": "N", "ɱ": "N", "ɡ": "G"},
    **{"j": "I", "w": "U", "ɛ": "E", "ɔ": "O"},
}
_VOWELS = "aeiouɛɔ"
_MERGED = {("T", "TS"), ("T", "CH"), ("D", "DZ"), ("D", "JH")}
"""Two ways in which the lexicon writes a long consonant, or one that it takes for short."""

_GLIDES = {"Y": "I", "W": "U", "EH": "E", "OH": "O"}
_VOICED = {"Z": "S", "DZ": "TS"}
_SIGNS = {"S": "ś", "Z": "ṡ", "TS": "ź", "DZ": "ż"}
_ACUTE, _GRAVE = dict(zip("aeiou", "àéìóù", strict=True)), dict(zip("aeiou", "àèìòù", strict=True))
_PREFIX = re.compile(
    "(?:[bt]?ri|anti|auto|aero|altri|asciuga|batti|bio|capo|contro|copri|eco|elettro|euro|extra|foto|geo|gira|guarda|idro|"
    "inter|iper|ipo|lava|macro|mega|meta|micro|mini|mono|multi|nano|neo|para|pluri|poli|porta|pre|pro|pseudo|quasi|radio|"
    "retro|salva|sei|semi|socio|sopra|sotto|sta|stereo|super|tele|termo|trans|tre|ultra|uni|vice|video|"
    "(?:ven|tren|ses|set)t?anta)$"
)
"""What stands before an s that stays voiceless between vowels: risalire."""

_PARTS = 5
"""One of so many words is not in the table that is tried."""


class _Heard(NamedTuple):
    """A pronunciation: phones without length and glides, the stressed one, and whether that is an open e or o."""

    phones: tuple[str, ...]
    stress: int | None
    is_open: bool


def main(folder: Path = Path(__file__).parent) -> None:
    """Writes the table, and prints what the rules reach."""
    lexicon = read()
    found = list(exceptions(lexicon))
    write_whole(
        folder / MARKED, lzma.compress("".join(f"{form}\n" for form in found).encode(), preset=9 | lzma.PRESET_EXTREME)
    )
    json.dump(agreement(lexicon), sys.stdout)
    print()


def read() -> dict[str, list[str]]:
    """Reads gruut's lexicon of Italian: the marked forms of each word, the usual one first."""
    database = Path(importlib.import_module("gruut_lang_it").__file__ or "").parent / "lexicon.db"
    found: dict[str, list[str]] = defaultdict(list)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT word, phonemes FROM word_phonemes ORDER BY word, pron_order")
        for word, phones in rows:
            if (
                re.fullmatch("[a-zàèéìòù]+", word)
                and (heard := _heard(phones.split()))
                and (form := _form(word, heard))
            ):
                found[word].append(form)
    return dict(found)


def exceptions(lexicon: dict[str, list[str]]) -> Iterator[str]:
    """Yields the marked forms of words that the rules pronounce like none of the lexicon's pronunciations, and of those
    that another one's marks would be taken for."""
    table: dict[str, str] = {}
    for word, forms in sorted(lexicon.items()):
        rule = _ruled(word)
        if spoken(rule) not in map(spoken, forms) and not _is_late(forms[0], rule):
            table[word] = forms[0]
    for word, forms in sorted(lexicon.items()):
        found = excepted(word, table)
        wrong = found is not None and spoken(found) not in map(spoken, forms) and not _is_late(forms[0], _ruled(word))
        if word in table or wrong:
            yield forms[0]


def agreement(lexicon: dict[str, list[str]]) -> dict[str, dict[str, float]]:
    """Counts the words that are pronounced as in the lexicon: by the rules alone, and by the rules with a table that is
    made of other words."""
    seen = {word: forms for word, forms in lexicon.items() if zlib.crc32(word.encode()) % _PARTS}
    unseen = {word: forms for word, forms in lexicon.items() if word not in seen}
    table = {plain(form): form for form in exceptions(seen)}
    return {
        "rules": _agreement(lexicon, _ruled),
        "unseen": _agreement(unseen, lambda word: excepted(word, table) or _ruled(word)),
    }


def _agreement(lexicon: dict[str, list[str]], mark: Callable[[str], str]) -> dict[str, float]:
    """Returns the shares of words of which all phones, and of which the stress, is that of the lexicon."""
    phones = stress = 0
    for word, forms in lexicon.items():
        ours, theirs = spoken(mark(word)), list(map(spoken, forms))
        phones += ours in theirs
        stress += _syllable(ours) in map(_syllable, theirs)
    return {"words": len(lexicon), "phones": phones / len(lexicon), "stress": stress / len(lexicon)}


def _ruled(word: str) -> str:
    return word if word[-1] in ACCENTS else by_rule(word)


def _syllable(phones: Sequence[str]) -> int:
    """Returns the number of the stressed syllable, from the end."""
    vowels = [phone[-1] for phone in reversed(phones) if phone[-1].isdigit()]
    return vowels.index("1") if "1" in vowels else -1


def _is_late(form: str, rule: str) -> bool:
    """Tells a stress on an i or u that glides into the vowel of the rule, which is an error: lampìone."""
    places = [next((place for place, letter in enumerate(text) if letter in ACCENTS), -1) for text in (form, rule)]
    return places[0] + 1 == places[1] and form[places[0]] in "ìù"


def _heard(symbols: Sequence[str]) -> _Heard | None:
    """Reads phones of the lexicon; None where it does not say which syllable is stressed."""
    names = [symbol.lstrip("ˈˌ") for symbol in symbols]
    vowels = [place for place, name in enumerate(names) if name in _VOWELS]
    marks = [place for place, symbol in enumerate(symbols) if symbol.startswith("ˈ")]
    at = next((place for place in vowels if marks and place >= marks[-1]), vowels[0] if len(vowels) == 1 else None)
    if at is None:
        return None
    if names[at] in "iu" and names[at + 1 : at + 2] and names[at + 1] in "ɛɔ":  # what is open is stressed
        at += 1
    phones: list[str] = []
    stress = None
    for place, name in enumerate(names):
        phone = _IPA.get(name, name.upper())
        is_vowel = name in _VOWELS or name in "jw"
        if phones and not is_vowel and (phones[-1] == phone or (phones[-1], phone) in _MERGED):
            phones[-1] = phone
            continue
        phones.append(phone)
        if place == at:
            stress = len(phones) - 1
    return _Heard(tuple(phones), stress, names[at] in "ɛɔ")


def _said(form: str) -> _Heard:
    """Pronounces a marked form, in the terms of the lexicon."""
    phones: list[str] = []
    stress, is_open = None, False
    for phone in spoken(form):
        name = phone.rstrip("01")
        plainer = _GLIDES.get(name, name)
        if phones and phones[-1] == plainer and plainer not in "AEIOU":
            continue
        phones.append(plainer)
        if phone[-1] == "1":
            stress, is_open = len(phones) - 1, name in ("EH", "OH")
    return _Heard(tuple(phones), stress, is_open)


def _form(word: str, heard: _Heard) -> str | None:
    """Marks a word so that it sounds as it was heard; None where that cannot be."""
    if heard.stress == len(heard.phones) - 1 and word[-1] in "aeiou" and sum(letter in VOWELS for letter in word) > 1:
        return None  # an error: a stressed last vowel is written with its accent
    for form in _accented(word, heard.is_open):
        for candidate in dict.fromkeys((form, form.replace("gli", "ġli"), form.replace("glì", "ġlì"))):
            said = _said(candidate)
            if said[1:] == heard[1:] and _voiceless(said.phones) == _voiceless(heard.phones):
                voiced = _with_voice(candidate, heard.phones)
                if voiced is not None:
                    return voiced
    return None


def _accented(word: str, is_open: bool) -> Iterator[str]:
    if word[-1] in ACCENTS:
        yield word
        yield word[:-1] + (_GRAVE if is_open else _ACUTE)[plain(word[-1])]
        return
    accents = _GRAVE if is_open else _ACUTE
    for place, letter in enumerate(word):
        if letter in accents:
            yield word[:place] + accents[letter] + word[place + 1 :]


def _voiceless(phones: Sequence[str]) -> tuple[str, ...]:
    return tuple(_VOICED.get(phone, phone) for phone in phones)


def _with_voice(form: str, wanted: Sequence[str]) -> str | None:
    """Marks each s and z that the rules give the wrong voice; a voiceless s between vowels only behind a prefix."""
    for _ in range(len(form)):
        letters: list[tuple[str, int]] = []
        for text, place in nuclei(list(sounds(form))):
            phone = _GLIDES.get(text, text)
            if not letters or letters[-1][0] != phone or text in VOWELS:
                letters.append((phone, place))
        if len(letters) != len(wanted):
            return None
        wrong = [(place, phone) for (ours, place), phone in zip(letters, wanted, strict=True) if _differ(ours, phone)]
        wrong = [(place, phone) for place, phone in wrong if phone != "S" or _PREFIX.match(plain(form[:place]))]
        if not wrong:
            return form
        place, phone = wrong[0]
        if form[place] not in "sz":
            return None
        form = form[:place] + _SIGNS[phone] + form[place + 1 :]
    return None


def _differ(ours: str, theirs: str) -> bool:
    return ours != theirs and ours in _SIGNS and theirs in _SIGNS


if __name__ == "__main__":
    main()
