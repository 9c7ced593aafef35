"""Streams over eight devices, and how much batch sizes differ."""

import jax
import numpy as np
import pytest

from tests.sampling.networks import KEY, STRATEGY, conditions, joined, prepared, some_codes, trained
from wavenet_jax.model import step
from wavenet_jax.sampling import begin, sharing, stream
from wavenet_jax.sampling.devices import advance_on, mesh_of, spread

# Bit for bit means: with the programs that users run.
pytestmark = pytest.mark.usefixtures("optimized")


@pytest.mark.parametrize("name", ["plain", "frames_and_classes"])
def test_devices_share_streams(name: str) -> None:
    """Each device makes what it would make of its streams by themselves, bit for bit; also from a session."""
    model, params = trained(name)
    streams, guidance = 8, 1.5 if name == "frames_and_classes" else None
    options = {"batch_size": streams, "chunk": 12, "conditions": conditions(name, streams), "guidance": guidance}
    shared = stream(model, params, KEY, STRATEGY, length=24, devices=jax.devices()[:4], scored=True, **options)
    first = next(shared)
    after = shared.snapshot()
    made = np.concatenate([first.codes, joined(shared)], axis=1)
    rest = joined(stream(model, params, KEY, STRATEGY, length=12, session=after, devices=jax.devices()[:4], **options))
    np.testing.assert_array_equal(rest, made[:, 12:])

    whole = begin(model, KEY, streams)
    told = conditions(name, streams)
    for start in range(0, streams, 2):
        pair = begin(model, KEY, 2, guided=guidance is not None)._replace(keys=whole.keys[start : start + 2])
        own = jax.tree.map(lambda rows, start=start: rows[start : start + 2], told)
        alone = stream(
            model, params, KEY, STRATEGY, length=24, session=pair, **{**options, "batch_size": 2, "conditions": own}
        )
        np.testing.assert_array_equal(joined(alone), made[start : start + 2])
    assert (made[0] != made[2]).any()


@pytest.mark.parametrize(("streams", "devices"), [(1, 1), (2, 2), (3, 3), (7, 7), (9, 3), (11, 1), (12, 6), (64, 8)])
def test_as_many_devices_as_divide_the_streams_share_them(streams: int, devices: int) -> None:
    assert sharing(jax.devices(), streams) == jax.devices()[:devices]


def test_no_more_devices_share_streams_than_there_are() -> None:
    assert sharing(jax.devices(), 3, 2) == jax.devices()[:2]
    with pytest.raises(ValueError, match="devices must be at most the 8 of this machine, got 9"):
        sharing(jax.devices(), 9, 9)


def test_devices_tell_each_other_nothing() -> None:
    model, weights = prepared("plain")
    mesh = mesh_of(jax.devices(), 8)
    session = spread(mesh, model, begin(model, KEY, 8))
    text = advance_on.lower(mesh, model, weights, STRATEGY, session, 12).compile().as_text()
    assert not [name for name in ("all-reduce", "all-gather", "collective-permute", "all-to-all") if name in text]


def test_batch_sizes_differ_by_rounding_alone() -> None:
    """Matmuls of other sizes sum in other orders; told with ``pytest -s``."""
    model, weights = prepared("two_contexts")
    codes = some_codes("two_contexts", (64, 40))

    def outputs(streams: int) -> np.ndarray:
        def one(state: object, now: jax.Array) -> tuple:
            outputs, state = step(model.config, weights, state, now)
            return state, outputs

        run = jax.jit(lambda state, codes: jax.lax.scan(one, state, codes)[1])
        return np.asarray(run(model.init_state(streams), codes[:streams].T))

    most = outputs(64)
    greatest = {streams: float(np.abs(outputs(streams) - most[:, :streams]).max()) for streams in (1, 3, 8)}
    print(f"\noutputs up to {np.abs(most).max():.1f}; a batch of 64 differs from smaller ones by {greatest}")
    assert max(greatest.values()) < 1e-5 * np.abs(most).max()
