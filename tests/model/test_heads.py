"""The output heads: distributions over the whole grid, and samples that follow them."""

import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import special

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model.draws import Scalar, inverse_cdf
from wavenet_jax.model.heads import Categorical, CoarseFine, FineWeights, Head, Mixture, head_of
from wavenet_jax.typing import Array

FINE_CHANNELS = 8
DISTRIBUTIONS = ("logistic", "gaussian")


def coarse_fine() -> CoarseFine:
    rng = np.random.default_rng(1)
    shapes = (256, FINE_CHANNELS), (FINE_CHANNELS, 256), (256,)
    return CoarseFine(FINE_CHANNELS, FineWeights(*(jnp.asarray(rng.normal(size=s), jnp.float32) for s in shapes)))


def mixture(levels: int, distribution: str, components: int = 3, floor: float = -9.0) -> Mixture:
    return Mixture(levels, components, floor, distribution)


CATEGORICALS = [Categorical(256), Categorical(1024), Categorical(4096), coarse_fine()]
MIXTURES = [mixture(2**bits, kind) for kind in DISTRIBUTIONS for bits in (8, 10, 12, 16)]
MIXTURES += [Mixture(65_536, 3, -9.0, kind, "mu_law") for kind in DISTRIBUTIONS]


def name(head: Head) -> str:
    axis = "-companded" if getattr(head, "axis", "linear") == "mu_law" else ""
    return f"{getattr(head, 'distribution', type(head).__name__)}-{head.levels}{axis}"


@functools.cache
def compiled(method: str, kind: type, levels: int, distribution: str) -> Callable:
    del kind, levels, distribution  # one program for each
    return jax.jit(lambda head, *inputs: getattr(head, method)(*inputs))


def call(method: str, head: Head, *inputs: Array) -> Array:
    return compiled(method, type(head), head.levels, getattr(head, "distribution", ""))(head, *inputs)


def log_probs(head: Head, outputs: np.ndarray) -> np.ndarray:
    """Computes log-probabilities of the whole grid, ``[O] -> [Q]``, in float64."""
    codes = jnp.arange(head.levels)[None]
    return np.asarray(call("log_prob", head, jnp.asarray(outputs, jnp.float32)[None, None], codes)[0], np.float64)


def stratified(count: int) -> np.ndarray:
    return (np.arange(count, dtype=np.float32) + 0.5) / count


def uniforms_of(head: Head, count: int) -> Array:
    """``[count, 1]``, or a square of ``[count**2, 2]``."""
    axes = np.meshgrid(*[stratified(count)] * head.draws, indexing="ij")
    return jnp.asarray(np.stack([axis.ravel() for axis in axes], axis=-1))


def normal_outputs(head: Head, spread: float, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=head.outputs).astype(np.float32) * np.float32(spread)


def mixture_outputs(logits: list[float], means: list[float], log_scales: list[float]) -> np.ndarray:
    return np.array([*logits, *means, *log_scales], np.float32)


def components(width: int) -> st.SearchStrategy[np.ndarray]:
    """Outputs of a mixture, far-away means and scales below the floor among them."""

    def numbers(low: float, high: float) -> st.SearchStrategy[list[float]]:
        return st.lists(st.floats(low, high, width=32), min_size=width, max_size=width)

    return st.builds(mixture_outputs, numbers(-20, 20), numbers(-10, 10), numbers(-20, 5))


