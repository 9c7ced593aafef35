"""From Spanish spelling to phones: Latin American, with s for c and z, and one sound for ll and y."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence

from wavenet_jax.text.phones import unstressed
from wavenet_jax.text.spanish.spellings import LOANWORDS, UNACCENTED

Phones = tuple[str, ...]

LETTERS = {
    **{"A": "a", "B": "be", "C": "ce", "D": "de", "E": "e", "F": "efe", "G": "ge", "H": "hache", "I": "i", "J": "jota"},
    **{"K": "ka", "L": "ele", "M": "eme", "N": "ene", "Ñ": "eñe", "O": "o", "P": "pe", "Q": "cu", "R": "erre"},
    **{"S": "ese", "T": "te", "U": "u", "V": "uve", "W": "dobleú", "X": "equis", "Y": "ye", "Z": "zeta"},
    **{"Á": "a", "É": "e", "Í": "i", "Ó": "o", "Ú": "u", "Ü": "u"},
}
"""Names of the letters, as they would be written."""

CLITICS = frozenset(
    "a al ante aun aunque como con cuando cuyo de del desde donde e el en entre hacia hasta la las le les lo los me "
    "mi mis "
    "ni nos o os para pero por porque pues que se si sin sino sobre su sus te tras tu tus u un y".split()
)
"""Words without stress, unless a clause ends with them."""

_VOWEL, _FRONT = "[aeiouáéíóúü]", "(?=[eiéíy])"
_CONSONANT = "[b-df-hj-np-tv-zñ]"
_LONE = "B K D F G X K L M N NY P K S T B S".split()
_SPELLINGS = tuple(
    (re.compile(pattern), tuple(phones.split()))
    for pattern, phones in (
        (r"[aeoáéíóú]", "*"),
        (r"[iuü]", "*"),
        (rf"\bs(?={_CONSONANT})(?!sc?[ei])", "e S"),
        (r"\b[pm](?=[nst])|\bg(?=n)|\bk(?=n)", ""),
        (r"\bhi(?=[eé])", "LL"),
        (r"(?:\b|(?<=[aeoáéó]))hu(?=[aeoáéó])", "W"),
        (r"ch|tch", "CH"),
        (r"sh\b|(?<=\bde)sh", "S"),
        (r"sh", "CH"),
        (r"ph", "F"),
        (rf"ll(?={_VOWEL})", "LL"),
        (r"rr", "RR"),
        (r"\br|(?<=[lns])r", "RR"),
        (r"r", "R"),
        (r"qu(?=[eiéí])", "K"),
        (r"gu(?=[eiéí])", "G"),
        (rf"g{_FRONT}", "X"),
        (r"gh", "G"),
        (rf"[cx]c{_FRONT}", "K S"),
        (rf"sc{_FRONT}", "S"),
        (rf"c{_FRONT}", "S"),
        (r"ck|cqu?(?=[aeiou])|kk|cc", "K"),
        (r"zz", "T S"),
        (r"nn", "N N"),
        (rf"({_CONSONANT})\1+", "+"),
        (r"\bx", "S"),
        (r"x", "K S"),
        (rf"y(?={_VOWEL})", "LL"),
        (rf"(?<={_VOWEL})y", "y"),
        (r"y", "i"),
        (rf"w(?={_VOWEL})", "W"),
        (r"w", "u"),
        (r"h", ""),
        *((letter, phone) for letter, phone in zip("bcdfgjklmnñpqstvz", _LONE, strict=True)),
    )
)
"""How letters sound, the first pattern that fits; ``*`` stands for a vowel itself, ``+`` for a letter written once."""

_FOREIGN = re.compile(
    rf"[w']|(?!cc|ll|rr|nn)({_CONSONANT})\1|[hqvñ]$|^s{_CONSONANT}|(?<!^de)sh|th|ph|tz|[{_CONSONANT[1:-1]}y]{{5}}|"
    rf"^(?!ch|ll|[bcfgpt][lr]|dr|ps|gn){_CONSONANT}(?!u){_CONSONANT}|{_CONSONANT}(?!s$){_CONSONANT}$|"
    r"^[^aeiouáéíóúüy]+$|^[^a-zñáéíóúü]|q(?!u[eiéí])"
)
"""Spellings that the rules do not cover."""

_NO_ADVERBS = frozenset(
    "ali argu ator vehe au ce cle co comple de docu ele escar experi fer fo fra funda imple incre instru la orna pasi "
    "regla repre "
    "tor".split()
)
"""What stands before -mente in words that are no adverbs, as in aumente."""

_PLAIN = {"á": "a", "é": "e", "í": "i", "ó": "o", "ú": "u", "ü": "u"}


def knows(word: str) -> bool:
    """Tells whether a word in lower case is spelled by the rules of Spanish, or is a loanword of the table."""
    return word in LOANWORDS or not _FOREIGN.search(word)


def readings(word: str, own: Mapping[str, Phones]) -> dict[str, Phones]:
    """Returns the pronunciation of a word in lower case, or of a spelled letter in upper case."""
    if word[:1].isupper():
        return {"": own.get(word[0]) or phones_of(LETTERS.get(word[0], "letra"))}
    return {"": phones_of(word)}


def linked(word: str, phones: Phones, after: Phones) -> Phones:
    """Takes the stress of words that lean on the next one."""
    return unstressed(phones) if word in CLITICS and after else phones


@functools.lru_cache(maxsize=20_000)
def phones_of(word: str) -> Phones:
    """Pronounces a word in lower case."""
    word = UNACCENTED.get(word, word)
    word = LOANWORDS.get(word, word)
    stem = word.removesuffix("mente")
    if stem != word and len(stem) > 1 and stem not in _NO_ADVERBS and re.search(_VOWEL, stem):
        return (*(phone.replace("1", "2") for phone in phones_of(stem)), "M", "E1", "N", "T", "E0")
    sounds = _nuclei(list(_sounds(word)))
    nuclei = [place for place, sound in enumerate(sounds) if sound[0].islower()]
    if not nuclei:  # as hmm
        return tuple(phone for letter in word if letter.isalpha() for phone in _letter(letter))
    stressed = _stressed(word, [sounds[place] for place in nuclei])
    for number, place in enumerate(nuclei):
        sounds[place] = _PLAIN.get(sounds[place], sounds[place]).upper() + str(int(number == stressed))
    return tuple(sounds)


def _letter(letter: str) -> Phones:
    return phones_of(LETTERS.get(letter.upper(), "letra"))


def _sounds(word: str) -> Iterator[str]:
    """Yields the phones of consonants, and vowels as they are written; a y that glides is one, too."""
    place = 0
    while place < len(word):
        for pattern, phones in _SPELLINGS:
            match = pattern.match(word, place)
            if match:
                if phones == ("+",):
                    place = match.end() - 1
                    break
                yield from (match[0] if phone == "*" else phone for phone in phones)
                place = match.end()
                break
        else:
            place += 1


def _nuclei(sounds: Sequence[str]) -> list[str]:
    """Makes glides of the weak vowels beside others: only the nuclei of syllables are left in lower case."""
    result: list[str] = []
    for place, sound in enumerate(sounds):
        before = result[-1] if result else ""
        after = sounds[place + 1] if place + 1 < len(sounds) else ""
        if sound == "y":
            result.append("Y")
        elif (sound in "iuü" and _takes(sound, after)) or (
            sound in "iuü" and before[:1].islower() and before not in ("í", "ú", sound) and before != "i"
        ):
            result.append("Y" if sound == "i" else "W")
        else:
            result.append(sound)
    return result


def _takes(weak: str, after: str) -> bool:
    """Tells whether a weak vowel glides into what follows."""
    return after in tuple("aeoáéóíúiu") and _PLAIN.get(after, after) != _PLAIN.get(weak, weak)


def _stressed(word: str, nuclei: Sequence[str]) -> int:
    """Returns which nucleus is stressed, counted from 0: the accented one, or else by the rule."""
    marked = [number for number, nucleus in enumerate(nuclei) if nucleus in "áéíóú"]
    if marked:
        return marked[-1]
    # Transcripts without accents have no other reading of these: conexion.
    penultimate = re.search(r"[aeiouáéíóúü][ns]?$", word) and not re.search(r"[b-df-hj-np-tv-z]ion$", word)
    return max(0, len(nuclei) - 2) if penultimate else len(nuclei) - 1
