"""What is spoken of a text: words, phones, pauses."""

import importlib
import itertools
import lzma
from importlib.resources import files
from pathlib import Path

import pytest

from tests.text.hostile import phones, spoken
from wavenet_jax.text import Lexicon, read_lexicon, sentences
from wavenet_jax.text.spoken import LONGEST_SENTENCE

LEXICON = Lexicon()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It costs $5.99, or -$3!", "it costs five dollars ninety nine cents, or minus three dollars!"),
        ("$1.5 million; 10€; £1; 50¢", "one point five million dollars, ten euros, one pound, fifty cents."),
        ("On 3/4/2021 at 10:45am.", "on march fourth twenty twenty one at ten forty five A M."),
        ("2021-03-04, Jan. 5th, 2005", "march fourth twenty twenty one, january fifth two thousand five."),
        ("10:00, 10:05, 3 p.m.", "ten o'clock, ten oh five, three P M."),
        ("Dr. No lives at 12 Main St. in St. Louis.", "doctor no lives at twelve main street in saint louis."),
        ("Call 1-800-555-0199", "call one, eight hundred, five five five, zero one nine nine."),
        ("the PBX, NASA's IRS, CDs", "the P B X, nasa's I R S, C D's."),
        ("DO NOT PANIC", "do not panic."),
        ("-5°C, 1.5 kg, 1 ft, 100 m²", "minus five degrees celsius, one point five kilograms, one foot, "
         "one hundred square meters."),
        ("1984, 1,984, 1980s", "nineteen eighty four, one thousand nine hundred eighty four, nineteen eighties."),
        ("007 and 1/2 of 22nd", "zero zero seven and one half of twenty second."),
        ("dial extension 8500", "dial extension eight five zero zero."),
        ("12345678901234567890", "one two three four five six seven eight nine zero " * 2),
        ("mail bob@example.org now", "mail bob at example dot org now."),
        ("World War II and Henry VIII", "world war two and henry the eighth."),
        ("plan A is a plan", "plan A is a plan."),
        ("“Wait...” she said — no?", "wait, she said, no?"),
        ("<speak>hi <break time='1s'/></speak>", "hi."),
        ("café 😀 привет 你", "cafe grinning face pe er i ve ie te ideograph."),
        ("٣٤ １２", "thirty four twelve."),
    ],
)  # fmt: skip
def test_what_is_written_becomes_words(text: str, words: str) -> None:
    assert spoken(text, LEXICON).rstrip(".") == words.rstrip(" .")


def test_full_stops_of_abbreviations_end_no_sentence() -> None:
    text = "Mr. J. R. Smith paid approx. $5. He left, i.e. he ran. The U.S. Then what?"
    ends = [" ".join(word.text for word in sentence) for sentence in sentences(text, LEXICON)]
    assert ends == [
        "mister J R smith paid approximately five dollars",
        "he left that is he ran",
        "the U S",
        "then what",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "HH EH0 L OW1"),
        ("the record", "DH AH0 R EH1 K ER0 D"),
        ("to record it", "T AH0 R IH0 K AO1 R D IH1 T"),
        ("Record your name", "R IH0 K AO1 R D Y UH1 R N EY1 M"),
        ("the end", "DH IY0 EH1 N D"),
        ("{HH AH0 l ow1} you", "HH AH0 L OW1 Y UW1"),
        ("blorping", "B L AO1 R P IH0 NG"),
        ("voicemails", "V OY1 S M EY2 L Z"),
    ],
)
def test_words_become_phones(text: str, expected: str) -> None:
    assert phones(text, LEXICON) == expected


def test_a_lexicon_file_takes_precedence(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_text("# mine\nHello\tHH AH0 L OW1  # as sung\ndigium  D IH1 JH IY0 AH0 M\n")
    lexicon = Lexicon(read_lexicon(path))
    assert phones("hello Digium", lexicon) == "HH AH0 L OW1 D IH1 JH IY0 AH0 M"
    path.write_text("hello\tHH AH0\nworld\tW ERR L D\n")
    with pytest.raises(ValueError, match="line 2: phones must be of .* got 'ERR'"):
        read_lexicon(path)


def test_phones_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="phones must be of AA .* got 'QQ'"):
        list(sentences("say {QQ}", LEXICON))


def test_a_text_is_read_as_it_is_needed() -> None:
    endless = itertools.cycle(["No end, ", "no stop ", "x" * 5_000])
    first = list(itertools.islice(sentences(endless, LEXICON), 50))
    assert all(len(" ".join(word.text for word in sentence)) <= 4 * LONGEST_SENTENCE for sentence in first)
    once = list(sentences("One, two. Three four! Five?", LEXICON))
    assert list(sentences(iter("One, two. Three four! Five?"), LEXICON)) == once


@pytest.mark.slow
def test_the_files_of_the_package_are_those_that_their_source_gives() -> None:
    pytest.importorskip("gruut_lang_en")
    build = importlib.import_module("wavenet_jax.text.build_lexicon")
    with build.opened() as connection:
        for name, lines in (("english.tsv.xz", build.lexicon_lines), ("guesses.tsv.xz", build.guess_lines)):
            kept = lzma.decompress(files("wavenet_jax.text").joinpath(name).read_bytes()).decode()
            assert kept == "".join(f"{line}\n" for line in lines(connection))
