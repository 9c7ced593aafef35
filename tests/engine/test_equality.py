"""The engine against the scan, which is the definition, and against itself."""

import functools
import os
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.support.benchmarks import blank_conditions, preset_config
from tests.engine.decisions import may_be
from tests.engine.networks import CONFIGS, MOST_SAMPLES, STREAMS, conditions, engine, prepared
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.engine import FORMATS, Engine, kinds, packing
from wavenet_jax.model import GateInputs, WaveNet, embed_conditions, extend
from wavenet_jax.model.heads import Mixture
from wavenet_jax.sampling import (
    Ancestral,
    Mode,
    Schedule,
    Session,
    Strategy,
    advance,
    begin,
    conditions_at,
    prepare_weights,
    uniforms,
)
from wavenet_jax.sampling.frames import voicing
from wavenet_jax.sampling.native import advance_native, extend_native, samples
from wavenet_jax.sampling.scan import copied

KEY, CHUNK = jax.random.key(5), 120
STRATEGY = Ancestral(0.9)
SCHEDULE = Ancestral(Schedule.through([(0, 0.5), (1_000, 1.1)]))
VOICES = [pytest.param(name, marks=pytest.mark.slow) for name in ("voice", "coded_voice", "from_the_past")]
CASES: list[Any] = [
    *((name, STRATEGY, None) for name in CONFIGS if name not in ("coded_voice", "from_the_past")),
    *(pytest.param(*case.values, STRATEGY, None, marks=pytest.mark.slow) for case in VOICES[1:]),
    ("plain", Ancestral(), None),
    ("plain", SCHEDULE, None),
    ("plain", Mode(), None),
    ("plain", Ancestral(0.9, {"top_k": 5}), None),
    ("plain", Ancestral(1.2, {"top_p": 0.8}), None),
    ("plain", Ancestral(1.2, {"min_p": 0.1, "top_k": 20}), None),
    ("two_bytes", Ancestral(0.8, {"top_p": 0.9}), None),
    ("two_bytes", SCHEDULE, None),
    ("two_bytes", Mode(), None),
    ("companded_logistic", SCHEDULE, None),
    ("companded_logistic", Mode(), None),
    ("gaussian", Mode(), None),
    ("vector_and_frames", STRATEGY, 1.5),
    ("frames_and_classes", STRATEGY, 2.0),
    pytest.param("wide_contexts", STRATEGY, 1.5, marks=pytest.mark.slow),
    pytest.param("voice", Ancestral(0.9, unvoiced=0.5), 1.5, marks=pytest.mark.slow),
]


def generate(
    name: str,
    lengths: list[int],
    strategy: Strategy = STRATEGY,
    guidance: float | None = None,
    streams: int = STREAMS,
    weight_format: str = "float32",
    kind: str | None = None,
) -> tuple[np.ndarray, np.ndarray, Session]:
    """Codes and log-likelihoods ``[streams, sum(lengths)]`` of the engine, in calls of these lengths."""
    model, weights = prepared(name)
    session, made, start = begin(model, KEY, streams, guided=guidance is not None), [], 0
    rows = jax.tree.map(lambda leaf: leaf[:streams], conditions(name))
    for length in lengths:
        now = conditions_at(model.config, rows, [start] * streams, length)
        runs = engine(name, weight_format, kind)
        codes, nats, session = advance_native(
            model, weights, strategy, session, length, now, guidance, engine=runs, scored=True
        )
        assert nats is not None
        made.append((np.asarray(codes), np.asarray(nats)))
        start += length
    codes, nats = (np.concatenate(parts, axis=1) for parts in zip(*made, strict=True))
    return codes, nats, session


