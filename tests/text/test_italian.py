"""What is spoken of an Italian text."""

import importlib
import lzma
from importlib.resources import files

import pytest

from tests.text.hostile import phones, spoken
from wavenet_jax.text import LANGUAGES, Lexicon, sentences
from wavenet_jax.text.italian.sounds import plain
from wavenet_jax.text.italian.stress import by_rule, marked

LEXICON = Lexicon(language=LANGUAGES["it"])


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ciao", "CH A1 O0"),
        ("casa", "K A1 Z A0"),
        ("cane", "K A1 N E0"),
        ("cena", "CH E1 N A0"),
        ("chiesa", "K Y EH1 Z A0"),
        ("gatto", "G A1 T T O0"),
        ("giallo", "JH A1 L L O0"),
        ("ghiaccio", "G Y A1 CH CH O0"),
        ("oggi", "OH1 JH JH I0"),
        ("scienza", "SH EH1 N TS A0"),
        ("pesce", "P E1 SH SH E0"),
        ("scuola", "S K W OH1 L A0"),
        ("figlio", "F I1 LY LY O0"),
        ("glicine", "G L I1 CH I0 N E0"),
        ("signora", "S I0 NY NY O1 R A0"),
        ("quando", "K W A1 N D O0"),
        ("acqua", "A1 K K W A0"),
        ("zero", "DZ EH1 R O0"),
        ("pizza", "P I1 TS TS A0"),
        ("mezzo", "M EH1 DZ DZ O0"),
        ("stazione", "S T A0 TS TS Y O1 N E0"),
        ("sbaglio", "Z B A1 LY LY O0"),
        ("risalire", "R I0 S A0 L I1 R E0"),
        ("uomo", "W OH1 M O0"),
        ("piede", "P Y EH1 D E0"),
        ("miei", "M Y EH1 Y"),
        ("mio", "M I1 O0"),
        ("lui", "L U1 Y"),
        ("aiuto", "A0 Y U1 T O0"),
        ("causa", "K A1 W Z A0"),
        ("città", "CH I0 T T A1"),
        ("perché", "P E0 R K E1"),
        ("caffè", "K A0 F F EH1"),
        ("telefono", "T E0 L EH1 F O0 N O0"),
        ("telefonano", "T E0 L EH1 F O0 N A0 N O0"),
        ("numeri", "N U1 M E0 R I0"),
        ("camere", "K A1 M E0 R E0"),
        ("rapidissimo", "R A0 P I0 D I1 S S I0 M O0"),
        ("possibile", "P O0 S S I1 B I0 L E0"),
        ("energia", "E0 N E0 R JH I1 A0"),
        ("storia", "S T OH1 R Y A0"),
        ("italiano", "I0 T A0 L Y A1 N O0"),
        ("mangiano", "M A1 N JH A0 N O0"),
        ("prendersi", "P R EH1 N D E0 R S I0"),
        ("vedere", "V E0 D E1 R E0"),
        ("ventisette", "V E0 N T I0 S EH1 T T E0"),
        ("computer", "K O0 M P Y U1 T E0 R"),
        ("gl'italiani", "LY I0 T A0 L Y A1 N I0"),
        ("l'amico", "L A0 M I1 K O0"),
        ("c'è", "CH EH1"),
        ("dell'acqua", "D E0 L L A1 K K W A0"),
        ("perche'", "P E0 R K E1"),
        ("citta'", "CH I0 T T A1"),
        ("e'", "EH1"),
        ("un po'", "U0 N P OH1"),
        ("'ciao'", "CH A1 O0"),
        ("{ch a1 o}", "CH A1 O0"),
    ],
)
def test_spelling_and_tables_say_how_a_word_sounds(word: str, expected: str) -> None:
    assert phones(word, LEXICON) == expected


