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

SPANISH = Language(
    "es",
    "Spanish",
    ("A", "E", "I", "O", "U"),
    ("B", "CH", "D", "F", "G", "K", "L", "LL", "M", "N", "NY", "P", "R", "RR", "S", "T", "W", "X", "Y"),
    "O1 L A0",
)
"""Latin American Spanish: RR is the trill of perro, R the tap of pero, LL is ll and y, NY is ñ, X is j; Y and W are the
gliding vowels of bien, rey, cuatro and causa."""

ITALIAN = Language(
    "it",
    "Italian",
    ("A", "E", "EH", "I", "O", "OH", "U"),
    (
        *("B", "CH", "D", "DZ", "F", "G", "JH", "K", "L", "LY", "M", "N", "NY", "P", "R", "S"),
        *("SH", "T", "TS", "V", "W", "Y", "Z"),
    ),
    "CH A1 O0",
)
"""Italian: EH and OH are the open vowels of bene and nove, TS and DZ the z of grazie and zero, Z is a voiced s, LY is
gli, NY is gn; Y and W are the gliding vowels of piano, poi, quattro and causa. A long consonant is said twice, as in
N OH1 T T E0."""

LANGUAGES = {language.code: language for language in (ENGLISH, SPANISH, ITALIAN)}
"""By their codes."""
