"""Converts text of any length to sentences of words with phones and pauses, one at a time."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from wavenet_jax.text.lexicon import Lexicon
from wavenet_jax.text.phones import PAUSE_MARKS, Sentence, Word
from wavenet_jax.text.written import Token, words_of

LONGEST_SENTENCE = 400
"""Most characters of a sentence; longer ones are split, at a comma or a blank where there is one."""

_LONGEST_CLAUSE = 40
"""Most words spoken without a pause; longer stretches get one."""

_LONGEST_SPOKEN = 60
"""Most words of a sentence for the acoustic model; text that is spelled out may have more words than characters."""

_ENDS = re.compile(r"(?:[.!?…]+[\"')\]”’]*|[。！？])(?=\s|$)|\n\s*\n|[。！？]")
_BREAKS = re.compile(r"[,;:—–)]\s|\s")


class _Spoken(NamedTuple):
    """A word that still needs its phones."""

    token: Token
    mark: str


def sentences(text: str | Iterable[str], lexicon: Lexicon) -> Iterator[Sentence]:
    """Reads a text sentence by sentence, holding one sentence in memory at a time.

    Args:
      text: of any characters and length, or its pieces, such as the lines of a file.
      lexicon: pronounces the words of its language.

    Raises:
      ValueError: it holds nothing to speak, or a name in curly brackets is not a phone.
    """
    found = False
    for piece in _pieces([text] if isinstance(text, str) else text, lexicon.rules.abbreviations):
        for sentence in _spoken(words_of(piece, lexicon.rules.writing, lexicon.knows), lexicon):
            found = True
            yield sentence
    if not found:
        raise ValueError("the text has nothing that can be spoken: give words, numbers or {phones}")


def _pieces(texts: Iterable[str], abbreviations: re.Pattern) -> Iterator[str]:
    """Splits a text into sentences, and sentences that are too long into parts."""
    waiting = ""
    for text in texts:
        for start in range(0, len(text), LONGEST_SENTENCE):
            waiting += text[start : start + LONGEST_SENTENCE]
            # The last characters wait: what follows decides whether they end a sentence.
            while len(waiting) > 2 * LONGEST_SENTENCE:
                size = _first_sentence(waiting, abbreviations)
                yield waiting[:size]
                waiting = waiting[size:]
    while waiting:
        size = _first_sentence(waiting, abbreviations)
        yield waiting[:size]
        waiting = waiting[size:]


def _first_sentence(text: str, abbreviations: re.Pattern) -> int:
    """Counts the characters of the first sentence of a text."""
    window = text[: LONGEST_SENTENCE + 1]
    for end in _ENDS.finditer(window):
        if end.end() == len(window) < len(text):
            break
        if not _goes_on(window[: end.end()], window[end.end() :], abbreviations):
            return end.end()
    if len(text) <= LONGEST_SENTENCE:
        return len(text)
    breaks = [match.end() for match in _BREAKS.finditer(text, 0, LONGEST_SENTENCE)]
    at_marks = [place for place in breaks if text[place - 2] in ",;:—–)" and place > LONGEST_SENTENCE // 3]
    return (at_marks or breaks or [LONGEST_SENTENCE])[-1]


def _goes_on(text: str, rest: str, abbreviations: re.Pattern) -> bool:
    """Tells whether a sentence goes on after the mark at the end of a text, as after an abbreviation."""
    following = rest.lstrip(" ")
    if not following.strip() or text.endswith("\n"):
        return False
    if following[0].islower() or following[0] in ",;":
        return True
    if not text.endswith("."):
        return False
    match = abbreviations.search(text)
    # "U.S. Then": letters with full stops end a sentence where a capital follows; titles and names do not.
    return match is not None and not (re.search(r"[A-Z]\.[A-Z]\.$", text) and following[0].isupper())


def _spoken(tokens: Iterable[Token], lexicon: Lexicon) -> Iterator[Sentence]:
    """Gives words their phones, and closes the sentence where no mark does."""
    words: list[_Spoken] = []
    since_pause = 0
    for token in tokens:
        if token.text in PAUSE_MARKS and not token.phones:
            if words and PAUSE_MARKS[token.text] == "major":
                words[-1] = words[-1]._replace(mark=token.text)
            elif words and not words[-1].mark:
                words[-1] = words[-1]._replace(mark=",")
            since_pause = 0
            continue
        since_pause += 1
        if since_pause > _LONGEST_CLAUSE:
            words[-1] = words[-1]._replace(mark=",")
            since_pause = 1
        if len(words) >= _LONGEST_SPOKEN:
            yield _pronounced(words, lexicon)
            words = []
        words.append(_Spoken(token, ""))
    if words:
        if PAUSE_MARKS.get(words[-1].mark) != "major":
            words[-1] = words[-1]._replace(mark=".")
        yield _pronounced(words, lexicon)


def _pronounced(words: list[_Spoken], lexicon: Lexicon) -> Sentence:
    result: list[Word] = []
    after: tuple[str, ...] = ()
    # From the end, as a word may depend on the sound of the next one.
    for place in range(len(words) - 1, -1, -1):
        (text, given), mark = words[place]
        before = words[place - 1].token.text if place and not words[place - 1].mark else ""
        following = words[place + 1].token.text if not mark and place + 1 < len(words) else ""
        phones = given or lexicon.rules.chosen(lexicon.readings(text), before, following)
        if not given and text not in lexicon.own:
            phones = lexicon.rules.linked(text, phones, () if mark else after)
        result.append(Word(text, phones, mark))
        after = phones
    return tuple(reversed(result))
