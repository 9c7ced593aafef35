"""A head of another package: its class and its registration are all that it takes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from wavenet_jax.config import RunConfig, WaveNetConfig, from_json, to_json
from wavenet_jax.config.tables import HEADS
from wavenet_jax.model import Head, Scalar, WaveNet, multiply_adds, parameter_shapes
from wavenet_jax.model.heads import ParameterFactory
from wavenet_jax.sampling import Ancestral, Mode, begin, prepare_weights, stream
from wavenet_jax.typing import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Geometric(Head):
    """One number, scaled by a weight of its own, says how fast probabilities fall from code to code."""

    levels: int = field(metadata={"static": True})
    scale: Array | None = None
    outputs = 1
    multiply_adds = 1

    @classmethod
    def from_config(cls, config: WaveNetConfig) -> Self:
        return cls(config.levels)

    @classmethod
    def check(cls, config: WaveNetConfig) -> None:
        if config.levels > 64:
            raise ValueError(f"head toy takes up to 64 levels, got {config.levels}")

    def with_weights(self, make: ParameterFactory) -> Self:
        return type(self)(self.levels, make.bias("scale", (), np.ones(())))

    def _log_probs(self, outputs: Array) -> Array:
        assert self.scale is not None
        codes = jnp.arange(self.levels, dtype=jnp.float32).reshape((1,) * (outputs.ndim - 1) + (-1,))
        return jax.nn.log_softmax(-jnp.exp(self.scale * outputs) * codes)

    def log_prob(self, outputs: Array, codes: Array) -> Array:
        return self.log_interval(outputs, codes, codes)

    def log_interval(self, outputs: Array, first: Array, last: Array) -> Array:
        codes = jnp.arange(self.levels).reshape((1,) * first.ndim + (-1,))
        within = (codes >= first[..., None]) & (codes <= last[..., None])
        return jax.nn.logsumexp(jnp.where(within, self._log_probs(outputs), -jnp.inf), axis=-1)

    def sample(self, outputs: Array, uniforms: Array, temperature: Scalar = 1.0, **truncation: Scalar | None) -> Array:
        sums = jnp.cumsum(jax.nn.softmax(self._log_probs(outputs) / temperature), axis=-1)
        return jnp.minimum((sums <= uniforms).sum(axis=-1), self.levels - 1).astype(jnp.int32)

    def mode(self, outputs: Array) -> Array:
        return jnp.zeros(outputs.shape[:-1], jnp.int32)


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    HEADS.register("toy")(Geometric)
    yield
    HEADS.unregister("toy")


def config() -> WaveNetConfig:
    return WaveNetConfig(head="toy", levels=16, residual_channels=4, skip_channels=4, dilation_cycle=(1, 2))


def test_a_config_names_it_and_it_checks_the_config() -> None:
    run = RunConfig(model=config())
    assert from_json(RunConfig, to_json(run)) == run
    with pytest.raises(ValueError, match="^head toy takes up to 64 levels, got 256$"):
        WaveNetConfig(head="toy")
    with pytest.raises(ValueError, match="^head must be one of categorical, .*, toy, got 'another'$"):
        WaveNetConfig(head="another")


def test_the_network_owns_its_weights_and_counts_its_arithmetic() -> None:
    assert parameter_shapes(config())["fine"]["scale"].shape == ()
    categorical = WaveNetConfig(levels=16, residual_channels=4, skip_channels=4, dilation_cycle=(1, 2))
    assert multiply_adds(categorical) - multiply_adds(config()) == 4 * (16 - 1) - 1


def test_it_learns_samples_and_is_a_distribution() -> None:
    model, codes = WaveNet(config()), jnp.asarray(np.random.default_rng(0).integers(0, 4, (2, 60)), jnp.int32)
    params = jax.jit(model.init)(jax.random.key(0), codes)["params"]

    def loss(params: dict) -> jax.Array:
        outputs = model.apply({"params": params}, codes[:, :-1])
        head = model.apply({"params": params}, method="bound_head")
        return -head.log_prob(outputs, codes[:, 1:]).mean()

    judge = jax.jit(jax.value_and_grad(loss))
    before, gradient = judge(params)
    for _ in range(2):
        params = jax.tree.map(lambda leaf, slope: leaf - 0.1 * slope, params, judge(params)[1])
    assert float(judge(params)[0]) < float(before)
    assert gradient["fine"]["scale"].any()

    weights = prepare_weights(model, params)
    every = jnp.tile(jnp.arange(16)[None], (7, 1))
    outputs = jnp.repeat(jnp.linspace(-3, 3, 7)[:, None, None], 16, axis=1)
    np.testing.assert_allclose(jnp.exp(weights.head.log_prob(outputs, every)).sum(-1), 1, atol=1e-5)
    for strategy in (Ancestral(0.9), Mode()):
        (piece,) = stream(model, weights, begin(model, jax.random.key(1), 2), strategy, length=20, scored=True)
        assert piece.codes.shape == (2, 20)
        assert piece.nats is not None
        assert np.isfinite(piece.nats).all()
        assert (piece.codes < 16).all()
    assert not model.head.has_logits, "guidance is for heads that say so"
