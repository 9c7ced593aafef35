"""From written text to phones with stress, words and pauses, by language."""

from wavenet_jax.text.languages import ENGLISH, LANGUAGES, Language
from wavenet_jax.text.lexicon import Lexicon, read_lexicon
from wavenet_jax.text.phones import PAUSE_MARKS, PHONES, STRESSES, Sentence, Word, parse_phones, phones_as_text
from wavenet_jax.text.spoken import sentences

__all__ = [
    "ENGLISH",
    "LANGUAGES",
    "PAUSE_MARKS",
    "PHONES",
    "STRESSES",
    "Language",
    "Lexicon",
    "Sentence",
    "Word",
    "parse_phones",
    "phones_as_text",
    "read_lexicon",
    "sentences",
]
