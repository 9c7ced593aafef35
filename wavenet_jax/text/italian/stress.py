"""Where the stress of an Italian word is, and whether its vowel is open: by rules, and by a table of exceptions."""

import functools
import lzma
import re
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files

from wavenet_jax.text.italian.sounds import ACCENTS, nuclei, plain, sounds

MARKED = "italian.tsv.xz"
"""File of the package: words, with marks, that the rules get wrong; see ``build_italian``."""

_ACUTE, _GRAVE = str.maketrans("aeiou", "àéìóù"), str.maketrans("aeiou", "àèìòù")

_BY_HAND = (
    "altrùi americàno ancòna ancóra avvìano circùito cognóme colùi consìdera costùi càmbiano còpiano desìdera dìodo "
    "dóve etìope flùido gaetàno giordàno gladìolo immàgina invìano inìziano licènziano luciàno lucìa lugàno lèi "
    "lìbera marìa menù meràno messicàno milàno mièi nàpoli nòna nòno nói oristàno perìodo psorìasi puòi pàia pàio "
    "quél quélla quéllo repubblicàno ringràziano rinvìano rosarìa rubrìca rècita scàmbiano seguìta seguìte sofìa "
    "stùdiano suòi sèmina sìano sótto sùbito trìade trìodo tuòi tàranto tèrmina vuòi vàriano vèngono vói àbbiano "
    "àbita òccupa òdiano òpera òrdina"
)
"""Words that the table lacks, and the rules get wrong."""

_TENS = "venti trenta quaranta cinquanta sessanta settanta ottanta novanta".split()

_LOANWORDS = dict(
    pair.split("=")
    for pair in (
        "asterisk=àsterisk bluetooth=blutùt bob=bòb browser=bràuser byte=bàit club=clàb com=còm computer=compiùter "
        "cowboy=còuboi digium=dìgium email=ìmeil facebook=fèisbuk file=fàil gigabyte=ghigabàit google=gùghel "
        "hardware=àrduer internet=ìnternet iphone=aifòn jazz=gèz jeans=gìns jolly=giòlli kilobyte=chilobàit "
        "leader=lìder linux=lìnux mail=mèil manager=mènager megabyte=megabàit microsoft=màicrosoft mouse=màus "
        "nancy=nènsi net=nèt ok=ochèi okay=ochèi online=onlàin org=òrg password=pàssuord router=rùter server=sèrver "
        "show=sciòu skype=scàip smartphone=smartfòn software=sòftuer streaming=strìming terabyte=terabàit "
        "twitter=tuìtter washington=uòscinton watt=vàt web=uèb weekend=uichènd whatsapp=uàtsap whisky=uìschi "
        "whiskey=uìschi wifi=uaifài windows=uìndous yankee=iènchi york=iòrc youtube=iutiùb zoom=zùm"
    ).split()
)
"""Words by how Italian would spell them."""

_ANTEPENULTIMATE = re.compile(
    "(?:"
    "[aiou]bil[ei]|evol[ei]|(?:iss|err|ess|tt|ult|nt|ec|on|an)im[oaie]|[bcdfglmnprstvz]ic(?:[oai]|h[ei])|plic[ei]|"
    "log(?:[oai]|h[ie])|graf[oaie]|fon[oaie]|(?<!a)metr[oaie]|crat[aie]|drom[oi]|gon[oi]|(?<!s)fer[oaie]|vor[oaie]|"
    "fil[oaie]|fag[oaie]|crom[oaie]|fal[oaie]|nom[oi]|man[ei]|pod[ei]|iad[ei]|trop[oaie]|gen[oaie]|"
    "(?:[bcgtpd]|zz|[aeou]v)ol[oaie]|[bcdgpst]ul[oaie]|(?<![oc])id[oaie]|(?:ac|an|ar|at|en|er|in|or)e[oaie]|"
    "(?:and|end)o(?:l[oaie]|mi|ti|si|ci|vi|ne|gli)|(?:at|et|it)e(?:l[oaie]|mi|ci|vi|ne)|"
    "[ae]r(?:me|te|se|ce|ve|glie)(?:l[oaie]|ne)|(?:ss|bb|tt|[aiueo]s|er)ero|(?<!i)ere|tteri|"
    "esim[oaie]|[aeiou]g?gin[ei]|[eiu]din[ei]|[rt]min[ei]|"
    "gram|(?:te|li|ne)si|(?:tt|im|ss|nd)il[ei]"
    ")$"
)
"""Endings, of words of three syllables or more, that take the stress before them: rapido, parlano, medico."""

_HIATUS = re.compile(
    "(?:log|graf|[aei]tr|om|[ft]on|ob|at|op|ap|raz|em|man|manz|es|as|ess|arch|rch|urg|erg|alg|[bcdfghilmnprtvz]er|ag|"
    "eg|fil|gam|erm|iatr)(?P<i>i)[ae]$|[a-z](?P<j>i)ac(?:[oai]|h[ie])$|[aeo](?P<k>i)n[oaie]$"
)
"""Endings whose i is stressed: energia, pizzeria, cardiaco, proteina."""

_CLOSED_E = re.compile(
    "ss[ae]$|(?:tt|s|zz|t|sc|gn|ggi|cchi|cci?|pp|gli|lv|lf|rchi?|mb|sp)[aeio]$|vol[ei]$|tters?[aeio]$"
)
_OPEN_O = re.compile(
    "(?:l|tt|ri|t|m|rt|cc|ni|c|i?d|gli|pi|rf|v|cchi|str|nn|p|di|cci|li|pp|si|gi|ggi|b|mi|bi|ff|rdi|g|zz|z|ss|ll|sci|ci|"
    "zi|)[aeio]$"
)
"""What follows a stressed vowel in the syllable before the last one, where e is closed and o is open."""