def check_whole_and_parts(head: Head, outputs: np.ndarray, cuts: list[int]) -> None:
    """Asserts that probabilities sum to 1, and that intervals have those of their codes."""
    each = np.exp(log_probs(head, outputs))
    # Measured: at most 3.4e-6, of any head and grid in this file.
    np.testing.assert_allclose(each.sum(), 1, atol=4e-5)  # Logits of hundreds are 3e-5 apart.

    edges = np.unique([0, *(cut % head.levels for cut in cuts), head.levels])
    first, last = (np.resize(part, 8).astype(np.int32) for part in (edges[:-1], edges[1:] - 1))
    given_outputs = jnp.asarray(outputs, jnp.float32)[None]
    parts = call("log_interval", head, jnp.broadcast_to(given_outputs, (8, head.outputs)), first, last)
    expected = [each[begin : end + 1].sum() for begin, end in zip(first, last, strict=True)]
    # Measured: at most 1.2e-6.
    np.testing.assert_allclose(
        np.exp(np.asarray(parts, np.float64)), expected, atol=4e-5
    )  # logits of hundreds are 3e-5 apart


CUTS = st.lists(st.integers(0, 2**16), min_size=0, max_size=7)


@pytest.mark.parametrize("head", CATEGORICALS, ids=name)
@settings(max_examples=8)
@given(spread=st.sampled_from([0.0, 0.1, 3.0, 100.0]), seed=st.integers(0, 1000), cuts=CUTS)
@example(spread=3.0, seed=0, cuts=[256, 300, 310, 512, 1000, 1023, 3000])
def test_logits_make_a_distribution(head: Head, spread: float, seed: int, cuts: list[int]) -> None:
    check_whole_and_parts(head, normal_outputs(head, spread, seed), cuts)


@pytest.mark.parametrize("head", MIXTURES, ids=name)
@settings(max_examples=15)
@given(outputs=components(3), cuts=CUTS)
@example(outputs=mixture_outputs([0, 0, 0], [10, -10, 10], [5, -9, -2]), cuts=[1, 2, 100, 200])
@example(outputs=mixture_outputs([0, 0, 0], [1, -1, 0.3], [-9, -9, -9]), cuts=[1, 77, 166, 255])
@example(outputs=mixture_outputs([0, 0, 0], [0.99, 0.1, 0.3], [-4, -7.5, 0]), cuts=[1, 77, 166, 255])
def test_mixture_makes_a_distribution(head: Head, outputs: np.ndarray, cuts: list[int]) -> None:
    check_whole_and_parts(head, outputs, cuts)