@pytest.mark.parametrize(("name", "strategy", "guidance"), CASES)
def test_codes_are_those_of_the_scan(name: str, strategy: Strategy, guidance: float | None) -> None:
    """Chunk by chunk from the scan's sessions; where a code differs, last bits of sums decided the draw."""
    model, weights = prepared(name)
    session = begin(model, KEY, STREAMS, guided=guidance is not None)
    # Filters of several streams round differently in the scan, by up to 2e-5; log-likelihoods then by up to 8e-4.
    error = 3e-3 if model.config.prediction.linear_prediction else 1e-4
    close = functools.partial(np.testing.assert_allclose, atol=error, rtol=error)
    differences = 0
    for start in range(0, MOST_SAMPLES, CHUNK):
        now = conditions_at(model.config, conditions(name), [start] * STREAMS, CHUNK)
        before = copied(session)
        codes, nats, after = advance_native(
            model, weights, strategy, copied(session), CHUNK, now, guidance, engine=engine(name), scored=True
        )
        expected, expected_nats, session = advance(model, weights, strategy, session, CHUNK, now, guidance, scored=True)
        assert codes.dtype == jnp.int32
        assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, session)
        for stream, (ours, theirs) in enumerate(zip(np.asarray(codes), np.asarray(expected), strict=True)):
            apart = np.flatnonzero(ours != theirs)
            same = apart[0] if len(apart) else CHUNK
            close(nats[stream, :same], expected_nats[stream, :same])
            if len(apart):
                differences += 1
                _check_decision(name, strategy, guidance, before, now, stream, int(same), (ours[same], theirs[same]))
        if (np.asarray(codes) == np.asarray(expected)).all():
            jax.tree.map(close, after.model, session.model)
            np.testing.assert_array_equal(after.latest, session.latest)
            np.testing.assert_array_equal(after.time, session.time)
    # A mixture's draw is a float32 number that is rounded to one of 65,536: its last bits decide more often.
    most = 8 if isinstance(weights.head, Mixture) and model.config.levels == 65_536 else 1
    assert differences <= most, f"{differences} of {STREAMS * MOST_SAMPLES} draws"


def _check_decision(
    name: str,
    strategy: Any,
    guidance: float | None,
    before: Session,
    now: Any,
    stream: int,
    sample: int,
    codes: tuple[int, int],
) -> None:
    """Both codes are what the outputs at that sample give, but for rounding."""
    assert isinstance(strategy, Ancestral), "a most probable code has no draw"
    outputs = outputs_of(name, strategy, guidance, before, now)[stream, sample]
    times = before.time[stream] + jnp.asarray([[sample]], jnp.uint32)
    head = prepared(name)[1].head
    draws = np.asarray(uniforms(before.keys[stream : stream + 1], times, head.draws))[0, 0]
    voiced = voicing(prepared(name)[0].config, now)
    over = strategy.over(times, None if voiced is None else voiced[sample : sample + 1, stream : stream + 1])
    temperature = float(strategy.temperature if over is None else over[0, 0])  # type: ignore[arg-type]
    if isinstance(head, Mixture):
        assert abs(int(codes[0]) - int(codes[1])) == 1
    for code in codes:
        assert may_be(head, outputs, draws, int(code), temperature, **strategy.truncation), (sample, codes)


def outputs_of(name: str, strategy: Strategy, guidance: float | None, session: Session, now: Any) -> np.ndarray:
    """The engine's outputs ``[B, CHUNK, O]`` from a session on."""
    model, weights = prepared(name)
    made = samples(model, weights, strategy, session, CHUNK, now, guidance, engine=engine(name), with_outputs=True)
    assert made.outputs is not None
    return np.asarray(made.outputs)


