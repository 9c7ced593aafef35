"""The sampler against the full pass, and against itself cut into pieces."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.networks import CONFIGS, KEY, STRATEGY, STREAMS, conditions, prepared, times, trained
from wavenet_jax.audio.codec import Grid
from wavenet_jax.sampling import Ancestral, Schedule, advance, begin, piece, uniforms

# Bit for bit means: with the programs that users run.
pytestmark = pytest.mark.usefixtures("optimized")

LENGTH = 60


def generate(
    name: str, lengths: list[int], strategy: Ancestral = STRATEGY, streams: int = STREAMS
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and log-likelihoods ``[streams, sum(lengths)]``, made in calls of the given lengths."""
    model, weights = prepared(name)
    session, made, start = begin(model, KEY, streams), [], 0
    told = jax.tree.map(lambda rows: rows[:streams], conditions(name))
    for length in lengths:
        now = piece(model.config, told, [start] * streams, length)
        codes, nats, session = advance(model, weights, strategy, session, length, now, scored=True)
        assert nats is not None
        made.append((np.asarray(codes), np.asarray(nats)))
        start += length
    assert session.time.tolist() == [start] * streams
    codes, nats = (np.concatenate(parts, axis=1) for parts in zip(*made, strict=True))
    return codes, nats


@cache
def whole(name: str) -> tuple[np.ndarray, np.ndarray]:
    return generate(name, [LENGTH])


@pytest.mark.parametrize("name", CONFIGS)
def test_sampler_equals_full_pass(name: str) -> None:
    """Teacher-forced on what the sampler made, the full pass chooses the same codes, and finds them as likely."""
    model, params = trained(name)
    codes, nats = whole(name)
    silence = np.full((STREAMS, 1), Grid.of(model.config).silence, np.int32)
    inputs = jnp.asarray(np.concatenate([silence, codes[:, :-1]], axis=1))
    head = prepared(name)[1].head

    @jax.jit
    def judged(inputs: jax.Array, codes: jax.Array) -> tuple[jax.Array, jax.Array]:
        outputs = model.apply({"params": params}, inputs, conditions(name))
        draws = uniforms(begin(model, KEY, STREAMS).keys, times(STREAMS, LENGTH), head.draws).swapaxes(0, 1)
        return STRATEGY(head, outputs, draws), head.log_prob(outputs, codes)

    chosen, likely = judged(inputs, codes)
    np.testing.assert_array_equal(chosen, codes)
    np.testing.assert_allclose(nats, likely, atol=1e-4)
    assert len(np.unique(codes)) > 8, "the samples are too plain to tell anything"


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=20)
@given(order=st.permutations([4] * 6 + [12] * 3))
def test_short_calls_equal_one_long_one(name: str, order: list[int]) -> None:
    """Bit for bit, log-likelihoods included."""
    for pieces, expected in zip(generate(name, order), whole(name), strict=True):
        np.testing.assert_array_equal(pieces, expected)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_stream_alone_is_the_same(name: str) -> None:
    """It takes other programs, of which much is one kernel on a CPU."""
    codes, nats = generate(name, [LENGTH], streams=1)
    np.testing.assert_array_equal(codes, whole(name)[0][:1])
    np.testing.assert_allclose(nats, whole(name)[1][:1], atol=1e-4)
    for pieces, expected in zip(generate(name, [12] * 5, streams=1), (codes, nats), strict=True):
        np.testing.assert_array_equal(pieces, expected)


def test_scores_cost_nothing_of_the_samples() -> None:
    model, weights = prepared("plain")
    codes, nats, _ = advance(model, weights, STRATEGY, begin(model, KEY, STREAMS), LENGTH)
    assert nats is None
    np.testing.assert_array_equal(codes, whole("plain")[0])


def test_a_stream_does_not_depend_on_its_neighbours() -> None:
    model, _ = prepared("plain")
    draws = uniforms(begin(model, KEY, 4).keys, times(4, LENGTH))
    np.testing.assert_array_equal(uniforms(begin(model, KEY, 2).keys, times(2, LENGTH)), draws[:, :2])
    codes, _ = whole("plain")
    assert (codes[0] != codes[1]).any()


@pytest.mark.parametrize("other", [Ancestral(0.5), Ancestral(1.1), Ancestral(0.7)])
def test_a_new_temperature_does_not_compile_again(other: Ancestral) -> None:
    generate("plain", [LENGTH])
    before = advance._cache_size()
    assert (generate("plain", [LENGTH], other)[0] != whole("plain")[0]).any()
    assert advance._cache_size() == before


@pytest.mark.parametrize("name", ["plain", "frames_and_classes"])
def test_a_schedule_is_addressed_by_absolute_time(name: str) -> None:
    """The same in calls of any lengths; level, it is a temperature; cold, it is the mode; no other compilation."""
    level, _ = generate(name, [12] * 5, Ancestral(Schedule.through([(0, 0.9), (7.5, 0.9)])))
    np.testing.assert_array_equal(level, whole(name)[0])
    before = advance._cache_size()
    falling = Ancestral(Schedule.through([(24, 0.9), (36, 1e-4)]))
    codes, _ = generate(name, [12] * 5, falling)
    assert advance._cache_size() == before
    np.testing.assert_array_equal(codes, generate(name, [4] * 15, falling)[0])
    np.testing.assert_array_equal(codes[:, :25], level[:, :25])
    assert (codes[:, 36:] != level[:, 36:]).any()


@pytest.mark.parametrize("points", [[], [(0, 1), (0, 2)], [(3, 1), (1, 1)]])
def test_times_of_a_schedule_rise(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="a schedule needs points whose times rise, got times"):
        Schedule.through(points)


def test_a_head_that_mixes_takes_a_temperature_for_each_stream() -> None:
    """What a schedule relies on: streams that stand at different times have different temperatures."""
    model, weights = prepared("plain")
    session = begin(model, KEY, STREAMS)
    session = session._replace(time=jnp.asarray([0, 10, 20], jnp.uint32))
    strategy = Ancestral(Schedule.through([(9, 1e-4), (19, 1e-4), (20, 1.0)]))
    codes, nats, _ = advance(model, weights, strategy, session, 4, scored=True)
    assert nats is not None
    assert codes.shape == (STREAMS, 4)
    first = jax.nn.softmax(model.apply({"params": trained("plain")[1]}, jnp.full((1, 1), 16))[0, 0])
    assert (codes[:2, 0] == first.argmax()).all()