def reference(
    distribution: str, means: np.ndarray, log_scales: np.ndarray, first: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Log-probabilities of intervals on 16 bits in float64, one component."""
    lower = np.where(first == 0, -np.inf, (2 * first - 1) / 65_535 - 1 - means) / np.exp(log_scales)
    upper = np.where(last == 65_535, np.inf, (2 * last + 1) / 65_535 - 1 - means) / np.exp(log_scales)
    log_cdf = special.log_expit if distribution == "logistic" else special.log_ndtr
    flip = lower + upper > 0
    lower, upper = np.where(flip, -upper, lower), np.where(flip, -lower, upper)
    greater, smaller = log_cdf(upper), log_cdf(lower)
    return greater + np.log(-np.expm1(smaller - greater))


@functools.cache
def places() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Means, log-scales and intervals of 16 bits, both near the mean and anywhere."""
    rng = np.random.default_rng(0)
    count = 40_000
    means = (rng.uniform(-1, 1, count) * rng.choice([0.1, 1, 10], count)).astype(np.float32)
    log_scales = rng.uniform(-9, 5, count).astype(np.float32)
    near = ((means + np.exp(log_scales) * rng.normal(size=count) * 4 + 1) * 65_535 / 2).round()
    first = np.where(rng.random(count) < 0.7, np.clip(near, 0, 65_535), rng.integers(0, 65_536, count))
    length = np.where(rng.random(count) < 0.5, 0, np.exp(rng.uniform(0, 11, count)))
    return means, log_scales, first.astype(np.int32), np.minimum(first + length, 65_535).astype(np.int32)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_mixture_agrees_with_scipy_in_float64(distribution: str) -> None:
    means, log_scales, first, last = places()
    outputs = np.stack([np.zeros_like(means), means, log_scales], axis=-1)
    head = mixture(65_536, distribution, components=1)

    def both(outputs: Array) -> tuple[Array, Array]:
        values, pull = jax.vjp(lambda o: head.log_interval(o, jnp.asarray(first), jnp.asarray(last)), outputs)
        return values, pull(jnp.ones_like(values))[0]

    values, gradients = jax.jit(both)(jnp.asarray(outputs))
    expected = reference(distribution, means.astype(np.float64), log_scales.astype(np.float64), first, last)
    assert expected.min() < -1e4
    # Measured, relative to the greater of the value and 1: 7.6e-7.
    np.testing.assert_allclose(values, expected, rtol=4e-6, atol=4e-6)

    scale = np.exp(log_scales.astype(np.float64))
    for index, step in ((1, 1e-3 * scale), (2, np.full(scale.shape, 1e-3))):
        moved = [np.stack([means, log_scales], -1).astype(np.float64) for _ in range(2)]
        moved[0][:, index - 1] += step
        moved[1][:, index - 1] -= step
        up, down = (reference(distribution, *m.T, first, last) for m in moved)
        slope = (up - down) / 2e-3
        actual = np.asarray(gradients[:, index]) * (scale if index == 1 else 1)
        # Measured, relative to the greater of the slope and 1: 6e-6; most of it is of the finite differences.
        np.testing.assert_allclose(actual, slope, rtol=3e-5, atol=3e-5)


def test_the_normal_tail_is_accurate_all_the_way_out() -> None:
    head = mixture(2, "gaussian", components=1)
    distances = np.concatenate([np.linspace(0, 30, 3001), np.geomspace(30, 1e8, 500)]).astype(np.float32)
    outputs = np.stack([0 * distances, distances, 0 * distances], -1)
    values = call("log_prob", head, jnp.asarray(outputs), jnp.zeros(len(distances), jnp.int32))
    # Measured: 2.7e-7.
    np.testing.assert_allclose(values, special.log_ndtr(-distances.astype(np.float64)), rtol=1e-6)


@pytest.mark.parametrize("floor", [-9.0, -20.0])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_extreme_places_have_finite_probabilities_and_gradients(distribution: str, floor: float) -> None:
    head = mixture(65_536, distribution, components=2, floor=floor)
    grid = np.meshgrid([-1e4, -10, -1, 0, 1e-5, 1, 10], [-100, -20, -9, -2, 0, 5], [0, 1, 32_767, 65_534, 65_535])
    mean, log_scale, code = (axis.ravel() for axis in grid)
    outputs = np.stack([0 * mean, 80 + 0 * mean, mean, -mean, log_scale, log_scale / 2], -1).astype(np.float32)
    codes = jnp.asarray(code, jnp.int32)

    def total(outputs: Array) -> tuple[Array, Array]:
        values = head.log_prob(outputs, codes)
        return values.sum(), values

    gradients, values = jax.jit(jax.grad(total, has_aux=True))(jnp.asarray(outputs))
    assert np.isfinite(values).all()
    assert np.isfinite(gradients).all()
    assert (np.asarray(values) <= 0).all()
    assert np.abs(gradients).max() > 1e3  # far-away means are pulled


def test_logits_of_any_size_have_finite_gradients() -> None:
    head = coarse_fine()
    outputs = jnp.stack([jnp.asarray(normal_outputs(head, spread)) for spread in (0, 1, 1e4)])
    codes = jnp.array([0, 40_000, 65_535])

    def total(head: CoarseFine, outputs: Array) -> Array:
        return (head.log_prob(outputs, codes) + head.log_interval(outputs, codes // 2, codes)).sum()

    for leaf in jax.tree.leaves(jax.jit(jax.grad(total, argnums=(0, 1)))(head, outputs)):
        assert np.isfinite(leaf).all()
        assert np.abs(leaf).max() > 0


def test_coarse_fine_is_the_product_of_two_softmaxes() -> None:
    head = coarse_fine()
    assert head.weights is not None
    outputs = normal_outputs(head, 2.0)
    table, kernel, bias = (np.asarray(weight, np.float64) for weight in head.weights)
    fine = special.log_softmax(np.maximum(outputs[256:] + table, 0) @ kernel + bias, axis=-1)
    expected = special.log_softmax(outputs[:256].astype(np.float64))[:, None] + fine
    # Measured: 5.9e-6.
    np.testing.assert_allclose(log_probs(head, outputs), expected.ravel(), atol=2e-5)


@pytest.mark.parametrize(
    ("head", "outputs"),
    [
        (Categorical(256), normal_outputs(Categorical(256), 3.0)),
        (coarse_fine(), normal_outputs(coarse_fine(), 2.0)),
        *[(head, mixture_outputs([0, 1, -1], [-0.4, 0.1, 0.7], [-1.5, -6, -3])) for head in MIXTURES[3::4]],
        *[(head, mixture_outputs([0, 1, -1], [-1.4, 0.1, 0.7], [1, -6, -3])) for head in MIXTURES[::4]],
    ],
    ids=lambda value: "" if isinstance(value, np.ndarray) else name(value),
)
def test_samples_follow_the_distribution(head: Head, outputs: np.ndarray) -> None:
    count = 2**16 if head.draws == 1 else 2**9
    uniforms = uniforms_of(head, count)
    tiled = jnp.broadcast_to(jnp.asarray(outputs)[None], (len(uniforms), head.outputs))
    codes = np.asarray(call("sample", head, tiled, uniforms))
    assert codes.dtype == np.int32
    empirical = np.cumsum(np.bincount(codes, minlength=head.levels)) / len(codes)
    # Measured: 8e-6 with one draw, 1.4e-3 with two; the strata allow 1 / count in each.
    np.testing.assert_allclose(empirical, np.cumsum(np.exp(log_probs(head, outputs))), atol=head.draws / count)


@pytest.mark.parametrize("levels", [8, 9])
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_every_bin_is_drawn_as_often_as_it_is_probable(distribution: str, levels: int) -> None:
    head = mixture(levels, distribution, components=1)
    outputs = mixture_outputs([0], [0.2], [-1.0])
    values = stratified(2**14)
    uniforms = jnp.asarray(np.stack([np.full_like(values, 0.3), values], axis=-1))
    codes = call("sample", head, jnp.broadcast_to(jnp.asarray(outputs)[None], (len(values), 3)), uniforms)
    shares = np.bincount(codes, minlength=levels) / len(values)
    # Measured: 5e-5; the strata allow 6e-5.
    np.testing.assert_allclose(shares, np.exp(log_probs(head, outputs)), atol=1e-4)


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_ends_of_the_unit_interval_are_drawn_inside_the_tails(distribution: str) -> None:
    head = mixture(65_536, distribution, components=1)
    ends = jnp.asarray([[0, 0], [0, np.nextafter(np.float32(1), np.float32(0))]], jnp.float32)
    outputs = jnp.asarray(mixture_outputs([0], [0], [-5.0]))
    low, high = np.asarray(call("sample", head, jnp.stack([outputs, outputs]), ends))
    farthest = math.exp(-5) * {"logistic": 16.64, "gaussian": 5.30}[distribution] * 65_535 / 2
    assert low == pytest.approx(32_767.5 - farthest, abs=10)
    assert high == pytest.approx(32_767.5 + farthest, abs=10)


def sharper(head: Head, outputs: np.ndarray) -> tuple[Head, np.ndarray]:
    """The same as half the temperature makes of it."""
    if isinstance(head, CoarseFine):
        assert head.weights is not None
        table, kernel, bias = head.weights
        doubled = np.concatenate([2 * outputs[:256], outputs[256:]])
        return CoarseFine(head.fine_channels, FineWeights(table, 2 * kernel, 2 * bias)), doubled
    if isinstance(head, Mixture):
        count = head.components
        return head, outputs * np.repeat([2, 1, 1], count) - np.repeat([0, 0, math.log(2)], count)
    return head, 2 * outputs


@pytest.mark.parametrize("head", [Categorical(256), coarse_fine(), MIXTURES[3], MIXTURES[7]], ids=name)
def test_temperature_sharpens(head: Head) -> None:
    uniforms = uniforms_of(head, 2**7 if head.draws == 2 else 2**14)
    outputs = normal_outputs(head, 1.0) - 1

    def draw(head: Head, outputs: np.ndarray, temperature: float) -> np.ndarray:
        tiled = jnp.broadcast_to(jnp.asarray(outputs, jnp.float32)[None], (len(uniforms), head.outputs))
        return np.asarray(call("sample", head, tiled, uniforms, jnp.float32(temperature)), np.int64)

    cold, expected = draw(head, outputs, 0.5), draw(*sharper(head, outputs), 1.0)
    # Rounding may move a mixture's draw to the neighbouring bin. Measured: no draw moves.
    assert np.abs(cold - expected).max() <= (1 if isinstance(head, Mixture) else 0)
    assert (cold != expected).mean() < 2e-3
    assert (cold != draw(head, outputs, 1.0)).mean() > 0.1


@jax.jit
def truncated(head: Head, outputs: Array, uniforms: Array, options: dict[str, Scalar | None]) -> Array:
    return head.sample(outputs, uniforms, **options)


jitted_inverse_cdf = jax.jit(inverse_cdf)

PROBABILITIES = np.array([0.05, 0.4, 0.1, 0.3, 0.15])


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, {0, 1, 2, 3, 4}),
        ({"top_k": 0}, {1}),
        ({"top_k": 1}, {1}),
        ({"top_k": 2}, {1, 3}),
        ({"top_k": 9}, {0, 1, 2, 3, 4}),
        ({"top_p": 0.0}, {1}),
        ({"top_p": 0.39}, {1}),
        ({"top_p": 0.41}, {1, 3}),
        ({"top_p": 0.69}, {1, 3}),
        ({"top_p": 0.71}, {1, 3, 4}),
        ({"top_p": 1.0}, {0, 1, 2, 3, 4}),
        ({"min_p": 2.0}, {1}),
        ({"min_p": 1.0}, {1}),
        ({"min_p": 0.74}, {1, 3}),
        ({"min_p": 0.76}, {1}),
        ({"min_p": 0.3}, {1, 3, 4}),
        ({"min_p": 0.0}, {0, 1, 2, 3, 4}),
        ({"top_k": 3, "top_p": 0.6}, {1, 3}),
        ({"top_k": 2, "min_p": 0.2}, {1, 3}),
        ({"top_p": 0.8}, {1, 3, 4}),
        ({"top_p": 0.8, "temperature": 0.5}, {1, 3}),  # 0.56 and 0.32
    ],
)
def test_truncation_keeps_exactly_the_right_levels(options: dict[str, float], kept: set[int]) -> None:
    count = 2**12
    outputs = jnp.broadcast_to(jnp.asarray(np.log(PROBABILITIES), jnp.float32)[None], (count, 5))
    uniforms = jnp.asarray(stratified(count))[:, None]
    head = Categorical(5)
    codes = truncated(head, outputs, uniforms, options)
    sharpened = PROBABILITIES ** (1 / options.get("temperature", 1.0))
    expected = np.where(np.isin(np.arange(5), list(kept)), sharpened, 0)
    shares = np.bincount(codes, minlength=5) / count
    assert set(np.unique(codes)) == kept
    # Measured: 1.6e-4; the strata allow 2.4e-4.
    np.testing.assert_allclose(shares, expected / expected.sum(), atol=3e-4)


