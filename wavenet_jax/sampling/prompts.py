"""Prompts: sessions of streams that each continue a signal of their own, of any length."""

import functools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.config import WaveNetConfig
from wavenet_jax.model import WaveNet, WaveNetState, WaveNetWeights, batch_axes, receptive_field, state_before
from wavenet_jax.sampling.frames import conditions_at, row_of
from wavenet_jax.sampling.scan import Session, begin, prefill
from wavenet_jax.typing import Array, Conditions, Key

_MOST_AT_ONCE = 4_096
"""Samples of a prompt in one pass: enough for matmuls at full speed, few enough for the memory of 40 wide layers."""


def primed(
    model: WaveNet,
    weights: WaveNetWeights,
    key: Key,
    prompts: Sequence[np.ndarray],
    conditions: Conditions = Conditions(),
    *,
    guided: bool = False,
) -> Session:
    """Begins a session of streams after a prompt each: codes ``[T]``, of different lengths if need be.

    Each prompt is run by itself, so that nothing depends on which others share the batch. Only its last
    ``receptive_field`` samples are run: no state depends on older ones. Prompts are placed so that their ends end the
    blocks of all context stacks; to the network, which learned from crops that begin anywhere, the phase means nothing.

    With the same key, a stream of 2 T samples is one of T and then one of T that was prompted with it: equal codes but
    for the rounding of a convolution pass in place of steps, and, with context stacks, for T that ends a block of all.

    Args:
      model: the network.
      weights: its prepared weights.
      key: of the randomness of all streams.
      prompts: one for each stream.
      conditions: of B streams; frames those of signals that begin with the prompts.
      guided: begins the session for guidance: see ``advance``.

    Raises:
      ValueError: a prompt is not a row of codes, or, where there are frames, ends inside one.
    """
    for stream, prompt in enumerate(prompts):
        _check(model.config, stream, prompt)
    session = begin(model, key, len(prompts), guided=guided)
    by_content: dict[bytes, Session] = {}  # many streams may continue the same prompt
    rows = []
    for stream, prompt in enumerate(prompts):
        own = row_of(conditions, stream)
        arrays = [np.asarray(prompt, np.int32), *jax.tree.leaves(own)]
        cache_key = b"|".join(np.asarray(array).tobytes() for array in arrays)
        if cache_key not in by_content:
            by_content[cache_key] = _run(model, weights, np.asarray(prompt, np.int32), own, guided)
        rows.append(by_content[cache_key])
    return Session(
        keys=session.keys,
        time=jnp.asarray([len(prompt) for prompt in prompts], jnp.uint32),
        latest=jnp.concatenate([row.latest for row in rows]),
        model=_side_by_side(model, [row.model for row in rows]),
    )


def _run(model: WaveNet, weights: WaveNetWeights, prompt: np.ndarray, conditions: Conditions, guided: bool) -> Session:
    """Runs one prompt: returns the session of its stream, with a key that means nothing."""
    config, field = model.config, receptive_field(model.config)
    session = begin(model, jax.random.key(0), 1, guided=guided)
    first = max(0, len(prompt) - config.whole_frames(field))
    if first:
        session = session._replace(latest=jnp.asarray(prompt[first - 1 : first]))
    state = _state_before(config, weights, 2 if guided else 1, len(prompt) - first)
    session = session._replace(model=state)
    size = config.whole_frames(min(field, _MOST_AT_ONCE))
    for start in range(first, len(prompt), size):
        part = prompt[start : start + size]
        codes = np.pad(part, (0, size - len(part)))[None]
        now = conditions_at(config, conditions, [start], size)
        session = prefill(model, weights, session, codes, now, valid=len(part), guided=guided)
    return session


@functools.partial(jax.jit, static_argnames=("config", "rows"))
def _state_before(config: WaveNetConfig, weights: WaveNetWeights, rows: int, length: int) -> WaveNetState:
    return state_before(config, weights, rows, length)


def _side_by_side(model: WaveNet, states: list[WaveNetState]) -> WaveNetState:
    """Joins states to one of all their streams; what streams share has to be the same in all."""

    def joined(first: Array, axes: tuple[int, ...], *others: Array) -> Array:
        return jnp.concatenate([first, *others], axis=axes[0]) if axes else first

    return jax.tree.map(joined, states[0], batch_axes(model), *states[1:])


def _check(config: WaveNetConfig, stream: int, prompt: np.ndarray) -> None:
    prompt = np.asarray(prompt)
    if prompt.ndim != 1 or (len(prompt) and not np.issubdtype(prompt.dtype, np.integer)):
        raise ValueError(f"prompt {stream} must be one row of codes, got {prompt.dtype} of shape {prompt.shape}")
    if len(prompt) and not 0 <= prompt.min() <= prompt.max() < config.levels:
        raise ValueError(
            f"codes of prompt {stream} must be between 0 and {config.levels - 1}, got {prompt.min()} to {prompt.max()}"
        )
    if len(prompt) != config.whole_frames(len(prompt)):
        raise ValueError(
            f"prompt {stream} must end with a frame, a multiple of hop_samples={config.features.hop_samples}, "
            f"got {len(prompt)} samples; cut it"
        )