def test_small_words_lean_on_the_next_one() -> None:
    assert phones("la casa di mia madre", LEXICON) == "L A0 K A1 Z A0 D I0 M I1 A0 M A1 D R E0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "Premi 1 per ascoltare 3 messaggi, 1 messaggio, 1 ora, 21 messaggi",
            "premi uno per ascoltare tre messaggi, un messaggio, un' ora, ventuno messaggi",
        ),
        (
            "101, 1042, 21.000, 1.000.000, 2500000000",
            "cento uno, mille quarantadue, ventuno mila, un milione, due miliardi cinquecento milioni",
        ),
        (
            "1.234,56 e 3.14 e 0,05",
            "mille duecento trentaquattro virgola cinquantasei e tre punto quattordici e zero virgola zero cinque",
        ),
        ("sono le 10:45, le 1:30, le 15:00", "sono le dieci e quarantacinque, le una e trenta, le quindici"),
        (
            "il 3/4/2021, 2021-03-04, 1 gennaio, 1° maggio",
            "il tre aprile duemila ventuno, quattro marzo duemila ventuno, primo gennaio, primo maggio",
        ),
        (
            "5,99 €, $1.5 milioni, £1, 5 euro",
            "cinque euro e novantanove centesimi, uno punto cinque milioni di dollari, una sterlina, cinque euro",
        ),
        (
            "50%, -5 °C, 1 kg, 1 h, 100 m²",
            "cinquanta per cento, meno cinque gradi celsius, un chilogrammo, un'ora, cento metri quadrati",
        ),
        ("1º, 2ª, 22º, 23º", "primo, seconda, ventiduesimo, ventitreesimo"),
        (
            "il XXI secolo, Vittorio Emanuele II, Elisabetta II",
            "il ventunesimo secolo, vittorio emanuele secondo, elisabetta seconda",
        ),
        ("1/2, 3/4, 1/4 kg, sec. XX", "un mezzo, tre quarti, un quarto di chilogrammo, secolo ventesimo"),
        ("Il Sig. Rossi e la Sig.ra Bianchi, ecc.", "il signor rossi e la signora bianchi, eccetera"),
        ("PBX, ONU, USB, FIAT e TV", "P B X, onu, U S B, fiat e T V"),
        ("ana@example.org e www.example.com", "ana chiocciola example punto org e W W W punto example punto com"),
        ("interno 8500, 007", "interno otto cinque zero zero, zero zero sette"),
        ("«Dov'è?» caffè 😀 привет 你 ٣٤", "dov'è? caffè simbolo pe er i ve ie te ideogramma trentaquattro"),
    ],
)
def test_what_is_written_becomes_words(text: str, words: str) -> None:
    assert spoken(text, LEXICON).rstrip(".") == words


def test_full_stops_of_abbreviations_end_no_sentence() -> None:
    text = "Il Sig. G. Neri paga 5 euro, ca. la metà. Va via. E la Dott.ssa Verdi? No!"
    ends = [" ".join(word.text for word in sentence) for sentence in sentences(text, LEXICON)]
    assert ends == ["il signor G neri paga cinque euro circa la metà", "va via", "e la dottoressa verdi", "no"]


def test_marks_change_no_letter() -> None:
    for word in "telefonano risalire zucchero negligente università computer psst".split():
        assert plain(by_rule(word)) == plain(word)
    assert marked("zucchero") == "źùcchero"
    assert marked("càmera") == "càmera"


def test_what_no_rule_covers_counts_as_guessed() -> None:
    assert all(map(LEXICON.knows, "casa l'amico perché per sport computer struzzo".split()))
    assert not any(map(LEXICON.knows, "mgcp knight hollywood straße".split()))


def test_phones_of_another_language_are_refused() -> None:
    with pytest.raises(ValueError, match="phones must be of A B CH .* for Italian, .* got 'RR'"):
        list(sentences("di {RR A0}", LEXICON))


@pytest.mark.slow
def test_the_table_is_what_its_source_gives() -> None:
    pytest.importorskip("gruut_lang_it")
    build = importlib.import_module("wavenet_jax.text.build_italian")
    lexicon = build.read()
    kept = lzma.decompress(files("wavenet_jax.text").joinpath("italian.tsv.xz").read_bytes()).decode()
    assert kept.split() == list(build.exceptions(lexicon))
    reached = build.agreement(lexicon)
    assert reached["rules"]["words"] == len(lexicon)
    assert reached["unseen"]["phones"] > reached["rules"]["phones"] > 0.85
    assert all(shares["stress"] > shares["phones"] for shares in reached.values())
