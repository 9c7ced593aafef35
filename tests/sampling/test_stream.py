"""Streams: pieces, lengths, sessions taken out and put in again."""

import itertools
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.networks import KEY, STRATEGY, STREAMS, conditions, joined, some_codes, trained
from wavenet_jax.audio.codec import Grid
from wavenet_jax.sampling import Ancestral, Stream, begin, stream


def streamed(name: str, length: Any, batch_size: int = STREAMS, **options: Any) -> Stream:
    model, params = trained(name)
    options = {"chunk": 12, "conditions": conditions(name, batch_size), **options}
    return stream(model, params, KEY, STRATEGY, batch_size=batch_size, length=length, **options)


def test_pieces_are_of_the_asked_length() -> None:
    pieces = list(streamed("plain", 30))
    assert [piece.codes.shape for piece in pieces] == [(3, 12), (3, 12), (3, 6)]
    assert [piece.lengths.tolist() for piece in pieces] == [[12] * 3, [12] * 3, [6] * 3]
    assert {piece.nats for piece in pieces} == {None}
    np.testing.assert_array_equal(joined(pieces), joined(streamed("plain", 60))[:, :30])


@settings(max_examples=12)
@given(lengths=st.lists(st.integers(1, 40), min_size=STREAMS, max_size=STREAMS))
def test_streams_end_where_they_should(lengths: list[int]) -> None:
    pieces = list(streamed("plain", lengths, scored=True))
    whole = list(streamed("plain", 48, scored=True))
    assert sum(piece.lengths for piece in pieces).tolist() == lengths
    assert joined(pieces).shape == (STREAMS, max(lengths))
    nats, all_nats = (np.concatenate([piece.nats for piece in part], axis=1) for part in (pieces, whole))
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(joined(pieces)[row, :length], joined(whole)[row, :length])
        np.testing.assert_array_equal(nats[row, :length], all_nats[row, :length])
        assert (joined(pieces)[row, length:] == Grid(32, "mu_law").silence).all()
        assert not nats[row, length:].any()


@pytest.mark.parametrize("name", ["two_contexts", "frames_and_classes"])
def test_a_session_goes_on_where_it_was_taken_out(name: str) -> None:
    """Between pieces and behind a last one that is not a whole chunk; the stream it came from goes on untouched."""
    whole = joined(streamed(name, 60, prompts=[some_codes(name, 4 * row, row) for row in range(STREAMS)]))
    source = streamed(name, 32, prompts=[some_codes(name, 4 * row, row) for row in range(STREAMS)])
    sessions = [source.snapshot()]
    made = []
    for piece in source:
        made.append(piece)
        sessions.append(source.snapshot())
    np.testing.assert_array_equal(joined(made), whole[:, :32])
    for session, start in zip(sessions, (0, 12, 24, 32), strict=True):
        assert session.time.tolist() == [start + 4 * row for row in range(STREAMS)]
        for _ in range(2):  # it is a value: using it once does not use it up
            np.testing.assert_array_equal(joined(streamed(name, 60 - start, session=session)), whole[:, start:])


def test_a_session_inside_a_frame() -> None:
    source = streamed("frames_and_classes", 18)
    list(source)
    with pytest.raises(ValueError, match="must end with a frame, a multiple of hop_samples=4, got 18 samples"):
        source.snapshot()


def test_seed_and_temperature() -> None:
    model, params = trained("plain")

    def sample(seed: int, temperature: float) -> np.ndarray:
        return joined(
            stream(model, params, jax.random.key(seed), Ancestral(temperature), batch_size=1, length=60, chunk=60)
        )

    np.testing.assert_array_equal(sample(1, 1.0), sample(1, 1.0))
    assert (sample(1, 1.0) != sample(2, 1.0)).any()
    np.testing.assert_array_equal(sample(1, 1e-5), sample(2, 1e-5))  # cold: the mode, whatever the seed


@pytest.mark.parametrize(("name", "value"), [*itertools.product(("length", "batch_size", "chunk"), (0, -1))])
def test_nothing_to_make_is_an_error(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got {value}"):
        streamed("plain", **{"length": 5, "batch_size": 1, "chunk": 5, name: value})


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("plain", {"length": [5]}, "length must be one for each of 3 streams, got 1"),
        ("plain", {"prompts": [np.zeros(2, int)] * 2}, "prompts must be one for each of 3 streams, got 2"),
        (
            "plain",
            {"prompts": [np.zeros(2, int)] * 3, "session": begin(trained("plain")[0], KEY, 3)},
            "prompts begin a session, so a session takes none",
        ),
        (
            "plain",
            {"session": begin(trained("plain")[0], KEY, 2)},
            "the session is not one of this network for 3 streams without guidance",
        ),
        (
            "plain",
            {"session": begin(trained("two_contexts")[0], KEY, 3)},
            "the session is not one of this network for 3 streams without guidance",
        ),
        (
            "plain",
            {"session": begin(trained("plain")[0], KEY, 3), "guidance": 2.0},
            "the session is not one of this network for 3 streams with guidance",
        ),
        ("frames_and_classes", {"length": 121}, "121 samples need 31 frames, got 30; make fewer"),
        (
            "frames_and_classes",
            {"length": 117, "prompts": [np.zeros(0, int), np.zeros(4, int), np.zeros(0, int)]},
            "121 samples need 31 frames, got 30; make fewer",
        ),
        ("plain", {"devices": jax.devices()[:2]}, "batch_size must be a multiple of the 2 devices, got 3"),
    ],
)
def test_what_does_not_fit(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        streamed(name, **{"length": 5, **options})


def test_memory_does_not_grow_with_the_length() -> None:
    """The session, which is all that a stream keeps, is as large after many pieces as before the first."""
    source = streamed("two_contexts", 12 * 40)
    sizes = {sum(leaf.nbytes for leaf in jax.tree.leaves(source.snapshot().model)) for _ in source}
    assert len(sizes) == 1