@given(
    weights=st.lists(st.sampled_from([0.0, 1e-42, 1e-30, 1e-7, 0.3, 1.0]), min_size=1, max_size=300),
    seed=st.integers(0, 1000),
)
@example(weights=[0.0] * 15 + [1.0] + [0.0] * 240, seed=0)
@example(weights=[1.0] + [1e-42] * 40, seed=0)
def test_draws_are_where_the_running_sum_passes_the_uniform(weights: list[float], seed: int) -> None:
    if not any(weight > 1e-40 for weight in weights):
        weights = [*weights, 1.0]
    values = np.array(weights + [0.0] * (300 - len(weights)), np.float32)
    uniforms = np.append(np.random.default_rng(seed).random(62, np.float32), np.float32([0, 1 - 2**-24]))
    drawn = np.asarray(jitted_inverse_cdf(np.tile(values, (64, 1)), uniforms[:, None]))
    assert (values[drawn] > 0).all(), "drew what has no weight"
    sums = np.append(0, np.cumsum(values.astype(np.float64))) / values.astype(np.float64).sum()
    # Measured: off by at most 6e-8 of the sum.
    assert (sums[drawn] <= uniforms + 1e-6).all()
    assert (sums[drawn + 1] >= uniforms - 1e-6).all()


@pytest.mark.parametrize("choices", [1, 2, 3, 10, 256, 257, 4096])
def test_draws_of_any_number_of_choices_reach_all_of_them(choices: int) -> None:
    weights = np.random.default_rng(choices).uniform(0.5, 1, choices).astype(np.float32)
    uniforms = ((np.cumsum(weights, dtype=np.float64) - weights / 2) / weights.sum(dtype=np.float64))[:, None]
    drawn = jitted_inverse_cdf(np.tile(weights, (choices, 1)), uniforms.astype(np.float32))
    np.testing.assert_array_equal(drawn, np.arange(choices))


