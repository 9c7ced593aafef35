"""The state of a run, and its step: a pure function ``(state, batch) -> (state, metrics)``."""

from functools import cached_property
from typing import Any, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh

from wavenet_jax.config import RunConfig
from wavenet_jax.data import Batch
from wavenet_jax.model import Head, RunStack, WaveNet
from wavenet_jax.training import optimizer as optimizers
from wavenet_jax.training.pruning import Masks, Pruning
from wavenet_jax.training.sharding import compiler_options, replicated, split
from wavenet_jax.typing import Array, Key, Params

Metrics = dict[str, Array]
Total = tuple[Array, Params]


class TrainState(NamedTuple):
    """All arrays that a checkpoint has to hold for the run to be resumed bit for bit."""

    step: Array  # [] int32: batches seen, which is the number of the next one
    params: Params
    opt_state: optax.OptState
    ema: Params | None  # averaged parameters; None when the run keeps none
    skipped: Array  # [] int32: steps whose loss or gradient was not finite
    skipped_in_a_row: Array  # [] int32
    masks: Masks | None = None  # what is not pruned; None when the run does not prune


def averaged(state: TrainState) -> Params:
    """Returns the parameters that evaluation and sampling use."""
    return state.params if state.ema is None else state.ema


class Trainer:
    """The pure functions of one run's configuration, jitted for a mesh: the first state, and the step."""

    def __init__(self, config: RunConfig, mesh: Mesh, run_stack: RunStack | None = None) -> None:
        """``run_stack`` runs the gated stack, as ``engine.choose_stack`` gives it; None: the layers in JAX."""
        self.config = config
        self.mesh = mesh
        self.model = WaveNet(config.model, run_stack)
        self.schedule = optimizers.make_schedule(config.optimizer, config.train.num_steps)
        self.optimizer = optimizers.make_optimizer(config.optimizer, self.schedule)
        self.pruning = self._make_pruning()
        whole = replicated(mesh)
        self.init = jax.jit(self._init, out_shardings=whole)
        self.step = jax.jit(
            self._step,
            in_shardings=(whole, split(mesh)),
            out_shardings=whole,
            donate_argnums=0,
            compiler_options=compiler_options(mesh),
        )

    def _make_pruning(self) -> Pruning | None:
        return Pruning.of(self.config)

    @cached_property
    def state_shapes(self) -> TrainState:
        """Shapes, dtypes and shardings of the state, without making it."""
        whole = replicated(self.mesh)
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=whole), jax.eval_shape(self._init)
        )

    def _init(self, params: Params | None = None) -> TrainState:
        """Makes the state before the first step, of the given parameters or of random ones."""
        if params is None:
            key = jax.random.key(self.config.train.seed)
            params = self.model.init(key, method="weights")["params"]
        masks = None if self.pruning is None else self.pruning.begin(params)
        params = self._masked(params, masks)
        return TrainState(
            step=jnp.zeros((), jnp.int32),
            params=params,
            opt_state=self.optimizer.init(params),
            ema=None if self.config.optimizer.ema_decay is None else params,
            skipped=jnp.zeros((), jnp.int32),
            skipped_in_a_row=jnp.zeros((), jnp.int32),
            masks=masks,
        )

    def _step(self, state: TrainState, batch: Batch) -> tuple[TrainState, Metrics]:
        config = self.config.optimizer
        dropout_key = jax.random.fold_in(jax.random.key(self.config.train.seed), state.step)
        nats, gradient = self._loss_and_gradient(state.params, batch, dropout_key)
        # Of what is kept: the rest counts neither in the norm nor in Muon's directions.
        gradient = self._masked(gradient, state.masks)
        gradient_norm = optax.tree.norm(gradient)
        updates, opt_state = self.optimizer.update(gradient, state.opt_state, state.params)
        updates = self._masked(updates, state.masks)
        params = optax.apply_updates(state.params, updates)
        updates_before = state.step - state.skipped
        ema = None
        if state.ema is not None:
            assert config.ema_decay is not None
            ema = optimizers.update_average(state.ema, params, updates_before, config.ema_decay)

        good = jnp.isfinite(nats) & jnp.isfinite(gradient_norm)
        skip = 1 - good.astype(jnp.int32)
        params, opt_state, ema = jax.tree.map(
            lambda new, old: jnp.where(good, new, old),
            (params, opt_state, ema),
            (state.params, state.opt_state, state.ema),
        )
        masks = state.masks
        if self.pruning is not None and masks is not None:
            masks = self.pruning.after(state.step + 1, params, masks)
        params, ema = self._masked(params, masks), self._masked(ema, masks)
        new_state = TrainState(
            step=state.step + 1,
            params=params,
            opt_state=opt_state,
            ema=ema,
            skipped=state.skipped + skip,
            skipped_in_a_row=(state.skipped_in_a_row + skip) * skip,
            masks=masks,
        )
        metrics = {
            "bits_per_sample": nats / np.log(2),
            "samples": batch.mask.sum(),
            "gradient_norm": gradient_norm,
            "update_norm": optax.tree.norm(updates),
            "learning_rate": jnp.asarray(self.schedule(updates_before), jnp.float32),
            "skipped": new_state.skipped,
            "skipped_in_a_row": new_state.skipped_in_a_row,
        }
        if self.pruning is not None and masks is not None:
            metrics["sparsity"] = self.pruning.zeros(masks)
        return new_state, metrics

    def _masked(self, params: Any, masks: Masks | None) -> Any:
        """Returns parameters, or what is shaped like them, without what the run has pruned."""
        if self.pruning is None or masks is None or params is None:
            return params
        return self.pruning.masked(params, masks)

    def _loss_and_gradient(self, params: Params, batch: Batch, key: Key) -> Total:
        """Computes the mean nats of the batch's scored samples, and its gradient, summed over the microbatches."""
        pieces = self.config.optimizer.microbatches
        batch = jax.tree.map(jnp.asarray, batch)
        scored = jnp.maximum(batch.mask.sum(), 1)  # over all devices

        def mean_nats(params: Params, batch: Batch, key: Key) -> Array:
            variables = {"params": params}
            outputs = self.model.apply(
                variables, batch.codes[:, :-1], batch.conditions, train=True, rngs={"dropout": key}
            )
            head = cast(Head, self.model.apply(variables, method="bound_head"))
            nats = -head.log_prob(cast(Array, outputs), jnp.asarray(batch.codes)[:, 1:])
            return jnp.where(batch.mask, nats, 0).sum() / scored

        loss_and_gradient = jax.value_and_grad(mean_nats)
        if pieces == 1:
            return loss_and_gradient(params, batch, key)

        def add(total: Total, piece: tuple[Batch, Key]) -> tuple[Total, None]:
            return jax.tree.map(jnp.add, total, loss_and_gradient(params, *piece)), None

        def cut(rows: Array) -> Array:
            # Every piece takes every pieces-th row, so that each device keeps the rows that it has.
            return rows.reshape(-1, pieces, *rows.shape[1:]).swapaxes(0, 1)

        nothing = jax.tree.map(jnp.zeros_like, (scored.astype(jnp.float32), params))
        return jax.lax.scan(add, nothing, (jax.tree.map(cut, batch), jax.random.split(key, pieces)))[0]
