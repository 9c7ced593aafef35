"""The guard: its verdicts, and that it touches no other streams than those it names."""

import math

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.networks import KEY, STREAMS, joined, streamed, trained
from wavenet_jax.audio.codec import Grid
from wavenet_jax.audio.impression import Impression
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.sampling import Guard, Piece, Session, begin, ranked

RATE, CHUNK, CHUNKS = 16_000, 12, 20
CONFIG = WaveNetConfig()


def sounds() -> dict[str, np.ndarray]:
    """Makes a quarter of a second of each kind."""
    random, seconds = np.random.default_rng(0), np.arange(4_000) / RATE
    return {
        "silence": 1e-4 * np.sin(2 * np.pi * 200 * seconds) + 0.3,  # an offset is no sound
        "noise": 0.3 * random.standard_normal(4_000),
        "quiet noise": 0.002 * random.standard_normal(4_000),
        "tone": 0.3 * np.sin(2 * np.pi * 200 * seconds),
    }


@pytest.mark.parametrize(
    ("name", "bits", "verdict"),
    [
        ("silence", 0.1, "silence"),
        ("noise", 6.5, "noise"),
        ("noise", 4.0, "sound"),  # the network expected it
        ("quiet noise", 6.5, "sound"),
        ("tone", 6.5, "sound"),
    ],
)
def test_verdicts(name: str, bits: float, verdict: str) -> None:
    codes = Grid.of(CONFIG).encode(sounds()[name])
    assert Guard().verdict(CONFIG, codes, np.full(4_000, -bits * math.log(2))) == verdict


def test_alarms_are_stretches_that_last() -> None:
    quarters = sounds()
    sound, silence, noise = (np.tile(quarters[name], 4) for name in ("tone", "silence", "noise"))
    alarms = Guard().alarms(np.concatenate([sound, silence, noise, sound, silence, sound]), RATE, 1_000)
    assert alarms == {"silence": 2, "noise": 1}
    assert Guard(silence_seconds=1.1, noise_seconds=1.1).alarms(silence, RATE, 1_000) == {"silence": 0, "noise": 0}
    assert Guard(silence_db=-90).alarms(silence, RATE, 1_000) == {"silence": 0, "noise": 0}
    assert Guard().alarms(noise[: RATE // 5], RATE, 1_000) == {"silence": 0, "noise": 0}


def guarded(session: Session, guard: Guard | None) -> list[Piece]:
    return list(streamed("plain", session, CHUNK * CHUNKS - 5, chunk=CHUNK, guard=guard, scored=True))


def fussy(share: float, attempts: int, patience: int) -> Guard:
    """Makes a guard for which the quietest share of all chunks is silence, and several of them in a row too many."""
    model, _ = trained("plain")
    made = Grid.of(model.config).decode(joined(guarded(begin(model, KEY, STREAMS), None)))
    levels = [Impression.of(chunk).level_db for row in made for chunk in np.array_split(row, CHUNKS)]
    seconds = (patience - 0.5) * CHUNK / model.config.sample_rate
    return Guard(
        silence_db=float(np.quantile(levels, share)), silence_seconds=seconds, noise_seconds=1e-9, attempts=attempts
    )


@settings(max_examples=15)
@given(
    share=st.sampled_from([0.1, 0.3, 0.6, 1.0]),
    attempts=st.integers(1, 3),
    patience=st.integers(1, 3),
    seed=st.integers(0, 50),
    order=st.permutations(range(STREAMS)),
)
def test_every_stream_is_guarded_by_itself(
    share: float, attempts: int, patience: int, seed: int, order: list[int]
) -> None:
    """Streams in another order come out the same, bit for bit; those left alone, as without a guard."""
    model, _ = trained("plain")
    session, guard = begin(model, jax.random.key(seed), STREAMS), fussy(share, attempts, patience)
    pieces, free = guarded(session, guard), guarded(session, None)
    moved = guarded(session._replace(keys=session.keys[np.array(order)]), guard)
    assert [piece.codes.shape for piece in pieces] == [piece.codes.shape for piece in free]
    np.testing.assert_array_equal(joined(moved), joined(pieces)[order])

    events = [event for piece in pieces for event in piece.redrawn]
    assert sorted((order[e.stream], *e[1:]) for piece in moved for e in piece.redrawn) == sorted(map(tuple, events))
    for row in range(STREAMS):
        own = [event for event in events if event.stream == row]
        changed = min((event.start for event in own if not event.accepted), default=None)
        made, without = joined(pieces)[row], joined(free)[row]
        np.testing.assert_array_equal(made[:changed], without[:changed])
        assert (changed is None) == (made == without).all()
        assert all(1 <= event.attempt <= attempts for event in own)
        # What is left of silence was accepted.
        quiet = [guard.verdict(model.config, p.codes[row], p.nats[row]) == "silence" for p in pieces[:-1]]
        for start in range(len(quiet) - patience + 1):
            if all(quiet[start : start + patience]):
                assert any(event.accepted and event.start <= start * CHUNK for event in own)


def test_a_hopeless_stream_is_kept_and_said_so() -> None:
    model, _ = trained("plain")
    events = [e for piece in guarded(begin(model, KEY, STREAMS), fussy(1.0, 2, 1)) for e in piece.redrawn]
    first = [event for event in events if event.stream == 0]
    assert [(event.attempt, event.accepted, event.verdict) for event in first[:3]] == [
        (1, False, "silence"),
        (2, False, "silence"),
        (2, True, "silence"),
    ]


def test_ranked() -> None:
    assert ranked(np.array([3.0, 1.0, 2.0])) == [1, 2, 0]
    assert ranked(np.array([3.0, 1.0, 2.0]), np.array([False, True, False])) == [2, 0, 1]
    assert ranked(np.array([math.nan, 1.0, 2.0])) == [1, 2, 0]
