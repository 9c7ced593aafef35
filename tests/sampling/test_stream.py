"""Streams: pieces, lengths, sessions taken out and put in again."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.networks import STREAMS, joined, prepared, prompted, session_of, some_codes, streamed
from wavenet_jax.audio.codec import Grid
from wavenet_jax.sampling import Ancestral, Session, begin, stream


def test_pieces_are_of_the_asked_length() -> None:
    pieces = list(streamed("plain", session_of("plain"), 30))
    assert [piece.codes.shape for piece in pieces] == [(3, 12), (3, 12), (3, 6)]
    assert [piece.lengths.tolist() for piece in pieces] == [[12] * 3, [12] * 3, [6] * 3]
    assert {piece.nats for piece in pieces} == {None}
    np.testing.assert_array_equal(joined(pieces), joined(streamed("plain", session_of("plain"), 60))[:, :30])


@settings(max_examples=12)
@given(lengths=st.lists(st.integers(1, 40), min_size=STREAMS, max_size=STREAMS))
def test_streams_end_where_they_should(lengths: list[int]) -> None:
    pieces = list(streamed("plain", session_of("plain"), lengths, scored=True))
    whole = list(streamed("plain", session_of("plain"), 48, scored=True))
    assert sum(piece.lengths for piece in pieces).tolist() == lengths
    assert joined(pieces).shape == (STREAMS, max(lengths))
    nats, all_nats = (np.concatenate([piece.nats for piece in part], axis=1) for part in (pieces, whole))
    for row, length in enumerate(lengths):
        np.testing.assert_array_equal(joined(pieces)[row, :length], joined(whole)[row, :length])
        np.testing.assert_array_equal(nats[row, :length], all_nats[row, :length])
        assert (joined(pieces)[row, length:] == Grid(32, "mu_law").silence).all()
        assert not nats[row, length:].any()


@pytest.mark.parametrize("name", [pytest.param("two_contexts", marks=pytest.mark.slow), "frames_and_classes"])
def test_a_session_goes_on_where_it_was_taken_out(name: str) -> None:
    """Between pieces and after a last one that is not a whole chunk; the stream it came from resumes untouched."""
    primed = prompted(name, [some_codes(name, 4 * row, row) for row in range(STREAMS)])
    whole = joined(streamed(name, primed, 60))
    source = streamed(name, primed, 32)
    sessions = [source.snapshot()]
    made = []
    for piece in source:
        made.append(piece)
        sessions.append(source.snapshot())
    np.testing.assert_array_equal(joined(made), whole[:, :32])
    for session, start in zip(sessions, (0, 12, 24, 32), strict=True):
        assert session.time.tolist() == [start + 4 * row for row in range(STREAMS)]
        for _ in range(2):  # it is a value: using it once does not use it up
            np.testing.assert_array_equal(joined(streamed(name, session, 60 - start)), whole[:, start:])


def test_a_session_inside_a_frame() -> None:
    source = streamed("frames_and_classes", session_of("frames_and_classes"), 18)
    list(source)
    with pytest.raises(ValueError, match="must end with a frame, a multiple of hop_samples=4, got 18 samples"):
        source.snapshot()


def test_seed_and_temperature() -> None:
    model, weights = prepared("plain")

    def sample(seed: int, temperature: float) -> np.ndarray:
        session = begin(model, jax.random.key(seed), 1)
        return joined(stream(model, weights, session, Ancestral(temperature), length=60, chunk=60))

    np.testing.assert_array_equal(sample(1, 1.0), sample(1, 1.0))
    assert (sample(1, 1.0) != sample(2, 1.0)).any()
    np.testing.assert_array_equal(sample(1, 1e-5), sample(2, 1e-5))  # cold: the mode, whatever the seed


@pytest.mark.parametrize(("name", "value"), [*itertools.product(("length", "chunk"), (0, -1))])
def test_nothing_to_make_is_an_error(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got {value}"):
        streamed("plain", session_of("plain"), **{"length": 5, "chunk": 5, name: value})


@pytest.mark.parametrize("streams", [0, -1])
def test_no_streams_are_an_error(streams: int) -> None:
    with pytest.raises(ValueError, match=f"batch_size must be at least 1, got {streams}"):
        session_of("plain", streams)


@pytest.mark.parametrize(
    ("name", "session", "options", "message"),
    [
        ("plain", lambda: session_of("plain"), {"length": [5]}, "length must be one for each of 3 streams, got 1"),
        ("plain", lambda: session_of("two_contexts"), {}, "the session is not one of this network for 3 streams"),
        (
            "plain",
            lambda: session_of("plain"),
            {"guidance": 2.0},
            "guidance needs a session that was begun with guided=True",
        ),
        (
            "plain",
            lambda: session_of("plain", guided=True),
            {},
            "the session was begun with guided=True; give guidance",
        ),
        (
            "frames_and_classes",
            lambda: session_of("frames_and_classes"),
            {"length": 121},
            "121 samples need 31 frames, got 30; make fewer",
        ),
        (
            "frames_and_classes",
            lambda: session_of("frames_and_classes")._replace(time=np.array([0, 4, 0], np.uint32)),
            {"length": 117},
            "121 samples need 31 frames, got 30; make fewer",
        ),
    ],
)
def test_what_does_not_fit(name: str, session: Callable[[], Session], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        streamed(name, session(), **{"length": 5, **options})


def test_memory_does_not_grow_with_the_length() -> None:
    """The session, which is all that a stream keeps, is as large after many pieces as before the first."""
    source = streamed("two_contexts", session_of("two_contexts"), 12 * 40)
    sizes = {sum(leaf.nbytes for leaf in jax.tree.leaves(source.snapshot().model)) for _ in source}
    assert len(sizes) == 1
