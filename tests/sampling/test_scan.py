"""The sampler against the full pass, and against itself cut into pieces."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.networks import CONFIGS, KEY, NAMES, STRATEGY, STREAMS, conditions, prepared, times, trained
from wavenet_jax.audio.codec import Grid
from wavenet_jax.sampling import Ancestral, Schedule, advance, begin, conditions_at, uniforms, with_guidance
from wavenet_jax.sampling.frames import voicing

# Bit for bit means: with the programs that users run.
pytestmark = pytest.mark.usefixtures("optimized")

LENGTH = 60


def generate(
    name: str, lengths: list[int], strategy: Ancestral = STRATEGY, streams: int = STREAMS
) -> tuple[np.ndarray, np.ndarray]:
    """Codes and log-likelihoods ``[streams, sum(lengths)]``, made in calls of the given lengths."""
    model, weights = prepared(name)
    session, made, start = begin(model, KEY, streams), [], 0
    shared = jax.tree.map(lambda rows: rows[:streams], conditions(name))
    for length in lengths:
        now = conditions_at(model.config, shared, [start] * streams, length)
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


@pytest.mark.parametrize("name", NAMES)
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
    # Of 65,536 levels, small scales magnify what sums in another order round, differently on each kind of processor.
    np.testing.assert_allclose(nats, likely, rtol=1e-4, atol=1e-4)
    assert len(np.unique(codes)) > 8, "the samples are too plain to tell anything"


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(order=st.permutations([4] * 6 + [12] * 3))
def test_short_calls_equal_one_long_one(name: str, order: list[int]) -> None:
    """Bit for bit, log-likelihoods included."""
    for pieces, expected in zip(generate(name, order), whole(name), strict=True):
        np.testing.assert_array_equal(pieces, expected)


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_alone_is_the_same(name: str) -> None:
    """It takes other programs, of which much is one kernel on a CPU."""
    codes, nats = generate(name, [LENGTH], streams=1)
    np.testing.assert_array_equal(codes, whole(name)[0][:1])
    np.testing.assert_allclose(nats, whole(name)[1][:1], rtol=1e-4, atol=1e-4)
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


@pytest.mark.parametrize("name", [pytest.param("plain", marks=pytest.mark.slow), "frames_and_classes"])
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


def test_unvoiced_frames_have_a_temperature_of_their_own() -> None:
    """The same in calls of any lengths; the samples differ from where the first unvoiced frame begins."""
    codes, _ = generate("voice", [12] * 5, Ancestral(0.9, unvoiced=1e-4))
    np.testing.assert_array_equal(codes, generate("voice", [60], Ancestral(0.9, unvoiced=1e-4))[0])
    voiced = np.asarray(
        voicing(CONFIGS["voice"], conditions_at(CONFIGS["voice"], conditions("voice"), [0] * 3, LENGTH))
    )
    first = (~voiced).argmax(axis=0)
    assert 0 < first.max() < LENGTH
    for row, start in enumerate(first):
        same = codes[row] == whole("voice")[0][row]
        assert same[:start].all()
        assert voiced[:, row].all() or not same[start:].all()


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
    first = jax.jit(model.apply)({"params": trained("plain")[1]}, jnp.full((1, 1), 16))[0, 0]
    assert (codes[:2, 0] == first.argmax()).all()


def test_guidance_moves_the_outputs_away_from_those_without_conditions() -> None:
    """By its weight: 0 ignores conditions, 1 follows them, 2 goes as far beyond."""

    def step(state: jax.Array, codes: jax.Array, bias: jax.Array, filters: None) -> tuple[jax.Array, jax.Array]:
        return codes[:, None] + bias, state + codes

    codes, bias = jnp.asarray([10, 20]), jnp.asarray([[1.0], [0.0], [3.0], [0.0]])
    for weight in (0.0, 1.0, 2.0):
        outputs, state = with_guidance(step, weight)(jnp.zeros(4, int), codes, bias, None)
        np.testing.assert_array_equal(outputs, [[10 + weight * 1], [20 + weight * 3]])
        np.testing.assert_array_equal(state, [10, 10, 20, 20])
