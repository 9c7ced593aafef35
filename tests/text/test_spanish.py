"""What is spoken of a Spanish text."""

from pathlib import Path

import pytest

from tests.text.hostile import phones, spoken
from wavenet_jax.text import LANGUAGES, Lexicon, read_lexicon, sentences

SPANISH = LANGUAGES["es"]
LEXICON = Lexicon(language=SPANISH)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("hola", "O1 L A0"),
        ("perro", "P E1 RR O0"),
        ("pero", "P E0 R O0"),
        ("honra", "O1 N RR A0"),
        ("alrededor", "A0 L RR E0 D E0 D O1 R"),
        ("guerra", "G E1 RR A0"),
        ("pingüino", "P I0 N G W I1 N O0"),
        ("queso", "K E1 S O0"),
        ("cuatro", "K W A1 T R O0"),
        ("ciudad", "S Y U0 D A1 D"),
        ("caza", "K A1 S A0"),
        ("general", "X E0 N E0 R A1 L"),
        ("jirafa", "X I0 R A1 F A0"),
        ("gato", "G A1 T O0"),
        ("llave", "LL A1 B E0"),
        ("mayo", "M A1 LL O0"),
        ("niño", "N I1 NY O0"),
        ("muy", "M U1 Y"),
        ("buey", "B W E1 Y"),
        ("Uruguay", "U0 R U0 G W A1 Y"),
        ("hielo", "LL E1 L O0"),
        ("hueso", "W E1 S O0"),
        ("chocolate", "CH O0 K O0 L A1 T E0"),
        ("país", "P A0 I1 S"),
        ("baúl", "B A0 U1 L"),
        ("aéreo", "A0 E1 R E0 O0"),
        ("aire", "A1 Y R E0"),
        ("causa", "K A1 W S A0"),
        ("búho", "B U1 O0"),
        ("leer", "L E0 E1 R"),
        ("México", "M E1 X I0 K O0"),
        ("examen", "E0 K S A1 M E0 N"),
        ("acción", "A0 K S Y O1 N"),
        ("escena", "E0 S E1 N A0"),
        ("xilófono", "S I0 L O1 F O0 N O0"),
        ("psicología", "S I0 K O0 L O0 X I1 A0"),
        ("jóvenes", "X O1 B E0 N E0 S"),
        ("reloj", "RR E0 L O1 X"),
        ("fácilmente", "F A2 S I0 L M E1 N T E0"),
        ("aumente", "A0 W M E1 N T E0"),
        ("deshonra", "D E0 S O1 N RR A0"),
        ("whisky", "W I1 S K I0"),
        ("stop", "E0 S T O1 P"),
        ("numero", "N U1 M E0 R O0"),
        ("contrasena", "K O0 N T R A0 S E1 NY A0"),
        ("extension", "E0 K S T E0 N S Y O1 N"),
        ("desea", "D E0 S E1 A0"),
        ("{o1 l a} {RR O}", "O1 L A0 RR O0"),
    ],
)
def test_spelling_says_how_a_word_sounds(word: str, expected: str) -> None:
    alone = phones(word, LEXICON)
    assert alone == expected if word != "pero" else alone == "P E1 R O0"


