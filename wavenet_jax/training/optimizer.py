"""The update rule: schedules, clipping, weight decay, parameters that stay, and the average of the parameters."""

import fnmatch
from collections.abc import Iterable, Sequence

import jax
import jax.numpy as jnp
import optax
from optax.contrib import MuonDimensionNumbers, muon

from wavenet_jax.config import OptimizerConfig
from wavenet_jax.integrity import flatten, unflatten
from wavenet_jax.typing import Array, Params

_MATRICES = {
    "dilated_kernel": MuonDimensionNumbers(reduction_axis=(1, 2), output_axis=3),  # [L, K, R, G]: a matrix per layer
    "residual_kernel": MuonDimensionNumbers(reduction_axis=1, output_axis=2),  # [L - 1, H, R]: a matrix per layer
    "skip_kernel": MuonDimensionNumbers(reduction_axis=(0, 1), output_axis=2),  # [L, H, S]: one matrix, for one sum
    "hidden_kernel": MuonDimensionNumbers(reduction_axis=0, output_axis=1),  # [S, E]
}
"""Kernels that Muon makes orthogonal steps of: those between hidden channels, by the matrices that they multiply with.

What enters and leaves the network, and what conditions it, has scales of its own, for which Adam is better.
"""

_ADAM_RMS = 0.2
"""Size of Muon's steps relative to the learning rate, root mean square: that of Adam's usual ones, so that both share
a learning rate (Liu et al. 2025, §2.2)."""


def make_schedule(config: OptimizerConfig, num_steps: int) -> optax.Schedule:
    """Returns the learning rate as a function of how many updates were made before.

    Args:
      config: peak, warm-up and shape.
      num_steps: length of the whole run, where ``cosine`` ends.
    """
    peak, warmup = config.learning_rate, config.warmup_steps
    shape = {
        "constant": lambda: optax.constant_schedule(peak),
        "cosine": lambda: optax.cosine_decay_schedule(peak, max(num_steps - warmup, 1), alpha=config.final_fraction),
        "step_decay": lambda: optax.exponential_decay(peak, config.decay_steps, config.decay_rate, staircase=True),
        "noam": lambda: lambda count: peak * jnp.sqrt(warmup / (jnp.maximum(count, 0) + warmup)),
    }[config.schedule]()
    if not warmup:
        return shape
    # The first update already moves the parameters: its rate is one warm-up step above zero.
    rise = optax.linear_schedule(peak / (warmup + 1), peak, warmup)
    return optax.join_schedules([rise, shape], [warmup])


def make_optimizer(config: OptimizerConfig, schedule: optax.Schedule) -> optax.GradientTransformation:
    """Builds the whole update as one optax transformation: clipping, then the rule with its schedule."""
    decay = {"weight_decay": config.weight_decay, "mask": decayed}
    rule = {
        "adam": lambda: optax.adam(schedule),
        "adamw": lambda: optax.adamw(schedule, **decay),
        "adafactor": lambda: optax.adafactor(schedule),
        "lion": lambda: optax.lion(schedule, **decay),
        "muon": lambda: muon(
            schedule,
            weight_decay=config.weight_decay,
            muon_weight_dimension_numbers=_matrices,
            consistent_rms=_ADAM_RMS,
        ),
    }[config.optimizer]()
    if config.clip_norm is not None:
        rule = optax.chain(optax.clip_by_global_norm(config.clip_norm), rule)
    if not config.train_only:
        return rule
    if config.rest_learning_rate_factor:
        slower = optax.scale(config.rest_learning_rate_factor)
        return optax.chain(rule, optax.masked(slower, lambda params: _chosen(params, config.train_only, False)))
    kinds = {True: rule, False: optax.set_to_zero()}
    return optax.partition(kinds, lambda params: _chosen(params, config.train_only, True))


def check_globs(globs: Iterable[str], params: Params) -> None:
    """Raises ``ValueError`` for a glob that fits the path of no parameter."""
    paths = list(flatten(params))
    for glob in globs:
        if not fnmatch.filter(paths, glob):
            raise ValueError(f"train_only {glob!r} fits no parameter; give globs of these: {', '.join(paths)}")


def _chosen(params: Params, globs: Sequence[str], marks: bool) -> Params:
    """Marks the parameters whose path fits a glob as ``marks``, the others as its opposite."""
    paths = flatten(params)
    return unflatten({path: marks == any(fnmatch.fnmatchcase(path, glob) for glob in globs) for path in paths}, params)


def _matrices(params: Params) -> Params:
    """Returns how Muon takes each parameter as matrices; None for those that Adam updates."""
    return jax.tree_util.tree_map_with_path(lambda path, _: _MATRICES.get(path[-1].key), params)


def decayed(params: Params) -> Params:
    """Marks the parameters that weight decay pulls at: kernels, not biases or the scales of weight normalisation."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key.endswith("kernel"), params)


def update_average(average: Params, params: Params, updates: Array, decay: float) -> Params:
    """Updates the exponential moving average of the parameters after ``updates`` updates before this one.

    The decay rises to ``decay`` as ``(1 + updates) / (10 + updates)``, so that the random start is soon forgotten.
    """
    decay_now = jnp.minimum(decay, (1 + updates) / (10 + updates))
    return jax.tree.map(lambda old, new: old + (1 - decay_now) * (new - old), average, params)