def test_truncation_breaks_ties_by_number_and_never_draws_what_is_cut_off() -> None:
    head = Categorical(256)
    uniforms = jnp.asarray([[0.0], [0.5], [1 - 2**-24]], jnp.float32)
    flat = jnp.zeros((3, 256))
    assert np.asarray(truncated(head, flat, uniforms, {"top_k": 3})).tolist() == [0, 1, 2]
    assert np.asarray(truncated(head, flat, uniforms, {"top_p": 2.5 / 256})).tolist() == [0, 1, 2]
    assert np.asarray(head.sample(flat, uniforms, top_k=3, top_p=0.5, min_p=0.1)).tolist() == [0, 1, 2]
    peaked = jnp.asarray(normal_outputs(head, 3.0))[None]
    best = set(np.argsort(-np.asarray(peaked[0]))[:7].tolist())
    ends = jnp.linspace(0, 1 - 2**-24, 4096)[:, None]
    drawn = truncated(head, jnp.broadcast_to(peaked, (4096, 256)), ends, {"top_k": 7})
    assert set(np.asarray(drawn).tolist()) == best


def test_coarse_fine_truncates_each_byte_by_itself() -> None:
    head = coarse_fine()
    outputs = normal_outputs(head, 2.0)
    uniforms = uniforms_of(head, 64)
    tiled = jnp.broadcast_to(jnp.asarray(outputs)[None], (len(uniforms), head.outputs))
    drawn = set(np.asarray(truncated(head, tiled, uniforms, {"top_k": 2})).tolist())
    of_bytes = log_probs(head, outputs).reshape(256, 256)
    expected = {
        int(256 * high + low) for high in np.argsort(-outputs[:256])[:2] for low in np.argsort(-of_bytes[high])[:2]
    }
    assert drawn == expected


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_mixtures_refuse_truncation_and_name_the_remedy(distribution: str) -> None:
    head = mixture(256, distribution)
    assert not head.truncates
    outputs, uniforms = jnp.zeros((1, 9)), jnp.zeros((1, 2))
    message = f"^a {distribution} mixture cannot truncate by top_k, min_p; lower the temperature instead$"
    with pytest.raises(ValueError, match=message):
        head.sample(outputs, uniforms, top_k=5, top_p=None, min_p=jnp.float32(0.1))
    assert truncated(head, outputs, uniforms, {"top_k": None}) == head.sample(outputs, uniforms)


