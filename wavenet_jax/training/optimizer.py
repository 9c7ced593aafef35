"""The update rule: schedules, clipping, weight decay, and the average of the parameters."""

import jax
import jax.numpy as jnp
import optax

from wavenet_jax.config import OptimizerConfig
from wavenet_jax.typing import Array, Params


def make_schedule(config: OptimizerConfig, num_steps: int) -> optax.Schedule:
    """The learning rate as a function of how many updates were made before.

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
    """The whole update as one optax transformation: clipping, then the rule with its schedule."""
    decay = {"weight_decay": config.weight_decay, "mask": decayed}
    rule = {
        "adam": lambda: optax.adam(schedule),
        "adamw": lambda: optax.adamw(schedule, **decay),
        "adafactor": lambda: optax.adafactor(schedule),
        "lion": lambda: optax.lion(schedule, **decay),
    }[config.optimizer]()
    if config.clip_norm is None:
        return rule
    return optax.chain(optax.clip_by_global_norm(config.clip_norm), rule)


def decayed(params: Params) -> Params:
    """Which parameters weight decay pulls at: kernels, not biases or the scales of weight normalisation."""
    return jax.tree_util.tree_map_with_path(lambda path, _: path[-1].key.endswith("kernel"), params)


def update_average(average: Params, params: Params, updates: Array, decay: float) -> Params:
    """The exponential moving average of the parameters after ``updates`` updates before this one.

    The decay rises to ``decay`` as ``(1 + updates) / (10 + updates)``, so that the random start is soon forgotten.
    """
    decay_now = jnp.minimum(decay, (1 + updates) / (10 + updates))
    return jax.tree.map(lambda old, new: old + (1 - decay_now) * (new - old), average, params)
