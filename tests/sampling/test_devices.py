"""Streams over eight devices, and how much batch sizes differ."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, PartitionSpec

from tests.sampling.networks import STRATEGY, conditions, joined, prepared, session_of, some_codes, streamed, trained
from wavenet_jax.model import step
from wavenet_jax.sampling import on_each, sharing, spread
from wavenet_jax.sampling.devices import advance_on, mesh_of

# Bit for bit means: with the programs that users run.
pytestmark = pytest.mark.usefixtures("optimized")


@pytest.mark.parametrize("name", ["plain", "frames_and_classes"])
def test_devices_share_streams(name: str) -> None:
    """Each device makes what it would make of its streams by themselves, bit for bit; also from a session."""
    streams, guidance = 8, 1.5 if name == "frames_and_classes" else None
    whole = session_of(name, streams, guided=guidance is not None)
    session = spread(trained(name)[0], whole, jax.devices()[:4])
    shared = streamed(name, session, 24, guidance=guidance, scored=True)
    first = next(shared)
    after = shared.snapshot()
    assert after.latest.devices() == session.latest.devices() == set(jax.devices()[:4])
    made = np.concatenate([first.codes, joined(shared)], axis=1)
    np.testing.assert_array_equal(joined(streamed(name, after, 12, guidance=guidance)), made[:, 12:])

    for start in range(0, streams, 2):
        pair = session_of(name, 2, guided=guidance is not None)._replace(keys=whole.keys[start : start + 2])
        own = jax.tree.map(lambda rows, start=start: rows[start : start + 2], conditions(name, streams))
        alone = streamed(name, pair, 24, conditions=own, guidance=guidance)
        np.testing.assert_array_equal(joined(alone), made[start : start + 2])
    assert (made[0] != made[2]).any()


@pytest.mark.parametrize(("streams", "devices"), [(1, 1), (2, 2), (3, 3), (7, 7), (9, 3), (11, 1), (12, 6), (64, 8)])
def test_as_many_devices_as_divide_the_streams_share_them(streams: int, devices: int) -> None:
    assert sharing(jax.devices(), streams) == jax.devices()[:devices]


def test_no_more_devices_share_streams_than_there_are() -> None:
    assert sharing(jax.devices(), 3, 2) == jax.devices()[:2]
    with pytest.raises(ValueError, match="devices must be at most the 8 of this machine, got 9"):
        sharing(jax.devices(), 9, 9)


def test_streams_that_devices_cannot_share_evenly_are_refused() -> None:
    with pytest.raises(ValueError, match="the streams must be a multiple of the 2 devices, got 3"):
        spread(trained("plain")[0], session_of("plain", 3), jax.devices()[:2])


def test_one_device_has_its_streams_where_it_is() -> None:
    session = spread(trained("plain")[0], session_of("plain", 3), jax.devices()[1:2])
    made = streamed("plain", session, 12)
    np.testing.assert_array_equal(joined(made), joined(streamed("plain", session_of("plain", 3), 12)))
    assert made.snapshot().latest.devices() == set(jax.devices()[1:2])


def test_devices_send_each_other_nothing() -> None:
    model, weights = prepared("plain")
    session = spread(model, session_of("plain", 8), jax.devices())
    mesh = mesh_of(session)
    assert mesh is not None
    text = advance_on.lower(mesh, model, weights, STRATEGY, session, 12).compile().as_text()
    assert not [name for name in ("all-reduce", "all-gather", "collective-permute", "all-to-all") if name in text]


def test_arrays_without_elements_are_shared() -> None:
    """Beside others and alone, split along any axis and whole."""
    mesh = jax.make_mesh((2,), ("half",), axis_types=(AxisType.Auto,), devices=jax.devices()[:2])
    first, second, whole = PartitionSpec("half"), PartitionSpec(None, "half"), PartitionSpec()

    def function(full: Any, empty: tuple[jax.Array, jax.Array], uncut: jax.Array | None) -> Any:
        assert [half.shape for half in empty] == [(2, 0), (0, 3)]
        assert uncut is None or uncut.shape == (4, 0)
        return full, tuple(half + 1 for half in empty)

    run = jax.jit(on_each(mesh, function, (first, (first, second), whole), (first, (first, second))))
    empty = jnp.zeros((4, 0)), jnp.zeros((0, 6), jnp.int32)
    for full in (jnp.arange(4), {}):
        for uncut in (jnp.zeros((4, 0)), None):
            same, after = run(full, empty, uncut)
            jax.tree.map(np.testing.assert_array_equal, (same, after), (full, empty))
            assert [half.dtype for half in after] == [half.dtype for half in empty]


def test_batch_sizes_differ_by_rounding_alone() -> None:
    """Matmuls of other sizes sum in other orders; ``pytest -s`` prints by how much."""
    model, weights = prepared("kernel_3_wide_input")
    codes = some_codes("kernel_3_wide_input", (64, 40))

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