@pytest.mark.slow
@pytest.mark.usefixtures("optimized")
@pytest.mark.parametrize("preset", ["base", "paper", "ljspeech", "vocoder", "two bytes"])
def test_codes_of_networks_of_published_sizes_are_those_of_the_scan(preset: str) -> None:
    """At most one draw in 10,000 differs, of 16-bit mixtures one in 400: each decided by last bits."""
    total = int(os.environ.get("WAVENET_ENGINE_SAMPLES", "10240"))
    config = WaveNetConfig(levels=65_536, companding="linear", head="coarse_fine", input="scalar")
    if preset != "two bytes":
        config = preset_config(preset).model
    model, strategy, chunk = WaveNet(config), Ancestral(0.9), config.whole_frames(512)
    params = jax.jit(lambda key: model.init(key, method="weights"))(jax.random.key(0))["params"]
    weights = prepare_weights(model, params)
    runs = Engine.of(config, weights)
    random = np.random.default_rng(0)
    session, differences, compared = begin(model, KEY, 1), 0, 0
    for _ in range(0, total, chunk):
        now = blank_conditions(config, 1, chunk)
        if now.frames is not None:
            values = random.standard_normal(now.frames.shape).astype(np.float32)
            # Features that say how the waveform is shaped are near those of a voice.
            now = now._replace(frames=0.6 + 0.1 * values if config.prediction.linear_prediction else values)
        before = copied(session)
        codes, _, _ = advance_native(model, weights, strategy, copied(session), chunk, now, engine=runs)
        expected, _, session = advance(model, weights, strategy, session, chunk, now)
        ours, theirs = np.asarray(codes)[0], np.asarray(expected)[0]
        apart = np.flatnonzero(ours != theirs)
        if len(apart):
            differences += 1
            at = int(apart[0])
            made = samples(model, weights, strategy, before, chunk, now, engine=runs, with_outputs=True)
            assert made.outputs is not None
            times = before.time[:, None] + jnp.asarray([[at]], jnp.uint32)
            draws = np.asarray(uniforms(before.keys, times, weights.head.draws))[0, 0]
            for code in (ours[at], theirs[at]):
                assert may_be(weights.head, np.asarray(made.outputs[0, at]), draws, int(code), 0.9)
        compared += int(apart[0]) + 1 if len(apart) else chunk
    print(f"{preset}: {differences} of {compared} draws")
    assert compared > total / 4
    assert differences <= max(1, compared / (400 if isinstance(weights.head, Mixture) else 10_000))


@pytest.mark.parametrize("weight_format", ["float32", "int8"])
@pytest.mark.parametrize(
    "name", ["plain", "kernel_3_wide_input", "frames_and_classes", "two_bytes", "widths", "sparse", *VOICES]
)
@settings(max_examples=5)
@given(order=st.permutations([4] * 6 + [12] * 3))
def test_short_calls_equal_one_long_one(name: str, weight_format: str, order: list[int]) -> None:
    """Bit for bit, log-likelihoods and what the network remembers included."""
    for pieces, expected in zip(
        generate(name, order, weight_format=weight_format),
        generate(name, [60], weight_format=weight_format),
        strict=True,
    ):
        jax.tree.map(_check_equal, pieces, expected)


@pytest.mark.parametrize("weight_format", ["float32", "int8"])
@pytest.mark.parametrize("name", ["two_contexts", pytest.param("sparse_contexts", marks=pytest.mark.slow)])
@settings(max_examples=5)
@given(order=st.permutations([1] * 5 + [7] * 5 + [20]))
def test_calls_may_end_inside_the_blocks_of_contexts(name: str, weight_format: str, order: list[int]) -> None:
    """Bit for bit; lengths that are no multiples of the periods."""
    for pieces, expected in zip(
        generate(name, order, weight_format=weight_format),
        generate(name, [60], weight_format=weight_format),
        strict=True,
    ):
        jax.tree.map(_check_equal, pieces, expected)


@pytest.mark.slow
def test_a_long_call_of_a_voice_equals_short_ones() -> None:
    """Longer than the engine keeps the past in one piece; its codes and what it remembers."""
    whole, cut = generate("voice", [MOST_SAMPLES]), generate("voice", [400] * 3)
    jax.tree.map(_check_equal, whole[::2], cut[::2])


def _check_equal(ours: Any, theirs: Any) -> None:
    if jnp.issubdtype(ours.dtype, jax.dtypes.prng_key):
        ours, theirs = jax.random.key_data(ours), jax.random.key_data(theirs)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("weight_format", ["float32", "int8"])
@pytest.mark.parametrize("guidance", [None, 1.5])
@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "frames_and_classes",
        "vector_and_frames",
        "widths",
        pytest.param("wide_contexts", marks=pytest.mark.slow),
        *VOICES,
    ],
)
def test_a_stream_alone_is_the_same(name: str, guidance: float | None, weight_format: str) -> None:
    """Bit for bit: alone, beside one and beside two."""
    most = generate(name, [60], guidance=guidance, weight_format=weight_format)
    for streams in (1, 2):
        fewer = generate(name, [60], guidance=guidance, streams=streams, weight_format=weight_format)
        for ours, theirs in zip(fewer[:2], most[:2], strict=True):
            np.testing.assert_array_equal(ours, theirs[:streams])


