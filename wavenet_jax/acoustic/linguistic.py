"""What a network that takes phones is told of each frame (WaveNet, van den Oord et al. 2016, §3.2)."""

import numpy as np

from wavenet_jax.acoustic.config import AcousticRunConfig
from wavenet_jax.acoustic.model import places_of
from wavenet_jax.acoustic.symbols import Inventory, Symbols

KINDS = Inventory().sizes
"""Values of each column of symbols of English; other languages, and classes, are not described."""

_NEIGHBOURS = (-1, 1, 2)
"""Which other phones and pauses a frame names, counted from its own."""

_MOST = 2.0


def linguistic_frames(symbols: Symbols, lengths: np.ndarray) -> np.ndarray:
    """Describes F frames of phones and pauses: float32 ``[F, PHONE_COLUMNS]`` from 0 to 2, nearly all at most 1.

    The columns are 1 for each of the ``Symbols.kinds`` of what sounds, and for the phones or pauses beside it, else 0;
    then the ``Symbols.numbers``, and the numbers of ``places_of``. What has no frames is not beside anything.

    Args:
      symbols: P of them.
      lengths: frames of each, ``[P]``, F in all.
    """
    heard = lengths > 0
    kinds, numbers = symbols.kinds[heard], symbols.numbers[heard]
    owner, places = places_of(lengths[heard])
    before, after = -min(_NEIGHBOURS), max(_NEIGHBOURS)
    phones = np.pad(kinds[:, 0], (before, after))
    around = [phones[before + step : len(phones) - after + step] for step in _NEIGHBOURS]
    columns = [np.eye(count, dtype=np.float32)[column] for count, column in zip(KINDS, kinds.T, strict=True)]
    columns += [np.eye(KINDS[0], dtype=np.float32)[column] for column in around]
    told = np.concatenate([*columns, numbers], axis=1)
    return np.concatenate([told[owner], np.minimum(places, _MOST)], axis=1).astype(np.float32)


def whole_frames(config: AcousticRunConfig, symbols: Symbols, lengths: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Returns frames as the vocoder takes them: with the phones, where they are among its features.

    Args:
      config: says which features there are, and in which order.
      symbols: what is said.
      lengths: frames of each symbol, F in all.
      measured: the other features, in the order of ``config.measured``: ``[F, C]``.
    """
    features = config.measured.features
    parts = {name: measured[:, features.columns(name)] for name in features.local_features}
    if "phones" in config.features.local_features:
        parts["phones"] = linguistic_frames(symbols, lengths)
    return np.concatenate([parts[name] for name in config.features.local_features], axis=1)
