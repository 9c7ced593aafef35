"""From written English to phones with stress, words and pauses."""

from wavenet_jax.text.english import sentences
from wavenet_jax.text.lexicon import Lexicon, read_lexicon
from wavenet_jax.text.phones import PAUSE_MARKS, PHONES, STRESSES, VOWELS, Sentence, Word, parse_phones, phones_as_text

__all__ = [
    "PAUSE_MARKS",
    "PHONES",
    "STRESSES",
    "VOWELS",
    "Lexicon",
    "Sentence",
    "Word",
    "parse_phones",
    "phones_as_text",
    "read_lexicon",
    "sentences",
]