@pytest.mark.parametrize("weight_format", FORMATS)
@pytest.mark.parametrize("name", ["plain", "widths", "two_contexts"])
def test_many_streams_are_each_what_they_are_alone(name: str, weight_format: str) -> None:
    """More than are multiplied together at once, and a rest."""
    model, weights = prepared(name)
    streams = 11
    codes, nats, _ = advance_native(
        model, weights, STRATEGY, begin(model, KEY, streams), 60, engine=engine(name, weight_format), scored=True
    )
    np.testing.assert_array_equal(codes[:STREAMS], generate(name, [60], weight_format=weight_format)[0])
    assert nats is not None
    np.testing.assert_array_equal(nats[:STREAMS], generate(name, [60], weight_format=weight_format)[1])


@pytest.mark.slow
@pytest.mark.parametrize("kind", kinds()[1:])
@pytest.mark.parametrize(
    "name", ["plain", "frames_and_classes", "two_bytes", "gaussian", "widths", "wide_contexts", "sparse", *VOICES]
)
def test_every_kind_of_library_makes_the_same_codes(name: str, kind: str) -> None:
    """Bit for bit with fused multiply-add; without, last bits differ."""
    fused = kind.startswith(("x86-64-v3", "x86-64-v4"))
    for weight_format in FORMATS:
        ours, best = (generate(name, [240], weight_format=weight_format, kind=which) for which in (kind, None))
        assert (np.asarray(ours[0]) != best[0]).sum() <= (name == "gaussian" and not fused)
        if fused:
            jax.tree.map(_check_equal, ours, best)


@pytest.mark.parametrize("weight_format", ["float32", "int8"])
@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "two_contexts",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("kernel_3_wide_input", "two_bytes", "gaussian")),
    ],
)
def test_given_codes_are_heard_like_drawn_ones(name: str, weight_format: str) -> None:
    """Bit for bit: the outputs after each, and what the network remembers."""
    model, weights = prepared(name)
    runs, session = engine(name, weight_format), begin(model, KEY, STREAMS)
    made = samples(model, weights, STRATEGY, session, CHUNK, engine=runs, with_outputs=True)
    heard = jnp.concatenate([session.latest[:, None], made.codes[:, :-1]], axis=1)
    outputs, state = jax.jit(extend_native)(runs, weights, session.model, heard, GateInputs())
    np.testing.assert_array_equal(outputs, made.outputs)
    jax.tree.map(_check_equal, state, made.state)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["voice", "from_the_past"])
def test_given_codes_of_a_voice_give_the_outputs_of_the_model(name: str) -> None:
    model, weights = prepared(name)
    now = conditions_at(model.config, conditions(name), [0] * STREAMS, CHUNK)
    inputs = embed_conditions(model.config, weights.conditioner, now)
    codes = np.random.default_rng(0).integers(0, model.config.levels, (STREAMS, CHUNK)).astype(np.int32)
    state = model.init_state(STREAMS)
    ours = jax.jit(extend_native)(engine(name), weights, state, codes, inputs)
    theirs = jax.jit(functools.partial(extend, model.config))(weights, state, codes, inputs)
    jax.tree.map(functools.partial(np.testing.assert_allclose, atol=1e-3, rtol=1e-3), ours[0], theirs[0])
    for mine, other in zip(ours[1].prediction, theirs[1].prediction, strict=True):
        np.testing.assert_allclose(mine, other, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "kernel_3_wide_input",
        "frames_and_classes",
        "two_contexts",
        pytest.param("wide_contexts", marks=pytest.mark.slow),
        "voice",
    ],
)
def test_sessions_pass_from_the_scan_to_the_engine_and_back(name: str) -> None:
    model, weights = prepared(name)
    session, made = begin(model, KEY, STREAMS), []
    for call in range(6):
        now = conditions_at(model.config, conditions(name), [20 * call] * STREAMS, 20)
        if call % 2:
            codes, _, session = advance_native(model, weights, STRATEGY, session, 20, now, engine=engine(name))
        else:
            codes, _, session = advance(model, weights, STRATEGY, session, 20, now)
        made.append(np.asarray(codes))
    np.testing.assert_array_equal(np.concatenate(made, axis=1), generate(name, [120])[0])


