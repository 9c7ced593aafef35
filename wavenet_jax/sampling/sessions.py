"""Sessions as files: restored in another process, streams resume as if nothing had happened, bit for bit."""

import json
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np

from wavenet_jax.config import WaveNetConfig, field_values, from_json, to_json
from wavenet_jax.integrity import different_form, flatten, listing, sealed, unflatten, unsealed
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling.scan import (
    Session,
    begin,
    is_guided,
    streams_of,
    with_key_types,
    without_key_types,
)
from wavenet_jax.storage import write_whole

_KIND = "wavenet_jax session"

_FORMERLY = {"heard": "block", "told": "output"}
"""Names of arrays in files of older versions, and today's."""


def save_session(path: Path, session: Session, config: WaveNetConfig, notes: Mapping[str, str] | None = None) -> None:
    """Writes a session of a network of ``config`` as a safetensors file, whole or not at all.

    The weights are not in it: streams that resume with others are other streams. ``notes`` are for whoever reads it.
    """
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in flatten(without_key_types(session)).items()}
    about = {
        "config": to_json(config),
        "streams": str(streams_of(session)),
        "guided": "yes" if is_guided(session) else "no",
        "notes": json.dumps(dict(notes or {})),
    }
    write_whole(path, sealed(_KIND, arrays, about))


def load_session(path: Path, config: WaveNetConfig) -> tuple[Session, dict[str, str]]:
    """Reads the session that ``save_session`` wrote, and its notes.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is not a session, is damaged, or belongs to a network of another config; names the difference.
    """
    arrays, about = unsealed(path, _KIND)
    _check_config(path, about["config"], config)

    arrays = {_renamed(name): array for name, array in arrays.items()}
    streams, guided = int(about["streams"]), about["guided"] == "yes"
    model, key = WaveNet(config), jax.random.key(0)
    like = jax.eval_shape(lambda: without_key_types(begin(model, key, streams, guided=guided)))
    difference = different_form(listing(arrays), flatten(like))
    if difference is not None:
        raise ValueError(f"{path} does not fit this program: {difference}")
    session = with_key_types(jax.tree.map(jax.numpy.asarray, unflatten(arrays, like)))
    return session, json.loads(about["notes"])


def _renamed(path: str) -> str:
    """Returns today's path of an array."""
    *places, name = path.split("/")
    return "/".join([*places, _FORMERLY.get(name, name)])


def _check_config(path: Path, kept: str, config: WaveNetConfig) -> None:
    """Raises ``ValueError`` for a session of a network of another config."""
    try:
        found = from_json(WaveNetConfig, kept)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    for (name, theirs), (_, ours) in zip(field_values(found), field_values(config), strict=True):
        if theirs != ours:
            raise ValueError(f"{path} is a session of a network with {name}={theirs}, this one has {ours}")
