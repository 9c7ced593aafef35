"""Prompts: heard in one pass, in pieces or sample by sample; alone or beside others."""

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
    STRATEGY,
    STREAMS,
    conditions,
    hop,
    joined,
    prepared,
    some_codes,
    trained,
)
from wavenet_jax.model import condition, step, told
from wavenet_jax.sampling import Session, advance, begin, piece, prefill, primed, prompts, stream

# Bit for bit means: with the programs that users run.
pytestmark = pytest.mark.usefixtures("optimized")

NAMES = ["kernel_3_wide_input", "two_contexts", "frames_and_classes"]
LONGEST = 48  # a multiple of both periods and of the hop


@pytest.fixture(scope="module")
def differences() -> Iterator[list[float]]:
    """How far outputs are from those of steps; the greatest is told at the end (``pytest -s``)."""
    found: list[float] = []
    yield found
    print(f"\n{len(found)} prompts heard at once, in pieces, and step by step: outputs differ by {max(found):.1e}")


@cache
def stepwise(name: str) -> np.ndarray:
    """Outputs ``[LONGEST + 1, STREAMS, outputs]``: after silence, and after each code of a signal, step by step."""
    model, weights = prepared(name)
    silence = begin(model, KEY, STREAMS)
    known = condition(
        model.config, weights.conditioner, piece(model.config, conditions(name), [0] * STREAMS, 2 * LONGEST)
    )
    heard = told(weights.stack, known)
    codes = np.concatenate([silence.latest[:, None], some_codes(name, (STREAMS, LONGEST))], axis=1)

    def one(state: Session, now: jax.Array) -> tuple[Session, jax.Array]:
        said = None if heard is None else heard[:, now % heard.shape[1]]
        outputs, state = step(model.config, weights, state, jnp.asarray(codes)[:, now], said)
        return state, outputs

    run = jax.jit(lambda state: jax.lax.scan(one, state, jnp.arange(LONGEST + 1))[1])
    return np.asarray(run(silence.model))


@cache
def next_outputs(name: str):
    """From a session to the outputs of its next sample; ``start`` is the sample's time."""
    model, weights = prepared(name)

    @jax.jit
    def outputs(session: Session, conditions_there) -> jax.Array:
        heard = told(weights.stack, condition(model.config, weights.conditioner, conditions_there))
        return step(model.config, weights, session.model, session.latest, None if heard is None else heard[:, 0])[0]

    return lambda session, start: outputs(session, piece(model.config, conditions(name), [start] * STREAMS, hop(name)))


@pytest.mark.parametrize("name", NAMES)
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
        now = piece(model.config, conditions(name), [start] * STREAMS, size)
        session = prefill(model, weights, session, padded, now, valid=valid)
        start += valid
    assert session.time.tolist() == [start] * STREAMS
    np.testing.assert_array_equal(session.latest, codes[:, start - 1])
    outputs = next_outputs(name)(session, start)
    expected = stepwise(name)[start]
    np.testing.assert_allclose(outputs, expected, atol=2e-5 * np.abs(expected).max())
    differences.append(float(np.abs(outputs - expected).max()))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_generation_is_its_second_half_after_its_first(name: str) -> None:
    """Cut where all blocks of context stacks end; also through a prompt longer than all that the network sees."""
    model, params = trained(name)
    length = 2 * LONGEST

    def made(length: int, **more: object) -> np.ndarray:
        return joined(
            stream(
                model,
                params,
                KEY,
                STRATEGY,
                batch_size=STREAMS,
                length=length,
                chunk=12,
                conditions=conditions(name),
                **more,
            )
        )

    whole = made(length)
    for cut in (12, LONGEST + 36):
        rest = made(length - cut, prompts=list(whole[:, :cut]))
        np.testing.assert_array_equal(rest, whole[:, cut:])
    assert model.config.receptive_field < LONGEST + 36
    assert (whole[0] != whole[1]).any()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=12)
@given(counts=st.lists(st.integers(0, 8), min_size=STREAMS, max_size=STREAMS), guided=st.booleans())
def test_ragged_equals_even(name: str, counts: list[int], guided: bool) -> None:
    """Bit for bit: a stream beside others with prompts of other lengths, and beside others with its own."""
    model, weights = prepared(name)
    unit = hop(name)
    own = [some_codes(name, unit * count, seed) for seed, count in enumerate(counts)]

    def made(prompts: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        session = primed(model, weights, KEY, prompts, conditions(name), guided=guided)
        now = piece(model.config, conditions(name), np.asarray(session.time).astype(int), 12)
        guidance = 1.5 if guided else None
        codes, nats, _ = advance(model, weights, STRATEGY, session, 12, now, guidance, scored=True)
        return np.asarray(codes), np.asarray(nats)

    ragged = made(own)
    for row in range(STREAMS):
        for mixed, even in zip(ragged, made([own[row]] * STREAMS), strict=True):
            np.testing.assert_array_equal(mixed[row], even[row])


def test_long_prompts_are_heard_in_several_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    model, weights = prepared("two_contexts")
    long = [some_codes("two_contexts", length, length) for length in (200, 61, 3)]
    at_once = primed(model, weights, KEY, long)
    monkeypatch.setattr(prompts, "_MOST_AT_ONCE", 16)
    assert model.config.receptive_field > 16
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


def test_hearing_makes_no_outputs() -> None:
    """A pass over a prompt costs what the stack costs without its skip sum and without the output projections."""
    model, weights = prepared("plain")
    compiled = prefill.lower(model, weights, begin(model, KEY, 1), np.zeros((1, 64), np.int32)).compile()
    assert compiled.cost_analysis()["flops"] < 64 * 2 * model.config.stack_multiply_adds


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
def test_what_is_no_prompt(name: str, prompt: list, message: str) -> None:
    model, params = trained(name)
    with pytest.raises(ValueError, match=message):
        stream(
            model,
            params,
            KEY,
            STRATEGY,
            batch_size=2,
            length=4,
            prompts=[np.zeros(4, np.int32), np.array(prompt)],
            conditions=conditions(name, 2),
        )
