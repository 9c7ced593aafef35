"""Evaluation in chunks that carry the queues is the whole pass, and every sample is judged once."""

from collections import defaultdict

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.tiny import CONFIG, HELD_OUT
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import ConditioningConfig, ContextConfig, FeatureConfig, WaveNetConfig
from wavenet_jax.data import Describer, SyntheticSource, stacked, with_classes
from wavenet_jax.data.excerpt import Excerpt, excerpt
from wavenet_jax.model import WaveNet
from wavenet_jax.training import Evaluator, make_mesh
from wavenet_jax.training.evaluation import plan
from wavenet_jax.typing import Params

TOLD_NOTHING = {"levels": 16, "residual_channels": 4, "skip_channels": 4, "dilation_cycle": (1, 8)}


class Uneven:
    """Clips of all lengths, one of them empty."""

    names = ("a", "b", "c", "d")
    lengths = np.array([37, 0, 100, 5])
    skipped = ()

    def __len__(self) -> int:
        return 4

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        return np.random.default_rng(clip).uniform(-1, 1, 100).astype(np.float32)[start:stop]


def parameters(config: WaveNetConfig) -> Params:
    return jax.jit(lambda key: WaveNet(config).init(key, method="weights"))(jax.random.key(1))["params"]


def bits_of_whole_clips(config: WaveNetConfig, params: Params, source: Uneven) -> float:
    model, grid = WaveNet(config), Grid.of(config)
    apply = jax.jit(model.apply)
    nats = 0.0
    for clip, length in enumerate(source.lengths):
        if length:
            codes = jnp.asarray(grid.encode(source.read(clip, 0, length)))[None]
            inputs = jnp.concatenate([jnp.full((1, 1), grid.silence, jnp.int32), codes[:, :-1]], axis=1)
            nats -= float(model.head.log_prob(apply({"params": params}, inputs), codes).sum())
    return nats / source.lengths.sum() / np.log(2)


@pytest.mark.parametrize(
    ("lanes", "chunk", "devices", "input_kernel_size"), [(1, 200, 1, 1), (2, 7, 1, 3), (8, 16, 8, 3)]
)
def test_chunks_are_the_whole_pass(lanes: int, chunk: int, devices: int, input_kernel_size: int) -> None:
    config = WaveNetConfig(
        levels=16, residual_channels=4, skip_channels=4, dilation_cycle=(1, 8), input_kernel_size=input_kernel_size
    )
    params = parameters(config)
    evaluator = Evaluator(config, lanes, chunk, make_mesh(jax.devices()[:devices]))
    expected = bits_of_whole_clips(config, params, Uneven())
    assert evaluator.bits_per_sample(params, Uneven()) == pytest.approx(expected, rel=1e-6)


def test_conditions_follow_the_clips_through_lanes_and_chunks() -> None:
    """Classes, log-mel and a context stack, judged piece by piece, are those of the whole clips."""
    config = WaveNetConfig(
        **TOLD_NOTHING,
        features=FeatureConfig(local_features=("mel",), hop_samples=8, fft_size=32, mel_channels=4),
        conditioning=ConditioningConfig(local_channels=3, condition_on_classes=True),
        context=ContextConfig(context_periods=(6,), context_residual_channels=3, context_dilation_cycle=(1, 2)),
    )
    source = SyntheticSource(5, 101, 0)
    config = with_classes(config, source)
    params, model, grid = parameters(config), WaveNet(config), Grid.of(config)
    describer = Describer(config, source)
    codes = np.stack([grid.encode(source.read(clip, 0, 101)) for clip in range(5)])
    inputs = np.concatenate([np.full((5, 1), grid.silence), codes[:, :-1]], axis=1)
    conditions = stacked([describer(clip, 0, 104) for clip in range(5)])
    outputs = jax.jit(model.apply)({"params": params}, jnp.asarray(inputs, jnp.int32), conditions)
    expected = -float(model.head.log_prob(outputs, jnp.asarray(codes)).mean()) / np.log(2)
    found = Evaluator(config, 2, 30, make_mesh(jax.devices()[:1])).bits_per_sample(params, source)
    assert found == pytest.approx(expected, abs=1e-5)  # measured 1e-7


def test_a_coarser_grid_costs_fewer_bits_by_what_it_joins() -> None:
    """The levels that fall on one coarser level are judged together: the same as summing their probabilities."""
    config = WaveNetConfig(**{**TOLD_NOTHING, "levels": 1024}, companding="linear")
    params, source, coarser = parameters(config), SyntheticSource(2, 60, 0), Grid(16, "mu_law")
    model, grid = WaveNet(config), Grid.of(config)
    codes = np.stack([grid.encode(source.read(clip, 0, 60)) for clip in range(2)])
    inputs = np.concatenate([np.full((2, 1), grid.silence), codes[:, :-1]], axis=1)
    outputs = jax.jit(model.apply)({"params": params}, jnp.asarray(inputs, jnp.int32))
    probabilities = np.asarray(jax.nn.softmax(outputs))
    joined = coarser.encode(grid.values) == coarser.encode(grid.decode(codes))[..., None]
    expected = -np.log2((probabilities * joined).sum(-1)).mean()
    evaluator = Evaluator(config, 2, 60, make_mesh(jax.devices()[:1]), coarser)
    assert evaluator.bits_per_sample(params, source) == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ValueError, match="a grid of 16 mu_law levels is too coarse to stand for 1024 linear levels"):
        coarser.cells(grid)


