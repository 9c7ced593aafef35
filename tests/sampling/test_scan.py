"""The sampler against the full pass, and against itself cut into pieces."""

import itertools
from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import WaveNet
from wavenet_jax.sampling import Ancestral, Piece, advance, begin, prepare, stream, uniforms

TINY = {"levels": 32, "residual_channels": 8, "skip_channels": 8, "dilation_cycle": (1, 2, 4)}
CONFIGS = {
    "plain": WaveNetConfig(**TINY),
    "kernel_3_wide_input": WaveNetConfig(**TINY, kernel_size=3, input_kernel_size=2, weight_norm=True, bias=False),
}
LENGTH, STREAMS, KEY, STRATEGY = 60, 3, jax.random.key(5), Ancestral(0.9)


def trained(config: WaveNetConfig) -> tuple[WaveNet, dict]:
    """A model with parameters large enough for its samples to depend on the past."""
    model = WaveNet(config)
    params = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 1), jnp.int32))["params"]
    return model, jax.tree.map(lambda leaf: 2 * leaf, params)


def generate(model: WaveNet, params: dict, lengths: list[int], streams: int = STREAMS) -> np.ndarray:
    """Codes ``[streams, sum(lengths)]``, made in calls of the given lengths."""
    weights, session, pieces = prepare(model, params), begin(model, KEY, streams), []
    for length in lengths:
        codes, _, session = advance(model, weights, STRATEGY, session, length)
        pieces.append(np.asarray(codes))
    assert session.time.tolist() == [sum(lengths)] * streams
    return np.concatenate(pieces, axis=1)


def times(streams: int, length: int = LENGTH) -> jax.Array:
    return jnp.broadcast_to(jnp.arange(length, dtype=jnp.uint32)[:, None], (length, streams))


def joined(pieces: Iterable[Piece]) -> np.ndarray:
    return np.concatenate([piece.codes for piece in pieces], axis=1)


@pytest.mark.parametrize("name", CONFIGS)
def test_sampler_equals_full_pass(name: str) -> None:
    """Teacher-forced on what the sampler made, the full pass chooses the same codes with the same uniforms."""
    model, params = trained(CONFIGS[name])
    codes = generate(model, params, [LENGTH])
    silence = np.full((STREAMS, 1), Grid.of(model.config).silence, np.int32)
    inputs = jnp.asarray(np.concatenate([silence, codes[:, :-1]], axis=1))
    outputs = jax.jit(model.apply)({"params": params}, inputs)
    draws = uniforms(begin(model, KEY, STREAMS).keys, times(STREAMS)).swapaxes(0, 1)
    np.testing.assert_array_equal(STRATEGY(model.head, outputs, draws), codes)
    assert len(np.unique(codes)) > 8, "the samples are too plain to tell anything"


def test_ten_short_calls_equal_one_long_one() -> None:
    model, params = trained(CONFIGS["plain"])
    np.testing.assert_array_equal(generate(model, params, [6] * 10), generate(model, params, [60]))


def test_a_stream_does_not_depend_on_its_neighbours() -> None:
    model, params = trained(CONFIGS["plain"])
    draws = uniforms(begin(model, KEY, 4).keys, times(4))
    np.testing.assert_array_equal(uniforms(begin(model, KEY, 2).keys, times(2)), draws[:, :2])
    codes = generate(model, params, [LENGTH])
    assert (codes[0] != codes[1]).any()


def test_seed_and_temperature() -> None:
    model, params = trained(CONFIGS["plain"])

    def sample(seed: int, temperature: float) -> np.ndarray:
        chunks = stream(
            model, params, jax.random.key(seed), Ancestral(temperature), batch_size=1, length=LENGTH, chunk=LENGTH
        )
        return joined(chunks)

    np.testing.assert_array_equal(sample(1, 1.0), sample(1, 1.0))
    assert (sample(1, 1.0) != sample(2, 1.0)).any()
    np.testing.assert_array_equal(sample(1, 1e-4), sample(2, 1e-4))  # cold: the mode, whatever the seed


def test_stream_yields_chunks_of_the_asked_length() -> None:
    model, params = trained(CONFIGS["plain"])
    pieces = list(stream(model, params, KEY, STRATEGY, batch_size=2, length=50, chunk=20))
    assert [piece.codes.shape for piece in pieces] == [(2, 20), (2, 20), (2, 10)]
    np.testing.assert_array_equal(joined(pieces), generate(model, params, [50], streams=2))


def test_a_new_temperature_does_not_compile_again() -> None:
    model, params = trained(CONFIGS["plain"])
    weights, before = prepare(model, params), advance._cache_size()
    for temperature in (0.5, 0.7, 1.1):
        advance(model, weights, Ancestral(temperature), begin(model, KEY, STREAMS), 9)
    assert advance._cache_size() == before + 1


@pytest.mark.parametrize(("name", "value"), [*itertools.product(("length", "batch_size", "chunk"), (0, -1))])
def test_nothing_to_make_is_an_error(name: str, value: int) -> None:
    model, params = trained(CONFIGS["plain"])
    sizes = {"length": 5, "batch_size": 1, "chunk": 5, name: value}
    with pytest.raises(ValueError, match=f"{name} must be at least 1, got {value}"):
        next(stream(model, params, KEY, STRATEGY, **sizes))
