"""The languages that are read, each with the phones that its words are made of."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """A language, and its inventory of phones."""

    code: str
    """Of ISO 639-1."""
    name: str
    vowels: tuple[str, ...]
    """One of them carries the stress of a word."""
    consonants: tuple[str, ...]
    example: str
    """A word in phones, for messages."""

    @property
    def phones(self) -> tuple[str, ...]:
        """The phones without stress, in the order of the alphabet."""
        return tuple(sorted(self.vowels + self.consonants))


ENGLISH = Language(
    "en",
    "English",
    ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW"),
    (
        *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG"),
        *("P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"),
    ),
    "HH AH0 L OW1",
)
"""American English: the 39 phones of the CMU Pronouncing Dictionary (ARPABET)."""

LANGUAGES = {language.code: language for language in (ENGLISH,)}
"""By their codes."""