@pytest.mark.parametrize("weight_format", FORMATS)
def test_leaving_zeros_out_changes_no_bit(weight_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of codes, log-likelihoods and sessions, against the same weights packed with their zeros."""
    model, weights = prepared("sparse")
    sparse = engine("sparse", weight_format)
    assert sparse.sparse_products == (7, 7)
    assert 0.7 < sparse.zeros < 0.8
    assert f"native {weight_format}, 7 of 7 products sparse, 75% zeros (" in str(sparse)
    monkeypatch.setattr(packing, "LEAST_ZEROS", 2)
    whole = Engine.of(model.config, weights, weight_format)
    assert (whole.sparse_products, whole.zeros) == ((0, 7), 0)
    for streams in (1, 5):
        ours, theirs = (
            advance_native(model, weights, STRATEGY, begin(model, KEY, streams), CHUNK, engine=runs, scored=True)
            for runs in (sparse, whole)
        )
        jax.tree.map(_check_equal, ours, theirs)


@pytest.mark.parametrize("weight_format", FORMATS)
def test_leaving_zeros_of_contexts_out_changes_no_bit(weight_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of their stacks, their ends, and their projection into the gates."""
    model, weights = prepared("sparse_contexts")
    sparse = engine("sparse_contexts", weight_format)
    there, products = sparse.sparse_products
    assert 12 <= there < products  # the main stack has no zeros
    monkeypatch.setattr(packing, "LEAST_ZEROS", 2)
    whole = Engine.of(model.config, weights, weight_format)
    assert whole.sparse_products == (0, products)
    ours, theirs = (
        advance_native(model, weights, STRATEGY, begin(model, KEY, 5), CHUNK, engine=runs, scored=True)
        for runs in (sparse, whole)
    )
    jax.tree.map(_check_equal, ours, theirs)


@pytest.mark.parametrize("weight_format", ["float32", "int8"])
def test_the_last_kernel_may_be_nothing_but_zeros(weight_format: str) -> None:
    """As in a network that begins with even odds: its last matrix has no block, and nothing comes after it."""
    model, weights = prepared("sparse")
    weights = weights._replace(output=weights.output._replace(outputs=jnp.zeros_like(weights.output.outputs)))
    session, runs = begin(model, KEY, 2), Engine.of(model.config, weights, weight_format)
    codes, nats, _ = advance_native(model, weights, STRATEGY, session, CHUNK, engine=runs, scored=True)
    expected, expected_nats, _ = advance(model, weights, STRATEGY, begin(model, KEY, 2), CHUNK, scored=True)
    _check_equal(codes, expected)
    np.testing.assert_allclose(nats, expected_nats, atol=1e-5)


@pytest.mark.parametrize("weight_format", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["sparse", "two_contexts"])
def test_halves_are_the_network_with_rounded_weights(name: str, weight_format: str) -> None:
    """Bit for bit the float32 engine's outputs, whose weights are those that 16 bits hold."""
    model, weights = prepared(name)
    tree, shape = jax.tree.flatten(weights._replace(input=None, head=None))
    kernels = [leaf.astype(weight_format).astype(jnp.float32) if leaf.ndim > 1 else leaf for leaf in tree]
    rounded = jax.tree.unflatten(shape, kernels)._replace(input=weights.input, head=weights.head)
    # Blocks of samples enter contexts as samples enter the network: by kernels that stay float32.
    contexts = [slow._replace(input=full.input) for slow, full in zip(rounded.contexts, weights.contexts, strict=True)]
    rounded = rounded._replace(contexts=tuple(contexts))
    ours, theirs = (
        samples(model, weights, STRATEGY, begin(model, KEY, 2), CHUNK, engine=runs, with_outputs=True)
        for runs in (engine(name, weight_format), Engine.of(model.config, rounded))
    )
    jax.tree.map(_check_equal, ours, theirs)


@pytest.mark.parametrize("name", ["plain", "two_bytes", "companded_logistic"])
def test_a_new_temperature_does_not_compile_again(name: str) -> None:
    generate(name, [20])
    before = advance_native._cache_size()
    assert (generate(name, [20], Ancestral(0.5))[0] != generate(name, [20])[0]).any()
    assert advance_native._cache_size() == before
