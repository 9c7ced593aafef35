"""Holding out some of few files, where a hash of their names would leave a side empty."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from wavenet_jax.config import DataConfig
from wavenet_jax.data.splits import place

SIDES = ("validation", "test")


class Usable(NamedTuple):
    """A usable file."""

    name: str
    """The relative name; its hash decides."""
    samples: int
    split: str
    """By its name."""


class Part(NamedTuple):
    """A piece of a file as a clip of its own."""

    split: str
    suffix: str
    """Is added to the file's name."""
    start: int
    stop: int


def held_out_sides(data: DataConfig) -> list[str]:
    """Returns the splits that a share of the files is asked for, rather than files by their names."""
    shares = {"validation": data.validation_fraction, "test": data.test_fraction}
    return [side for side in SIDES if shares[side] and not getattr(data, f"{side}_files")]


def balanced(files: Sequence[Usable], data: DataConfig) -> dict[int, str]:
    """Moves files so that each side that is asked for has one, and training too.

    It is a matter of names and lengths alone, so that a later start decides alike.

    Args:
      files: usable ones, at least two.
      data: what is asked for.

    Returns:
      The new splits of those that move, by their numbers.
    """
    sides = held_out_sides(data)
    splits = [file.split for file in files]
    if {"train", *sides} <= set(splits):
        return {}
    order = sorted(range(len(files)), key=lambda number: (place(files[number].name), files[number].name))
    half = sum(file.samples for file in files) // 2
    if "train" not in splits and not (data.validation_files or data.test_files):
        counts = Counter(splits)
        last_first = reversed(order)
        splits[max(last_first, key=lambda n: (counts[splits[n]] > 1, splits[n] == "test"))] = "train"
    for side in sides:
        spare = [number for number in order if splits[number] == "train"]
        if side not in splits and len(spare) > 1:
            # Not the file that most of the audio is in, as long as there is another.
            splits[min(spare, key=lambda number: files[number].samples > half)] = side  # the first of the least
    return {number: split for number, split in enumerate(splits) if split != files[number].split}


def divided(samples: int, data: DataConfig, least: int) -> list[Part]:
    """Cuts a single file into what is trained on and its end, which is held out.

    Args:
      samples: its length.
      data: what is asked for.
      least: samples that each part must have.

    Returns:
      The parts, in order; only one where the file is too short for more.
    """
    shares = {"validation": data.validation_fraction, "test": data.test_fraction}
    parts: list[Part] = []
    stop = samples
    for side, suffix in (("validation", "[end]"), ("test", "[test]")):
        if side in held_out_sides(data):
            size = max(round(shares[side] * samples), least)
            if stop - size < least:
                break
            parts.insert(0, Part(side, suffix, stop - size, stop))
            stop -= size
    return [Part("train", "", 0, stop), *parts]
