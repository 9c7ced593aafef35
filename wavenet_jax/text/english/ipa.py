"""From the International Phonetic Alphabet to ARPABET."""

from wavenet_jax.text.languages import ENGLISH

_IPA = {
    **{"ɑ": "AA", "æ": "AE", "ə": "AH", "ʌ": "AH", "ɔ": "AO", "aʊ": "AW", "aɪ": "AY", "ɛ": "EH", "ɚ": "ER", "ɝ": "ER"},
    **{"eɪ": "EY", "ɪ": "IH", "i": "IY", "oʊ": "OW", "ɔɪ": "OY", "ʊ": "UH", "u": "UW"},
    **{"b": "B", "t͡ʃ": "CH", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "h": "HH", "d͡ʒ": "JH", "k": "K", "l": "L"},
    **{"m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "s": "S", "ʃ": "SH", "t": "T", "θ": "TH", "v": "V"},
    **{"w": "W", "j": "Y", "z": "Z", "ʒ": "ZH"},
}
_IPA_STRESS = {"ˈ": "1", "ˌ": "2"}


def from_ipa(phone: str) -> str:
    """Converts an American English phone from IPA, preceded by its stress mark, to ARPABET.

    Raises:
      KeyError: it is not a phone of American English.
    """
    stress = _IPA_STRESS.get(phone[:1], "0")
    plain = _IPA[phone.lstrip("ˈˌ")]
    return plain + stress if plain in ENGLISH.vowels else plain
