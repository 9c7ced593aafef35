"""Hypothesis strategies that several tests draw from."""

import dataclasses
import typing
from typing import Any

from hypothesis import strategies as st

from wavenet_jax.config import RunConfig, base_type


def run_configs() -> st.SearchStrategy[RunConfig]:
    """Draws run configs, with every field that has a flag from what it accepts."""
    return _instances(RunConfig)


def _instances(kind: Any) -> st.SearchStrategy[Any]:
    def build(options: dict[str, Any], order: list[str]) -> Any:
        """Keeps as many of the options as fit each other; the others, in the order given, get their defaults."""
        kept = dict(options)
        for name in order:
            try:
                return kind(**kept)
            except ValueError:
                del kept[name]
        return kind(**kept)

    fields = {field.name: _values(field) for field in dataclasses.fields(kind) if not field.metadata.get("recorded")}
    return st.builds(build, st.fixed_dictionaries(fields), st.permutations(sorted(fields)))


def _values(field: dataclasses.Field) -> st.SearchStrategy[Any]:
    if dataclasses.is_dataclass(field.type):
        return _instances(field.type)
    kind = base_type(field)
    if typing.get_origin(kind) is tuple:
        values = st.lists(_scalars(field, typing.get_args(kind)[0]), max_size=4).map(tuple)
    else:
        values = _scalars(field, kind)
    return values if kind is field.type else st.none() | values


def _scalars(field: dataclasses.Field, kind: type) -> st.SearchStrategy[Any]:
    bounds = field.metadata["bounds"]
    if field.metadata["choices"]:
        return st.sampled_from(sorted(field.metadata["choices"]))
    if kind is bool:
        return st.booleans()
    if kind is str:
        # Flags read a ~ in front of a path as the home folder.
        return st.text(
            st.characters(codec="utf-8", categories=("L", "N", "P", "S"), exclude_characters="~"), min_size=1
        )
    low = bounds.get("at_least", bounds.get("above"))
    high = bounds.get("at_most", bounds.get("below"))
    if kind is int:
        return st.integers(low, high)
    return st.floats(
        low,
        high,
        exclude_min="above" in bounds,
        exclude_max="below" in bounds,
        allow_nan=False,
        allow_infinity=False,
    )
