"""One description of the data of a run: its clips by name, length and class, not where they lie."""

from collections.abc import Mapping, Sequence
from typing import Any

from wavenet_jax.data.source import Source

Fingerprint = dict[str, dict[str, list[Any]]]
"""By split and name, each clip's length in samples and its classes as FAMILY=NAME, in order; fit for JSON."""


def fingerprint(splits: Mapping[str, Source]) -> Fingerprint:
    """Describes the clips of each split, to be compared at a later start.

    What a run computes depends on these clips and their order. It does not depend on the paths of folders, on times of
    files, or on caches.
    """
    return {
        split: {
            name: [int(length), *labels]
            for name, length, labels in zip(source.names, source.lengths, source.labels, strict=True)
        }
        for split, source in splits.items()
    }


def difference(before: Fingerprint, now: Fingerprint) -> str | None:
    """Returns in one line how two data sets differ; None where a run computes the same with both.

    A folder that has only been renamed makes no difference, as long as its clips are the same, in the same order.
    """
    if before.keys() == now.keys() and all(_order(before[split]) == _order(now[split]) for split in now):
        return None
    old, new = _clips(before), _clips(now)
    both = [name for name in new if name in old]
    parts = [
        _counted([name for name in new if name not in old], "added"),
        _counted([name for name in old if name not in new], "gone"),
        _counted([name for name in both if old[name][1] != new[name][1]], "of another length"),
        _counted([name for name in both if old[name][2:] != new[name][2:]], "of another class"),
        _counted([name for name in both if old[name][0] != new[name][0]], "in another split"),
    ]
    changes = [part for part in parts if part]
    if not changes:
        return "the clips are in another order"
    first, _, rest = changes[0].partition(" ")
    text = ", ".join([f"{first} {'clip' if first == '1' else 'clips'} {rest}", *changes[1:]])
    return text + (", other clips are held out" if _held_out(before) != _held_out(now) else "")


def have_common_clips(before: Fingerprint, now: Fingerprint) -> bool:
    """Tells whether any clip is in both data sets, by its length and its name in its folder."""
    old, new = ({(name, clip[0]) for split in data.values() for name, clip in _order(split)} for data in (before, now))
    return bool(old & new)


def _order(clips: Mapping[str, Sequence[Any]]) -> list[tuple[str, Sequence[Any]]]:
    """Lists everything that a run depends on; the first folder of a name may have been renamed."""
    return [(name.partition("/")[2] or name, list(clip)) for name, clip in clips.items()]


def _clips(data: Fingerprint) -> dict[str, tuple[Any, ...]]:
    return {name: (split, *clip) for split, clips in data.items() for name, clip in clips.items()}


def _held_out(data: Fingerprint) -> list[set[str]]:
    return [set(data.get(split, {})) for split in ("validation", "test")]


def _counted(names: Sequence[str], change: str) -> str | None:
    if not names:
        return None
    return f"{len(names)} {change} ({names[0]}{', ...' if len(names) > 1 else ''})"