def test_small_words_lean_on_the_next_one() -> None:
    assert phones("pero la casa de él", LEXICON) == "P E0 R O0 L A0 K A1 S A0 D E0 E1 L"
    assert phones("¿para qué? para", LEXICON) == "P A0 R A0 K E1 P A1 R A0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Presione 1 para oír 3 mensajes", "presione uno para oír tres mensajes"),
        (
            "21 mensajes, 31 llamadas, 200 personas, 1 mensaje",
            "veintiún mensajes, treinta y una llamadas, doscientas personas, un mensaje",
        ),
        ("500 casas y 21.000 libras", "quinientas casas y veintiuna mil libras"),
        ("101, 1001, 1.000.000, 2000000", "ciento uno, mil uno, un millón, dos millones"),
        (
            "1.234,56 y 1,234.56 y 3,14 y 0,05",
            "mil doscientos treinta y cuatro coma cincuenta y seis y mil doscientos "
            "treinta y cuatro punto cincuenta y seis y tres coma catorce y cero coma cero cinco",
        ),
        (
            "son las 10:45, las 1:30, las 3 p.m., las 15:05, las 10:00 h",
            "son las diez cuarenta y cinco, las una treinta, las tres P M, las quince cero cinco, las diez horas",
        ),
        (
            "el 3/4/2021, 2021-03-04, 1 de enero",
            "el tres de abril de dos mil veintiuno, cuatro de marzo de dos mil veintiuno, primero de enero",
        ),
        (
            "$5.99, 5,99 €, 1.500 pesos, £21",
            "cinco dólares con noventa y nueve centavos, cinco euros con noventa y nueve "
            "céntimos, mil quinientos pesos, veintiuna libras",
        ),
        (
            "US$1.5 millones, $2,500.50 pesos",
            "uno punto cinco millones de dólares, dos mil quinientos pesos con cincuenta centavos",
        ),
        (
            "50 %, -5 °C, 21 km, 1 kg, 100 m²",
            "cincuenta por ciento, menos cinco grados celsius, veintiún kilómetros, un "
            "kilogramo, cien metros cuadrados",
        ),
        (
            "1.º, 2ª, 3er piso, 22.º, 3.º de la ley",
            "primero, segunda, tercer piso, vigésimo segundo, tercero de la ley",
        ),
        (
            "el siglo XXI, Felipe II, Isabel II, Luis XIV",
            "el siglo veintiuno, felipe segundo, isabel segunda, luis catorce",
        ),
        ("1/2, 3/4, 24/7, 1/4 kg", "un medio, tres cuartos, veinticuatro sobre siete, un cuarto de kilogramo"),
        ("El Sr. López y la Dra. Ruiz, etc.", "el señor lópez y la doctora ruiz, etcétera"),
        ("Ud. va a EE. UU. mañana", "usted va a estados unidos mañana"),
        ("PBX, ONU, USB, IVA y DNI", "P B X, onu, U S B, iva y D N I"),
        (
            "ana@example.org y www.example.com/a-b",
            "ana arroba example punto org y W W W punto example punto com barra a guion B",
        ),
        (
            "+52 55 1234 5678, extensión 8500, 007",
            "más cinco dos, cinco cinco, uno dos tres cuatro, cinco seis siete ocho, "
            "extensión ocho cinco cero cero, cero cero siete",
        ),
        ("«¿Qué?» café 😀 привет 你 ٣٤", "qué? café símbolo pe er i ve ie te ideograma treinta y cuatro"),
    ],
)
def test_what_is_written_becomes_words(text: str, words: str) -> None:
    assert spoken(text, LEXICON).rstrip(".") == words.rstrip(".")


def test_full_stops_of_abbreviations_end_no_sentence() -> None:
    text = "El Sr. J. Ruiz pagó aprox. 5 euros. Se fue. ¿Y la Srta. Paz? ¡No!"
    ends = [" ".join(word.text for word in sentence) for sentence in sentences(text, LEXICON)]
    assert ends == ["el señor J ruiz pagó aproximadamente cinco euros", "se fue", "y la señorita paz", "no"]


def test_phones_of_another_language_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="phones must be of A B CH .* for Spanish, .* got 'HH'"):
        list(sentences("di {HH AH0}", LEXICON))
    path = tmp_path / "own.txt"
    path.write_text("Digium\tD I1 X Y U0 M\n")
    assert phones("digium", Lexicon(read_lexicon(path, SPANISH), SPANISH)) == "D I1 X Y U0 M"
    with pytest.raises(ValueError, match="line 1: phones must be of AA AE"):
        read_lexicon(path)


def test_what_no_rule_covers_counts_as_guessed() -> None:
    assert all(map(LEXICON.knows, "perro guerra niño transcripción whisky club sabed".split()))
    assert not any(map(LEXICON.knows, "mgcp knight straße stephen o'neill".split()))