def test_a_coarse_fine_head_without_weights_says_what_is_missing() -> None:
    head = head_of(WaveNetConfig(head="coarse_fine", levels=65_536))
    with pytest.raises(ValueError, match="needs its weights, got none; take the network's bound_head"):
        head.log_prob(jnp.zeros((1, head.outputs)), jnp.zeros(1, jnp.int32))


@pytest.mark.parametrize("head", [Categorical(256), coarse_fine()], ids=name)
def test_the_mode_is_the_most_probable_code(head: Head) -> None:
    outputs = np.stack([normal_outputs(head, spread, seed) for seed in range(4) for spread in (0.3, 3)])
    modes = call("mode", head, jnp.asarray(outputs))
    assert modes.dtype == np.int32
    assert np.asarray(modes).tolist() == [log_probs(head, row).argmax() for row in outputs]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_mode_of_one_component_is_the_most_probable_code(distribution: str) -> None:
    head = mixture(256, distribution, components=1)
    rng = np.random.default_rng(0)
    outputs = np.stack([mixture_outputs([0], [rng.uniform(-1.2, 1.2)], [rng.uniform(-7, -4)]) for _ in range(20)])
    modes = call("mode", head, jnp.asarray(outputs))
    assert np.asarray(modes).tolist() == [log_probs(head, row).argmax() for row in outputs]


