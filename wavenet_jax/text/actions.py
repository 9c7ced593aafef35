"""What the patterns of several languages do alike."""

import re
from collections.abc import Callable, Collection, Mapping

from wavenet_jax.text.phones import PAUSE_MARKS
from wavenet_jax.text.written import LONGEST_WORD, Action, Reader


def said(*words: str) -> Action:
    """Speaks the same words, whatever is found."""

    def say(reader: Reader, match: re.Match) -> None:
        reader.say(*words)

    return say


def iso_date(say: Callable[[Reader, int, int, int], None]) -> Action:
    """Reads a year, a month and a day; ``say`` speaks the day, the month and the year."""

    def read(reader: Reader, match: re.Match) -> None:
        say(reader, int(match[3]), int(match[2]), int(match[1]))

    return read


def date(say: Callable[[Reader, int, int, int], None]) -> Action:
    """Reads a ``day``, a ``month`` and a ``year`` of four digits or two; ``say`` speaks them."""

    def read(reader: Reader, match: re.Match) -> None:
        day, month, number = (int(match[name]) for name in ("day", "month", "year"))
        if day <= 12 < month:  # month first, as in the United States
            day, month = month, day
        say(reader, day, month, number + (0 if number > 99 else 2000 if number < 50 else 1900))

    return read


def telephone(reader: Reader, match: re.Match) -> None:
    """Speaks a telephone number digit by digit, with pauses between its groups."""
    if match[0].startswith("+"):
        reader.say(reader.writing.symbols["+"])
    for number, group in enumerate(re.findall(r"\d+", match[0])):
        if number:
            reader.pause()
        reader.say(*reader.writing.digits(group))


def dotted(decimal: Callable[[str], list[str]]) -> Action:
    """Speaks a version number or an IP address."""

    def say(reader: Reader, match: re.Match) -> None:
        for number, group in enumerate(match[0].split(".")):
            reader.say(*([reader.writing.address["."]] if number else []), *decimal(group))

    return say


def between(decimal: Callable[[str], list[str]], to: str) -> Action:
    """Speaks a range of numbers, with the word ``to`` between its ends."""

    def say(reader: Reader, match: re.Match) -> None:
        reader.say(*decimal(match[1]), to, *decimal(match[2]))

    return say


def abbreviation(meanings: Mapping[str, str], ends_sentence: Collection[str]) -> Action:
    """Speaks what an abbreviation stands for.

    Args:
      meanings: by the abbreviations in lower case, without their last full stop.
      ends_sentence: those whose full stop, at the end of a text, ends the sentence, too.
    """

    def say(reader: Reader, match: re.Match) -> None:
        name = match[1].lower()
        reader.say(meanings[name])
        if name in ends_sentence:
            pause_at_end(reader, match)

    return say


def initials(reader: Reader, match: re.Match) -> None:
    """Spells letters that have full stops."""
    reader.say(*(letter.upper() for letter in match[0] if letter.isalpha()))
    pause_at_end(reader, match)


def pause_at_end(reader: Reader, match: re.Match) -> None:
    """Ends the sentence where nothing but blanks follows what is found."""
    if not match.string[match.end() :].strip():
        reader.pause(".")


def say_in_pieces(reader: Reader, word: str) -> None:
    """Speaks a word, or pieces of one that is too long."""
    for start in range(0, len(word), LONGEST_WORD):
        reader.say(word[start : start + LONGEST_WORD])


def begins_sentence(reader: Reader, match: re.Match, letter: str) -> bool:
    """Tells whether a letter is the word that begins a sentence, as in: A mi casa.

    Args:
      reader: has read what is before it.
      match: the letter.
      letter: the language's, as the inside of square brackets in a pattern.
    """
    first = not reader.tokens or reader.last in PAUSE_MARKS
    return first and re.match(rf"\s+[{letter}]{{2}}", match.string[match.end() :]) is not None
