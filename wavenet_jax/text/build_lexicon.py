"""Builds the package's lexicon and letter-to-sound table from gruut's English ones (extra [tts]).

    python -m wavenet_jax.text.build_lexicon

The pronunciations are those of gruut_lang_en 2.0.1 (MIT), which come from the CMU Pronouncing Dictionary (BSD).
"""

import importlib
import lzma
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from wavenet_jax.storage import write_whole
from wavenet_jax.text.english.guess import CONTEXTS, key
from wavenet_jax.text.english.ipa import from_ipa
from wavenet_jax.text.english.words import GUESSES, LEXICON

_LEAST_SEEN = 3


def main(folder: Path = Path(__file__).parent) -> None:
    """Writes both files."""
    with opened() as connection:
        _write(folder / LEXICON, lexicon_lines(connection))
        _write(folder / GUESSES, guess_lines(connection))


@contextmanager
def opened() -> Iterator[sqlite3.Connection]:
    """Opens gruut's lexicon of English."""
    database = Path(importlib.import_module("gruut_lang_en").__file__ or "").parent / "lexicon.db"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        yield connection


def lexicon_lines(connection: sqlite3.Connection) -> Iterator[str]:
    """Yields each word with its first pronunciation, and others by part of speech where they differ."""
    entries: dict[str, dict[str, str]] = defaultdict(dict)
    rows = "SELECT word, role, phonemes FROM word_phonemes ORDER BY word, pron_order"
    for word, role, phones in connection.execute(rows):
        text = " ".join(map(from_ipa, phones.split()))
        role = role.removeprefix("gruut:")
        if role != "letter" and text not in entries[word].values():
            entries[word].setdefault(role, text)
    for word, by_role in entries.items():
        (first, text), *others = by_role.items()
        roles = [f"{first}={text}", *(f"{role}={other}" for role, other in others if role)]
        yield "\t".join([word, text if len(roles) == 1 else "|".join(roles)])


def guess_lines(connection: sqlite3.Connection) -> Iterator[str]:
    """Yields the phones of letters in context, wherever a longer context changes what a shorter one says.

    Contexts that grow until they decide: Torkkola, An efficient way to learn English grapheme-to-phoneme rules
    automatically, 1993.
    """
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for (alignment,) in connection.execute("SELECT alignment FROM g2p_alignments"):
        letters, sounds = _aligned(alignment)
        for place, sound in enumerate(sounds):
            for context in CONTEXTS:
                counts[key(letters, place, *context)][sound] += 1
    best = {name: seen.most_common(1)[0] for name, seen in counts.items()}
    for name, (sound, times) in sorted(best.items()):
        if times >= _LEAST_SEEN and _shorter(name, best) != sound:
            yield f"{name}\t{sound}"


def _shorter(name: str, best: dict[str, tuple[str, int]]) -> str | None:
    """Returns the phones that the next shorter kept context gives."""
    left, letter, right = name[: name.index("(")], name[name.index("(") + 1], name[name.index(")") + 1 :]
    for before, after in reversed(CONTEXTS):
        if before + after < len(left) + len(right):
            found = best[f"{left[len(left) - before :]}({letter}){right[:after]}"]
            if found[1] >= _LEAST_SEEN:
                return found[0]
    return None


def _aligned(alignment: str) -> tuple[str, list[str]]:
    """A word and the phones of each letter; a group of letters has its phones at the first one."""
    letters, sounds = "", []
    for group in alignment.split():
        written, _, spoken = group.partition("}")
        phones = " ".join(from_ipa(phone) for phone in spoken.split("|") if phone != "_")
        parts = written.split("|")
        letters += "".join(parts)
        sounds += [phones] + [""] * (len(parts) - 1)
    return letters, sounds


def _write(path: Path, lines: Iterator[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    write_whole(path, lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main()
