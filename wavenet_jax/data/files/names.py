"""Names of files as users write them in lists and tables."""

import os
import posixpath
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache

from wavenet_jax.data.files.places import resolved


def spellings(text: str, folder: str) -> Iterator[str]:
    """Yields the relative names that a user may mean: as written, without ``./``, without the folder, with slashes.

    Args:
      text: the name in a list or table.
      folder: the data folder, whose path or name may stand in front.
    """
    yield text
    plain = posixpath.normpath(text.replace("\\", "/"))
    yield plain
    for prefix in _prefixes(folder):
        if plain.startswith(prefix):
            yield plain[len(prefix) :]


@lru_cache
def _prefixes(folder: str) -> tuple[str, ...]:
    whole = resolved(folder)
    return tuple(f"{prefix}/" for prefix in (posixpath.normpath(folder), whole, os.path.basename(whole)))


class NameIndex:
    """The files of a folder, found by names in full or, where only one file can be meant, in short."""

    def __init__(self, folder: str, names: Sequence[str]):
        self._folder = folder
        self._names = frozenset(names)
        self._short: dict[str, set[str]] = defaultdict(set)
        for name in names:
            stem = os.path.splitext(name)[0]
            for short in (stem, posixpath.basename(name), posixpath.basename(stem)):
                self._short[short].add(name)

    def find(self, text: str) -> str | None:
        """Returns the name of the file that is meant; None where there is none, or more than one."""
        meant = list(spellings(text, self._folder))
        for name in meant:
            if name in self._names:
                return name
        for name in meant:
            if len(self._short.get(name, ())) == 1:
                return next(iter(self._short[name]))
        return None
