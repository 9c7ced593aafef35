"""Sessions as files: restored in another process, streams go on as if nothing had happened, bit for bit."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import safe_open
from safetensors.numpy import save

from wavenet_jax.config import WaveNetConfig, field_values, from_json, to_json
from wavenet_jax.integrity import different_form, flatten, listing, text_digest, unflatten, write_whole
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling.scan import Session, begin, is_guided, streams_of

_KIND = "wavenet_jax session"


def save_session(path: Path, session: Session, config: WaveNetConfig, notes: Mapping[str, str] | None = None) -> None:
    """Writes a session of a network of ``config`` as a safetensors file, whole or not at all.

    The weights are not in it: streams that go on with others are other streams. ``notes`` are for whoever reads it.
    """
    arrays = {name: np.asarray(leaf, order="C") for name, leaf in flatten(_plain(session)).items()}
    about = {
        "kind": _KIND,
        "config": to_json(config),
        "streams": str(streams_of(session)),
        "guided": "yes" if is_guided(session) else "no",
        "arrays": json.dumps(listing(arrays)),
        "notes": json.dumps(dict(notes or {})),
    }
    write_whole(path, save(arrays, metadata={**about, "sha256": text_digest(about)}))


def load_session(path: Path, config: WaveNetConfig) -> tuple[Session, dict[str, str]]:
    """The session that ``save_session`` wrote, and its notes.

    Raises:
      OSError: the file cannot be read.
      ValueError: it is no session, is damaged, or is one of a network of another config; names the first difference.
    """
    with open(path, "rb"):
        pass  # safetensors has an error of its own for a file that is not there
    try:
        with safe_open(path, framework="np") as file:
            about = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dictionary
    except Exception as error:  # safetensors has one type for all damage, derived from Exception
        raise ValueError(f"{path} is no session file, or is damaged ({type(error).__name__})") from error
    if about.get("kind") != _KIND:
        raise ValueError(f"{path} is no session of a network; give a file that was saved as one")
    digest = about.pop("sha256", None)
    if digest != text_digest(about) or json.loads(about["arrays"]) != listing(arrays):
        raise ValueError(f"{path} is damaged: it is not what was saved; begin again without it")
    _check_config(path, about["config"], config)

    streams, guided = int(about["streams"]), about["guided"] == "yes"
    like = _plain(jax.eval_shape(lambda: begin(WaveNet(config), jax.random.key(0), streams, guided=guided)))
    difference = different_form(listing(arrays), flatten(like))
    if difference is not None:
        raise ValueError(f"{path} does not fit this program: {difference}")
    plain = jax.tree.map(jax.numpy.asarray, unflatten(arrays, like))
    return plain._replace(keys=jax.random.wrap_key_data(plain.keys)), json.loads(about["notes"])


def _plain(session: Session) -> Any:
    """The session with the numbers of its keys in their place."""
    if isinstance(session.keys, jax.ShapeDtypeStruct):
        return session._replace(keys=jax.eval_shape(jax.random.key_data, session.keys))
    return session._replace(keys=jax.random.key_data(session.keys))


def _check_config(path: Path, kept: str, config: WaveNetConfig) -> None:
    try:
        found = from_json(WaveNetConfig, kept)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    for (name, theirs), (_, ours) in zip(field_values(found), field_values(config), strict=True):
        if theirs != ours:
            raise ValueError(f"{path} is a session of a network with {name}={theirs}, this one has {ours}")
