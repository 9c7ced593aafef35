"""Prompts: run in one pass, in pieces or sample by sample; alone or beside others."""

from collections.abc import Iterator
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sampling.networks import (
    CONFIGS,
    KEY,
    NAMES,
    STRATEGY,
    STREAMS,
    conditions,
    hop,
    joined,
    prepared,
    prompted,
    session_of,
    some_codes,
    streamed,
)
from wavenet_jax.model import embed_conditions, gate_bias, receptive_field, stack, step
from wavenet_jax.sampling import Session, advance, begin, conditions_at, prefill, primed, prompts

# Bit for bit means: with the programs that users run.
pytestmark = pytest.mark.usefixtures("optimized")

PROMPTED = [name for name in NAMES if name not in ("plain", "voice", "two_bytes")]
LONGEST = 48  # a multiple of both periods and of the hop


@pytest.fixture(scope="module")
def differences() -> Iterator[list[float]]:
    """Collects how far outputs are from those of steps, and prints the greatest at the end (``pytest -s``)."""
    found: list[float] = []
    yield found
    print(f"\n{len(found)} prompts run at once, in pieces, and step by step: outputs differ by {max(found):.1e}")


@cache
def stepwise(name: str) -> np.ndarray:
    """Computes outputs ``[LONGEST + 1, STREAMS, outputs]``: after silence and after each code of a signal, in steps."""
    model, weights = prepared(name)
    silence = begin(model, KEY, STREAMS)
    there = conditions_at(model.config, conditions(name), [0] * STREAMS, 2 * LONGEST)
    bias = gate_bias(weights.stack, embed_conditions(model.config, weights.conditioner, there))
    codes = np.concatenate([silence.latest[:, None], some_codes(name, (STREAMS, LONGEST))], axis=1)

    def one(state: Session, now: jax.Array) -> tuple[Session, jax.Array]:
        current = None if bias is None else bias[:, now % bias.shape[1]]
        outputs, state = step(model.config, weights, state, jnp.asarray(codes)[:, now], current)
        return state, outputs

    run = jax.jit(lambda state: jax.lax.scan(one, state, jnp.arange(LONGEST + 1))[1])
    return np.asarray(run(silence.model))


@cache
def next_outputs(name: str):
    """Returns a function from a session to the outputs of its next sample; ``start`` is the sample's time."""
    model, weights = prepared(name)

    @jax.jit
    def outputs(session: Session, conditions_there) -> jax.Array:
        bias = gate_bias(weights.stack, embed_conditions(model.config, weights.conditioner, conditions_there))
        return step(model.config, weights, session.model, session.latest, None if bias is None else bias[:, 0])[0]

    def at(session: Session, start: int) -> jax.Array:
        return outputs(session, conditions_at(model.config, conditions(name), [start] * STREAMS, hop(name)))

    return at