@pytest.mark.parametrize("head", MIXTURES[3::4], ids=name)
def test_the_mode_of_a_mixture_is_the_best_of_its_means(head: Mixture) -> None:
    means = [-0.5, 0.25, 0.7]
    outputs = [mixture_outputs(logits, means, [-3, -3.5, -4]) for logits in ([3, 0, 0], [0, 3, 0], [0.1, 0, 0])]
    nearest = [round((mean + 1) / 2 * 65_535) for mean in means]
    assert np.asarray(call("mode", head, jnp.asarray(np.stack(outputs)))).tolist() == nearest
    assert [log_probs(head, row)[nearest].argmax() for row in outputs] == [0, 1, 2]

    beyond = mixture_outputs([3, 0, 0], [3, 0, -0.5], [-3, -3, -3])
    # Wide components give an outermost bin more than any code near their means.
    wide = mixture_outputs([0, 0, 0], [0.2, 0.2, 0.2], [-1, -1, -1])
    modes = call("mode", head, jnp.asarray(np.stack([beyond, wide, wide])))
    assert np.asarray(modes).tolist() == [65_535, 39_321, 39_321]
    assert log_probs(head, wide).argmax() == 65_535


@pytest.mark.parametrize("name_of_head", ["categorical", "coarse_fine", "logistic_mixture", "gaussian_mixture"])
def test_a_config_names_its_head(name_of_head: str) -> None:
    levels = 65_536 if name_of_head == "coarse_fine" else 256
    config = WaveNetConfig(head=name_of_head, levels=levels, mixture_components=4, log_scale_floor=-6.0)
    head = head_of(config)
    assert head.levels == levels
    assert head.has_logits == head.truncates
    assert head.truncates == ("mixture" not in name_of_head)
    assert not jax.tree.leaves(head)
    bias = head.initial_bias()
    assert bias.shape == (head.outputs,)
    assert bias.dtype == np.float32
    if isinstance(head, Mixture):
        assert head.distribution in name_of_head
        untrained = log_probs(head, bias)
        # Its middle is broad: no code between -0.5 and 0.5 is less than half as probable as another.
        middle = untrained[64:192]
        assert middle.max() - middle.min() < math.log(2)
        floored = log_probs(head, mixture_outputs([0] * 4, [0.1] * 4, [-6] * 4))
        np.testing.assert_array_equal(log_probs(head, mixture_outputs([0] * 4, [0.1] * 4, [-50] * 4)), floored)