@pytest.mark.parametrize(
    ("lanes", "chunk", "devices", "input_kernel_size"),
    [(1, 200, 1, 3), pytest.param(8, 16, 8, 1, marks=pytest.mark.slow)],
)
def test_the_engine_judges_as_convolutions_do(lanes: int, chunk: int, devices: int, input_kernel_size: int) -> None:
    """In float32 but for rounding; int8 weights cost a little."""
    config = WaveNetConfig(**TOLD_NOTHING, input_kernel_size=input_kernel_size)
    params = jax.tree.map(lambda leaf: 3 * leaf, parameters(config))
    mesh = make_mesh(jax.devices()[:devices])
    convolutions, float32, int8 = (
        Evaluator(config, lanes, chunk, mesh, weights=weights).bits_per_sample(params, Uneven())
        for weights in (None, "float32", "int8")
    )
    assert float32 == pytest.approx(convolutions, rel=1e-6)
    assert 1e-6 < abs(int8 - convolutions) < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("upsampling", ["transposed", "held"])
def test_the_engine_is_told_of_conditions(upsampling: str) -> None:
    """Classes, log-mel and a context stack: the likelihood of each sample is that of convolutions."""
    source = SyntheticSource(3, 101, 0)
    config = with_classes(
        WaveNetConfig(
            **TOLD_NOTHING,
            features=FeatureConfig(local_features=("mel",), hop_samples=8, fft_size=32, mel_channels=4),
            conditioning=ConditioningConfig(local_channels=3, condition_on_classes=True, upsampling=upsampling),
            context=ContextConfig(context_periods=(6,), context_residual_channels=3, context_dilation_cycle=(1, 2)),
        ),
        source,
    )
    params, mesh = parameters(config), make_mesh(jax.devices()[:1])
    judged = [Evaluator(config, 2, 30, mesh, weights=weights).log_prob(params, source) for weights in (None, "float32")]
    for convolutions, engine in zip(*judged, strict=True):
        np.testing.assert_allclose(engine, convolutions, atol=1e-5)


def test_what_the_engine_lacks_is_an_error() -> None:
    config = WaveNetConfig(**TOLD_NOTHING, compute_dtype="bfloat16")
    evaluator = Evaluator(config, 1, 30, make_mesh(jax.devices()[:1]), weights="int8")
    with pytest.raises(
        ValueError, match="weights=int8 needs the native engine, which cannot judge: compute_dtype=bfloat16"
    ):
        evaluator.bits_per_sample({}, HELD_OUT)


def test_one_compilation_serves_every_length_and_params_from_anywhere() -> None:
    params = parameters(CONFIG.model)
    evaluator = Evaluator(CONFIG.model, 8, 32, make_mesh())
    for source in (HELD_OUT, SyntheticSource(1, 1_000, 0), Uneven()):
        evaluator.bits_per_sample(params, source)
    evaluator.bits_per_sample(jax.device_get(params), HELD_OUT)
    assert evaluator._extend._cache_size() == 1


def test_no_audio_is_an_error() -> None:
    evaluator = Evaluator(CONFIG.model, 8, 32, make_mesh())
    with pytest.raises(ValueError, match=r"^there is no audio to evaluate on; choose another data_dir"):
        evaluator.bits_per_sample({}, Excerpt(HELD_OUT, []))


@given(st.lists(st.integers(0, 50), max_size=8), st.integers(1, 4), st.integers(1, 20))
def test_every_sample_is_judged_once_in_order_on_one_lane(lengths: list[int], lanes: int, chunk: int) -> None:
    heard = defaultdict(list)
    lane_of: dict[int, int] = {}
    rounds = list(plan(lengths, lanes, chunk))
    for pieces in rounds:
        assert len(pieces) == lanes
        for lane, piece in enumerate(pieces):
            if piece is not None:
                assert 0 < piece.stop - piece.start <= chunk
                assert lane_of.setdefault(piece.clip, lane) == lane
                heard[piece.clip] += range(piece.start, piece.stop)
    assert dict(heard) == {clip: list(range(length)) for clip, length in enumerate(lengths) if length}
    # No lane waits while a clip is left: at most one clip longer than a fair share.
    work = sum(-(-length // chunk) for length in lengths)
    assert len(rounds) <= work / lanes + max([-(-length // chunk) for length in lengths], default=0)


@given(st.integers(1, 400))
def test_an_excerpt_is_spread_over_the_source_and_no_longer_than_asked(samples: int) -> None:
    source = SyntheticSource(7, 50, 0)
    part = excerpt(source, samples)
    assert min(samples, len(source)) / 2 <= part.lengths.sum() <= min(samples, 350)
    assert excerpt(source, None) is source
    if samples < 350:
        gaps = np.diff([source.names.index(name) for name in part.names])
        assert len(set(gaps)) <= 1
        np.testing.assert_array_equal(part.read(0, 0, 1), source.read(0, 0, 1))
