"""Streams that the engine makes, and when it does."""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from tests.engine.networks import CONFIGS, conditions, engine, prepared
from wavenet_jax.engine import EngineMissingError, build
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import (
    Ancestral,
    Guard,
    Session,
    begin,
    choose_engine,
    load_session,
    native,
    primed,
    save_session,
    spread,
    stream,
)

KEY, STRATEGY = jax.random.key(5), Ancestral(0.9)


class Always:
    """A strategy that the engine does not know."""

    def over(self, times: Any) -> None:
        """Needs nothing."""

    def __call__(self, head: Any, outputs: Any, uniforms: Any, now: Any = None) -> Any:
        return outputs[..., 0].astype(np.int32) * 0


def made(
    name: str, session: Session, length: Any, weight_format: str = "float32", by_engine: bool = True, **options: Any
) -> Any:
    """Codes of a stream ``[B, T]``, and the session after it."""
    model, weights = prepared(name)
    streams = session.latest.shape[0]
    pieces = stream(
        model,
        weights,
        session,
        STRATEGY,
        length=length,
        conditions=conditions(name, streams),
        engine=engine(name, weight_format) if by_engine else None,
        **options,
    )
    codes = np.concatenate([piece.codes for piece in pieces], axis=1)
    return codes, pieces.snapshot()


@pytest.mark.slow
@pytest.mark.parametrize("weight_format", ["float32", "int8"])
@pytest.mark.parametrize("guided", [False, True])
@pytest.mark.parametrize("name", ["plain", "frames_and_classes", "wide_contexts", "voice", "from_the_past"])
def test_devices_share_streams(name: str, guided: bool, weight_format: str) -> None:
    """Any number of them makes the same bits."""
    session = begin(prepared(name)[0], KEY, 4, guided=guided)
    options = {"length": 24, "chunk": 12, "guidance": 1.5 if guided else None, "weight_format": weight_format}
    whole, after = made(name, session, **options)
    for devices in (2, 4):
        shared, after_shared = made(name, spread(prepared(name)[0], session, jax.devices()[:devices]), **options)
        np.testing.assert_array_equal(shared, whole)
        jax.tree.map(np.testing.assert_array_equal, after_shared.model, after.model)


@pytest.mark.parametrize(
    "name",
    [
        "plain",
        "kernel_3_wide_input",
        "frames_and_classes",
        pytest.param("two_contexts", marks=pytest.mark.slow),
    ],
)
def test_ragged_streams_after_prompts_are_those_of_the_scan(name: str) -> None:
    """Prompts and streams of different lengths, under a guard that finds nothing."""
    model, weights = prepared(name)
    random = np.random.default_rng(0)
    prompts = [random.integers(0, model.config.levels, size) for size in (12, 40, 4)]
    session = primed(model, weights, KEY, prompts, conditions(name, 3))
    options = {"length": [20, 44, 32], "chunk": 12, "guard": Guard(silence_db=-500, noise_db=500)}
    ours, theirs = (made(name, session, by_engine=by_engine, **options)[0] for by_engine in (True, False))
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("weight_format", ["float32", "int8"])
def test_a_session_file_is_resumed_bit_for_bit(weight_format: str, tmp_path: Path) -> None:
    model, _ = prepared("plain")
    whole, _ = made("plain", begin(model, KEY, 2), 60, weight_format)
    first, session = made("plain", begin(model, KEY, 2), 25, weight_format)
    save_session(tmp_path / "session.safetensors", session, model.config)
    resumed, _ = load_session(tmp_path / "session.safetensors", model.config)
    rest, _ = made("plain", resumed, 35, weight_format, chunk=9)
    np.testing.assert_array_equal(np.concatenate([first, rest], axis=1), whole)


def test_the_guard_has_streams_of_the_engine_drawn_again() -> None:
    """A guard for which everything is silence goes back, and keeps what it has after its attempts."""
    model, weights = prepared("plain")
    guard = Guard(silence_db=500, silence_seconds=0.001, noise_seconds=0.001, attempts=2)
    pieces = stream(
        model, weights, begin(model, KEY, 2), STRATEGY, length=48, chunk=24, guard=guard, engine=engine("plain")
    )
    events = [event for piece in pieces for event in piece.redrawn]
    assert [event.accepted for event in events if event.stream == 0].count(True) >= 1
    assert sum(not event.accepted for event in events) >= 2


