"""Tables of the parts that a config chooses by name: output heads and conditions.

The config holds names only. The module that implements an entry registers it, in a room above; ``home`` is imported
at the first look-up, so that a config can be checked, and ``--help`` can list the choices, wherever it is used. Other
packages add entries of their own with ``register``.
"""

import importlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class Table(Mapping[str, Any]):
    """Entries by name, in the order of their registration."""

    def __init__(self, what: str, home: str) -> None:
        """
        Args:
          what: names the field that chooses from the table, for error messages.
          home: module whose import registers the entries that come with this package.
        """
        self._what, self._home = what, home
        self._entries: dict[str, Any] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Returns a decorator that adds an entry.

        Raises:
          ValueError: another entry has the name.
        """

        def add(entry: T) -> T:
            if self._entries.setdefault(name, entry) is not entry:
                raise ValueError(f"there is a {self._what} called {name!r} already")
            return entry

        return add

    def unregister(self, name: str) -> None:
        """Removes an entry."""
        del self._entries[name]

    def __getitem__(self, name: str) -> Any:
        """Returns the entry of a name.

        Raises:
          ValueError: there is none; the message lists the names.
        """
        if name not in self._all:
            raise ValueError(f"{self._what} must be one of {', '.join(self)}, got {name!r}")
        return self._all[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @property
    def _all(self) -> dict[str, Any]:
        importlib.import_module(self._home)
        return self._entries


HEADS = Table("head", "wavenet_jax.model.heads")
"""Classes of output heads: see ``wavenet_jax.model.heads.Head``."""

FRAME_CONDITIONS = Table("local_features", "wavenet_jax.conditions")
"""Conditions that describe each frame: see ``wavenet_jax.conditions.FrameCondition``."""

STREAM_CONDITIONS = Table("condition", "wavenet_jax.conditions")
"""Conditions that describe a whole stream: see ``wavenet_jax.conditions.StreamCondition``."""