@pytest.mark.parametrize("name", PROMPTED)
@settings(max_examples=12)
@given(data=st.data())
def test_pieces_equal_the_whole_and_steps(name: str, data: st.DataObject, differences: list[float]) -> None:
    """Of a signal that begins in silence, whatever the pieces, each of them padded to the same size."""
    model, weights = prepared(name)
    size, unit = 12, hop(name)
    cuts = data.draw(st.lists(st.integers(1, size // unit), min_size=1, max_size=4))
    codes, session, start = some_codes(name, (STREAMS, LONGEST)), begin(model, KEY, STREAMS), 0
    for cut in cuts:
        valid = cut * unit
        padded = np.pad(codes[:, start : start + valid], ((0, 0), (0, size - valid)))
        now = conditions_at(model.config, conditions(name), [start] * STREAMS, size)
        session = prefill(model, weights, session, padded, now, valid=valid)
        start += valid
    assert session.time.tolist() == [start] * STREAMS
    np.testing.assert_array_equal(session.latest, codes[:, start - 1])
    outputs = next_outputs(name)(session, start)
    expected = stepwise(name)[start]
    np.testing.assert_allclose(outputs, expected, atol=2e-5 * np.abs(expected).max())
    differences.append(float(np.abs(outputs - expected).max()))


@pytest.mark.parametrize("name", NAMES)
def test_a_generation_is_its_second_half_after_its_first(name: str) -> None:
    """Cut where all blocks of context stacks end; also through a prompt longer than all that the network sees."""
    length = 2 * LONGEST
    whole = joined(streamed(name, session_of(name), length))
    for cut in (12, LONGEST + 36):
        rest = streamed(name, prompted(name, list(whole[:, :cut])), length - cut)
        np.testing.assert_array_equal(joined(rest), whole[:, cut:])
    assert receptive_field(CONFIGS[name]) < LONGEST + 36
    assert (whole[0] != whole[1]).any()


@pytest.mark.parametrize("name", PROMPTED)
@settings(max_examples=12)
@given(counts=st.lists(st.integers(0, 8), min_size=STREAMS, max_size=STREAMS), guided=st.booleans())
def test_ragged_equals_even(name: str, counts: list[int], guided: bool) -> None:
    """Bit for bit: a stream beside others with prompts of other lengths, and beside others with its own."""
    model, weights = prepared(name)
    unit = hop(name)
    own = [some_codes(name, unit * count, seed) for seed, count in enumerate(counts)]

    def made(prompts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        session = primed(model, weights, KEY, prompts, conditions(name), guided=guided)
        now = conditions_at(model.config, conditions(name), np.asarray(session.time).astype(int), 12)
        guidance = 1.5 if guided else None
        codes, nats, _ = advance(model, weights, STRATEGY, session, 12, now, guidance, scored=True)
        return np.asarray(codes), np.asarray(nats)

    ragged = made(own)
    for row in range(STREAMS):
        for mixed, even in zip(ragged, made([own[row]] * STREAMS), strict=True):
            np.testing.assert_array_equal(mixed[row], even[row])


def test_long_prompts_run_in_several_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, weights = prepared("two_contexts")
    long = [some_codes("two_contexts", length, length) for length in (200, 61, 3)]
    at_once = primed(model, weights, KEY, long)
    monkeypatch.setattr(prompts, "_MOST_AT_ONCE", 16)
    assert receptive_field(model.config) > 16
    in_passes = primed(model, weights, KEY, long)
    for one, other in zip(jax.tree.leaves(at_once.model), jax.tree.leaves(in_passes.model), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    assert in_passes.time.tolist() == [200, 61, 3]


def test_prompts_of_any_length_compile_once() -> None:
    model, weights = prepared("plain")
    primed(model, weights, KEY, [some_codes("plain", 7)])
    before = prefill._cache_size()
    for length in range(1, 40, 3):
        primed(model, weights, KEY, [some_codes("plain", length)])
    assert prefill._cache_size() == before


def test_prompts_make_no_outputs() -> None:
    """A pass over a prompt costs what the stack costs without its skip sum and without the output projections."""
    model, weights = prepared("plain")
    compiled = prefill.lower(model, weights, begin(model, KEY, 1), np.zeros((1, 64), np.int32)).compile()
    assert compiled.cost_analysis()["flops"] < 64 * 2 * stack.multiply_adds(model.config)


@pytest.mark.parametrize(
    ("name", "prompt", "message"),
    [
        ("plain", [0, 32], "codes of prompt 1 must be between 0 and 31, got 0 to 32"),
        ("plain", [-1], "codes of prompt 1 must be between 0 and 31, got -1 to -1"),
        ("plain", [0.5], r"prompt 1 must be one row of codes, got float64 of shape \(1,\)"),
        ("plain", [[1, 2]], r"prompt 1 must be one row of codes, got int64 of shape \(1, 2\)"),
        ("frames_and_classes", [1, 2, 3], "prompt 1 must end with a frame, a multiple of hop_samples=4, got 3 samples"),
    ],
)
def test_what_is_not_a_prompt_is_refused(name: str, prompt: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prompted(name, [np.zeros(4, np.int32), np.array(prompt)])