def test_it_is_chosen_where_it_can_run() -> None:
    model, weights = prepared("plain")
    chosen, line = choose_engine(model, weights, begin(model, KEY, 1), STRATEGY)
    assert chosen is not None
    assert line == f"native float32 ({build.kinds()[0]})"
    chosen, line = choose_engine(model, weights, begin(model, KEY, 1), STRATEGY, weight_format="int8")
    assert line == f"native int8 ({build.kinds()[0]})"
    assert choose_engine(model, weights, begin(model, KEY, 1), STRATEGY, name="scan") == (None, "scan")
    assert choose_engine(model, weights, begin(model, KEY, 500), STRATEGY) == (None, "scan: many streams")
    chosen, _ = choose_engine(model, weights, begin(model, KEY, 500), STRATEGY, name="native")
    assert chosen is not None
    several = spread(model, begin(model, KEY, 128), jax.devices()[:8])
    assert choose_engine(model, weights, several, STRATEGY)[0] is not None


def test_where_it_cannot_run_the_scan_says_why() -> None:
    plain, weights = prepared("plain")
    half = WaveNet(dataclasses.replace(CONFIGS["plain"], compute_dtype="bfloat16"))
    session = begin(half, KEY, 1)
    assert choose_engine(half, weights, session, STRATEGY) == (None, "scan: compute_dtype=bfloat16")
    with pytest.raises(ValueError, match="the native engine cannot make these streams: compute_dtype=bfloat16; leave"):
        choose_engine(half, weights, session, STRATEGY, name="native")
    with pytest.raises(ValueError, match="compute_dtype=bfloat16; leave engine and weights out"):
        choose_engine(half, weights, session, STRATEGY, weight_format="int8")
    assert choose_engine(plain, weights, begin(plain, KEY, 1), Always())[1] == "scan: the strategy is Always"
    with pytest.raises(ValueError, match="weights=int8 needs the native engine, got engine=scan"):
        choose_engine(plain, weights, begin(plain, KEY, 1), STRATEGY, name="scan", weight_format="int8")


def test_without_a_compiler_the_scan_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """And what is compiled already needs none."""
    model, weights = prepared("plain")
    engine("plain")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    assert choose_engine(model, weights, begin(model, KEY, 1), STRATEGY)[0] is not None
    monkeypatch.setattr(build, "library", build.library.__wrapped__)
    monkeypatch.setattr(native.Engine, "of", lambda *_, **__: build.library())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    chosen, line = choose_engine(model, weights, begin(model, KEY, 1), STRATEGY)
    assert chosen is None
    assert line == ("scan: the native engine needs a C++ compiler, such as g++ or clang++, and there is none")
    with pytest.raises(ValueError, match="the native engine cannot make these streams: the native engine needs a C"):
        choose_engine(model, weights, begin(model, KEY, 1), STRATEGY, name="native")


def test_a_library_that_others_may_write_is_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = tmp_path / "wavenet_jax" / "engine"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    with pytest.raises(EngineMissingError, match="where other users may write"):
        build.library.__wrapped__()


def test_arguments_that_do_not_fit_are_refused() -> None:
    session = begin(prepared("plain")[0], KEY, 1)
    runs = dataclasses.replace(engine("plain"), packed=engine("plain").packed[:-64])
    with pytest.raises(jax.errors.JaxRuntimeError, match="wavenet engine: packed is too short for this network"):
        jax.block_until_ready(advanced("plain", session, runs))


def spoiled(session: Session, part: str) -> Session:
    """A session whose second context stack does not fit in one respect."""
    first, slow = session.model.contexts
    if part == "rings":
        slow = slow._replace(stack=slow.stack._replace(position=slow.stack.position + 2))
    elif part == "phase":
        slow = slow._replace(phase=slow.phase + 6)
    else:
        slow = slow._replace(**{part: getattr(slow, part)[:, :-1]})
    return session._replace(model=session.model._replace(contexts=(first, slow)))


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("block", r"context block must be float32 \[1, 6\], got type 11 \[1, 5\]"),
        ("output", r"context output must be float32 \[1, 6, 2\], got type 11 \[1, 5, 2\]"),
        ("phase", "context phase is a place outside of a block"),
        ("rings", "context position has places outside of their rings"),
    ],
)
def test_states_of_contexts_that_do_not_fit_are_refused(part: str, message: str) -> None:
    session = spoiled(begin(prepared("two_contexts")[0], KEY, 1), part)
    with pytest.raises(jax.errors.JaxRuntimeError, match=f"wavenet engine: {message}"):
        jax.block_until_ready(advanced("two_contexts", session, engine("two_contexts")))


def advanced(name: str, session: Session, runs: Any) -> Any:
    model, weights = prepared(name)
    return native.advance_native(model, weights, STRATEGY, session, 8, engine=runs)
