"""Numbers in English words."""

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_THOUSANDS = ("", "thousand", "million", "billion", "trillion", "quadrillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}

Words = list[str]


def cardinal(number: int) -> Words:
    """Names a number below 10 ** 18, as ``1042``: one thousand forty two."""
    if number == 0:
        return ["zero"]
    assert 0 < number < 1000 ** len(_THOUSANDS)
    groups = []
    while number:
        number, group = divmod(number, 1000)
        groups.append(group)
    words: Words = []
    for group, thousand in reversed(list(zip(groups, _THOUSANDS, strict=False))):
        if group:
            words += [*_below_thousand(group), *thousand.split()]
    return words


def ordinal(number: int) -> Words:
    """Names a place, as ``22``: twenty second."""
    *before, last = cardinal(number)
    if last in _ORDINALS:
        return [*before, _ORDINALS[last]]
    return [*before, f"{last[:-1]}ieth" if last.endswith("y") else f"{last}th"]


def year(number: int) -> Words:
    """Names a year of four digits or fewer, as ``1984``: nineteen eighty four."""
    century, rest = divmod(number, 100)
    if number < 1000 or (century % 10 == 0 and rest < 10):  # 2005: two thousand five
        return cardinal(number)
    if rest == 0:
        return [*cardinal(century), "hundred"]
    return [*cardinal(century), *(["oh", _ONES[rest]] if rest < 10 else cardinal(rest))]


def digits(text: str) -> Words:
    """Names each digit."""
    return [_ONES[int(digit)] for digit in text]


def decimal(text: str) -> Words:
    """Names a number as it is written without separators, as ``3.14``: three point one four.

    Numbers of more than 15 digits, and those that begin with a zero, are named digit by digit.
    """
    whole, point, fraction = text.partition(".")
    words: Words = []
    if whole:
        by_digit = len(whole) > 15 or (len(whole) > 1 and whole[0] == "0")
        words = digits(whole) if by_digit else cardinal(int(whole))
    return words + (["point", *digits(fraction)] if point and fraction else [])


def plural(words: Words) -> Words:
    """Puts the last word into the plural, as in the eighties."""
    *before, last = words
    return [*before, f"{last[:-1]}ies" if last.endswith("y") else f"{last}es" if last.endswith("x") else f"{last}s"]


def _below_thousand(number: int) -> Words:
    hundreds, rest = divmod(number, 100)
    words = [_ONES[hundreds], "hundred"] if hundreds else []
    if rest >= 20:
        tens, ones = divmod(rest, 10)
        return [*words, _TENS[tens], *([_ONES[ones]] if ones else [])]
    return [*words, _ONES[rest]] if rest else words