_CLOSED_O = re.compile("nder|rrer|rdin|mper|scer|mbol|rtun|sser|gnit")
"""What follows a stressed o further ahead, where it is closed."""

_CLITIC = re.compile("(?P<verb>.*[aei]r)(?P<clitic>mi|ti|si|ci|vi|l[oaie]|ne|gli)$")
_SHORTENED = re.compile("[a-z]{2}[aeio]r$")
"""Words without their last vowel: prender, as prendere; signor."""

_PLURAL = re.compile("[a-z]{2}(?:(?<!i)a|[cg]ia|glia|o)no$")
"""Verbs of several persons, which keep the stress of one: parlano, as parla."""


def marked(word: str) -> str:
    """Puts marks on a word in lower case, as far as they are needed to pronounce it; it may have some already."""
    if any(letter in ACCENTS for letter in word):
        return word
    return _LOANWORDS.get(word) or excepted(word, _table()) or _with_clitic(word, marked) or by_rule(word)


def by_rule(word: str) -> str:
    """Puts the accent where the rules want it."""
    if (verb := _with_clitic(word, by_rule)) is not None:
        return verb
    if _PLURAL.search(word):
        return f"{by_rule(word[:-2])}no"
    if _SHORTENED.search(word):
        return by_rule(f"{word}e")[:-1]
    hiatus = _HIATUS.search(word)
    if hiatus and len(word) > 4:
        place = hiatus.start(hiatus.lastgroup or "")
        return f"{word[:place]}ì{word[place + 1 :]}"
    whole = nuclei(list(sounds(word)))
    found = [number for number, sound in enumerate(whole) if sound.is_vowel]
    if not found:
        return word
    at = len(found) - 1 if found[-1] < len(whole) - 1 and word[-1] in "iu" else _stressed(word, len(found))
    place = whole[found[at]].place
    glide = whole[found[at] - 1].text if found[at] else ""
    is_open = _is_open(word, place, len(found) - 1 - at, glide)
    return word[:place] + word[place].translate(_GRAVE if is_open else _ACUTE) + word[place + 1 :]


def _with_clitic(word: str, mark: Callable[[str], str]) -> str | None:
    """Marks an infinitive with a pronoun behind it, which keeps its stress: prendersi, as prendere."""
    verb = _CLITIC.match(word)
    return None if verb is None else mark(f"{verb['verb']}e")[:-1] + verb["clitic"]


def _stressed(word: str, count: int) -> int:
    """Returns which of the syllables of a word is stressed, counted from 0."""
    if word[-1] not in "aeiou":
        return count - 1
    if count > 2 and _ANTEPENULTIMATE.search(word):
        return count - 3
    return max(0, count - 2)


def _is_open(word: str, place: int, after: int, glide: str) -> bool:
    """Tells whether the stressed vowel is open, by the syllables that come after it, and by what is written there."""
    vowel, rest = word[place], word[place + 1 :]
    if vowel == "e":
        if after == 1 and (_CLOSED_E.match(rest) or word[place - 1 :].startswith(("ment", "mens"))):
            return False
        return not (after == 0 and not rest) and not (after > 1 and _CLOSED_E.match(rest))
    if glide == "W" and not rest.startswith("s"):
        return True
    if after == 1:
        return _OPEN_O.match(rest) is not None
    return not (after > 1 and _CLOSED_O.match(rest))


def excepted(word: str, table: Mapping[str, str]) -> str | None:
    """Returns the marks of a word in a table of them, or of one that has another ending there: camere, as camera."""
    if word in table:
        return table[word]
    if (
        len(word) > 5 and word.endswith(("ano", "ono")) and (singular := excepted(word[:-2], table))
    ):  # telefonano, as telefona
        return f"{singular}no"
    for other in _siblings(word):
        if other in table and len(other) > 3:
            form = table[other]
            if form[-1] in "aeio":
                return _ended(form, word)
    return None


def _siblings(word: str) -> Iterator[str]:
    """Yields words with another ending: the other number, the other gender; c and g stay as hard or soft as they are,
    but for the plural of -co and -go."""
    match = re.match("(.*?)(h?)([aeio])$", word)
    if match is None:
        return
    stem, hard, ending = match.groups()
    changes = stem[-1:] in ("c", "g")
    for other in "oaei":
        if changes and (hard or ending in "ao"):
            yield f"{stem}{'h' if other in 'ei' else ''}{other}"
        elif not changes or other in "ei" or (ending == "i" and other == "o"):
            yield f"{stem}{hard}{other}"


def _ended(form: str, word: str) -> str:
    """Gives a marked form the ending of a word."""
    stem = re.sub("h?[aeio]$", "", form)
    return stem + word[len(stem) :]


@functools.cache
def _table() -> dict[str, str]:
    text = lzma.decompress(files("wavenet_jax.text").joinpath(MARKED).read_bytes()).decode()
    sevens = (f"{tens}sètte" for tens in _TENS)
    return {plain(form): form for form in (*text.split(), *_BY_HAND.split(), *sevens)}


def is_excepted(word: str) -> bool:
    """Tells whether a table has the word."""
    return word in _LOANWORDS or word in _table()
