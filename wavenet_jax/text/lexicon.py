"""Pronunciations by word: the package's, and a user's file that overrides them."""

from collections.abc import Mapping
from pathlib import Path

from wavenet_jax.audio.files import show
from wavenet_jax.text import english, italian, spanish
from wavenet_jax.text.languages import ENGLISH, Language
from wavenet_jax.text.phones import parse_phones
from wavenet_jax.text.rules import Phones, Rules

_RULES = {rules.writing.language: rules for rules in (english.RULES, spanish.RULES, italian.RULES)}


class Lexicon:
    """Pronounces the words of a language, guessing those that it lacks."""

    def __init__(self, own: Mapping[str, Phones] | None = None, language: Language = ENGLISH) -> None:
        """
        Args:
          own: pronunciations that take precedence, by word in lower case; upper case marks spelled letters.
          language: what the words are written in.
        """
        self.own, self.language = dict(own or {}), language
        self.rules: Rules = _RULES[language]

    def knows(self, word: str) -> bool:
        """Tells whether a word in lower case has an entry, or is written by the rules of a language that needs none."""
        return word in self.own or self.rules.knows(word)

    def readings(self, word: str) -> dict[str, Phones]:
        """Returns the pronunciations of a word by part of speech, the usual one first; at least one."""
        if word in self.own:
            return {"": self.own[word]}
        return self.rules.readings(word, self.own)


def read_lexicon(path: Path, language: Language = ENGLISH) -> dict[str, Phones]:
    """Reads a file of pronunciations: a word, a tab or blanks, and its phones on each line; ``#`` begins a comment.

    Args:
      path: the file, UTF-8.
      language: whose phones they are.

    Raises:
      ValueError: it cannot be read, or a line is malformed; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"lexicon {show(str(path))} is not UTF-8 text; save it as such") from None
    except OSError as error:
        raise ValueError(f"lexicon {show(str(path))} cannot be read: {error.strerror}; check its name") from None
    entries: dict[str, Phones] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        word, *phones = line.partition("#")[0].split(maxsplit=1)[:2] or [""]
        if not word:
            continue
        try:
            entries[word if len(word) == 1 else word.lower()] = parse_phones(phones[0] if phones else "", language)
        except ValueError as error:
            raise ValueError(f"lexicon {show(str(path))}, line {number}: {error}") from None
    return entries
