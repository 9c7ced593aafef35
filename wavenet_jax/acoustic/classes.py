"""Parts of what a model knows: tables of phones and classes by their names, single classes, fewer features."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from wavenet_jax.acoustic.config import LANGUAGE
from wavenet_jax.acoustic.model import parameter_shapes
from wavenet_jax.acoustic.runs import TrainedAcoustic
from wavenet_jax.acoustic.symbols import COLUMNS, Inventory
from wavenet_jax.config import RunConfig
from wavenet_jax.integrity import flatten, unflatten

PHONE_TABLE = "tables_0/embedding"
_FIRST_PHONE = 2
"""Rows of the table of phones before those of phones: nothing, and a pause."""


def class_tables(inventory: Inventory) -> dict[str, str]:
    """Returns the path of the table of each family of classes; its row 0 is no class."""
    return {family: f"tables_{column}/embedding" for column, family in enumerate(inventory.families, start=COLUMNS)}


def is_named(path: str) -> bool:
    """Tells whether a parameter is a table of phones or of classes."""
    name, _, _ = path.partition("/")
    return path == PHONE_TABLE or (name.startswith("tables_") and int(name.removeprefix("tables_")) >= COLUMNS)


def renamed(
    given: Mapping[str, np.ndarray], theirs: Inventory, fresh: Mapping[str, np.ndarray], ours: Inventory
) -> dict[str, np.ndarray]:
    """Returns the tables of an inventory, with the rows of another one's by their names; others are those of ``fresh``.

    Args:
      given: parameters by path, of the inventory ``theirs``.
      theirs: what they tell apart.
      fresh: parameters of the inventory ``ours``.
      ours: what is told apart now.
    """

    def taken(old: np.ndarray, names: Sequence[str], new: np.ndarray, rows: Sequence[str], first: int) -> np.ndarray:
        new = np.array(new)
        new[:first] = old[:first]
        for row, name in enumerate(rows, start=first):
            if name in names:
                new[row] = old[first + names.index(name)]
        return new

    tables = {PHONE_TABLE: taken(given[PHONE_TABLE], theirs.phones, fresh[PHONE_TABLE], ours.phones, _FIRST_PHONE)}
    old_tables = class_tables(theirs)
    for family, path in class_tables(ours).items():
        tables[path] = np.array(fresh[path])
        if family in old_tables:
            names = theirs.families[family], ours.families[family]
            tables[path] = taken(given[old_tables[family]], names[0], fresh[path], names[1], 1)
    return tables


def said_of_phones(given: Mapping[str, np.ndarray], inventory: Inventory, family: str, name: str | None) -> np.ndarray:
    """Returns what a class adds to every phone, ``[H]``; None: what those of its family add on the average."""
    rows = given[class_tables(inventory)[family]][1:]
    return rows.mean(axis=0) if name is None else rows[inventory.families[family].index(name)]


def narrowed(trained: TrainedAcoustic, labels: Sequence[str]) -> TrainedAcoustic:
    """Returns the model of some classes alone, which is no longer asked for them, and speaks as it did with them.

    Args:
      trained: the model.
      labels: the classes, as NAME or FAMILY=NAME; families without one stay.

    Raises:
      ValueError: the model has no such class, or two of a family are given.
    """
    config, given = trained.config, flatten(trained.params)
    theirs = config.acoustic.inventory
    chosen = config.named(labels)
    if not chosen:
        return trained
    kept = tuple(label for label in config.acoustic.classes if label.partition("=")[0] not in chosen)
    acoustic = dataclasses.replace(
        config.acoustic,
        classes=kept,
        condition_on_classes=bool(kept),
        language=chosen.get(LANGUAGE, config.acoustic.language),
    )
    config = dataclasses.replace(config, acoustic=acoustic)
    shapes = parameter_shapes(config)
    fresh = {path: np.zeros(leaf.shape, np.float32) for path, leaf in flatten(shapes).items() if is_named(path)}
    tables = renamed(given, theirs, fresh, acoustic.inventory)
    for family, name in chosen.items():
        tables[PHONE_TABLE] = tables[PHONE_TABLE] + said_of_phones(given, theirs, family, name)
    layers = {path: array for path, array in given.items() if not is_named(path)}
    return TrainedAcoustic(config, unflatten({**layers, **tables}, shapes), trained.step)


def fitted(trained: TrainedAcoustic, vocoder: RunConfig) -> TrainedAcoustic:
    """Returns the model for a vocoder that is told phones: of one for log-mel, the lengths, the pitch and the voicing.

    It has no classes, and speaks ``language`` alone. Any other model is returned as it is; ``check_vocoder`` says
    whether it fits.

    Raises:
      ValueError: it has classes other than languages.
    """
    ours, theirs = trained.config.features.local_features, vocoder.model.features.local_features
    if "phones" not in theirs or not set(theirs) <= {*ours, "phones"}:
        return trained
    trained = narrowed(trained, trained.config.chosen(()))
    features = dataclasses.replace(trained.config.features, local_features=theirs)
    config = dataclasses.replace(trained.config, features=features)
    return trained._replace(config=config, params={name: trained.params[name] for name in parameter_shapes(config)})
