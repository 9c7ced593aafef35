"""Monotonic alignment search: the states of a clip are known in their order, and the frames of each are found.

A chain has P places, each with one of M states: three for each phone, and three for a pause at both ends and after
each word, which may be left out. B chains are searched at once; of their rows, what lies behind the last place or
frame of each is padding.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from wavenet_jax.typing import Array

STATES = 3
"""States of a phone, and of a pause; each lasts for a frame at least."""

_LEAST_FRAMES = 128
_MOST_ROWS = 32
_BATCH_CELLS = 1 << 20  # frames times places of a batch: some hundred megabytes with all that is computed of them
_IMPOSSIBLE = -1e30
_PAUSE_SHARE = 0.2
_ENTER, _LEAVE_OUT = np.log(_PAUSE_SHARE), np.log1p(-_PAUSE_SHARE)


class Chain(NamedTuple):
    """The states of a clip in their order."""

    states: np.ndarray
    """``[P]`` int32, the same state for the same phone; those of the pause are 0, 1 and 2."""
    jumps: np.ndarray
    """``[P]`` bool: places that may be reached over the pause before them."""

    @property
    def least_frames(self) -> int:
        """Frames that it lasts for without any pause."""
        return int((self.states >= STATES).sum())


class Rows(NamedTuple):
    """B chains, padded with zeros."""

    states: np.ndarray  # [B, P] int32
    jumps: np.ndarray  # [B, P] bool
    places: np.ndarray  # [B] int32: how many there are
    frames: np.ndarray  # [B] int32


class Group(NamedTuple):
    """Clips that are searched together."""

    clips: Sequence[int]
    rows: Rows
    frames: int
    """F of their padded arrays."""

    def padded(self, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """Lays the arrays of its clips, each ``[frames, C]``, out as ``[B, F, C]``."""
        result = np.zeros((len(self.rows.frames), self.frames, arrays[0].shape[1]), np.float32)
        for row, clip in zip(result, self.clips, strict=False):
            row[: len(arrays[clip])] = arrays[clip]
        return result


def chain_of(words: Sequence[Sequence[int]]) -> Chain:
    """Makes the chain of words, each a sequence of phones numbered from 1, with pauses that may be left out."""
    units, jumps = [0], [False]
    for phones in words:
        units += [*phones, 0]
        jumps += [True] + [False] * len(phones)
    states = STATES * np.array(units, np.int32)[:, None] + np.arange(STATES, dtype=np.int32)
    firsts = np.zeros(states.shape, bool)
    firsts[:, 0] = jumps
    return Chain(states.reshape(-1), firsts.reshape(-1))


def groups(chains: Sequence[Chain], frames: Sequence[int], most_rows: int = _MOST_ROWS) -> Iterator[Group]:
    """Divides clips into groups of like lengths, of few shapes, since each shape is a compilation.

    Args:
      chains: of the clips.
      frames: of each clip, no fewer than its chain lasts for.
      most_rows: B, at most.
    """
    shapes: dict[tuple[int, int], list[int]] = {}
    for clip, (chain, count) in enumerate(zip(chains, frames, strict=True)):
        wide = _power_of_two(max(count, _LEAST_FRAMES))
        shapes.setdefault((wide, _power_of_two(max(len(chain.states), wide // 2))), []).append(clip)
    for (wide, places), clips in sorted(shapes.items()):
        rows = max(1, min(most_rows, _BATCH_CELLS // (wide * places)))
        for start in range(0, len(clips), rows):
            part = clips[start : start + rows]
            padded = _rows([chains[clip] for clip in part], [frames[clip] for clip in part], rows, places)
            yield Group(part, padded, wide)


@jax.jit
def best_places(likelihoods: Array, rows: Rows) -> Array:
    """Finds the likeliest place of each frame.

    Args:
      likelihoods: logarithms, float ``[B, F, M]``.
      rows: the chains.

    Returns:
      int ``[B, F]``; behind the last frame of a row its last place is repeated.
    """
    before = _arrivals(rows)

    def step(scores: Array, frame: tuple[Array, Array]) -> tuple[Array, Array]:
        heard, number = frame
        stay, follow, jump = before(scores)
        best = jnp.maximum(jnp.maximum(stay, follow), jump)
        move = jnp.where(best == stay, 0, jnp.where(best == follow, 1, STATES + 1)).astype(jnp.int8)
        alive = (number < rows.frames)[:, None]
        return jnp.where(alive, best + _of_places(heard, rows), scores), jnp.where(alive, move, 0)

    last, moves = jax.lax.scan(step, _first(likelihoods, rows), _later(likelihoods))
    with_pause, without = _endings(last, rows)
    end = jnp.asarray(rows.places) - 1 - jnp.where(with_pause >= without, 0, STATES)

    def back(place: Array, move: Array) -> tuple[Array, Array]:
        return place - jnp.take_along_axis(move, place[:, None], 1)[:, 0], place

    start, places = jax.lax.scan(back, end, moves, reverse=True)
    return jnp.concatenate([start[None], places]).T


@jax.jit
def occupancies(likelihoods: Array, rows: Rows) -> Array:
    """Computes how likely each state is at each frame, over all ways through the chains: ``[B, F, M]``.

    They are the gradient of the likelihood of all ways together (Baum 1972; Eisner 2016); see ``best_places`` for the
    arguments.
    """

    def total(likelihoods: Array) -> Array:
        before = _arrivals(rows)

        def step(scores: Array, frame: tuple[Array, Array]) -> tuple[Array, None]:
            heard, number = frame
            stay, follow, jump = before(scores)
            every = jnp.logaddexp(jnp.logaddexp(stay, follow), jump) + _of_places(heard, rows)
            return jnp.where((number < rows.frames)[:, None], every, scores), None

        last, _ = jax.lax.scan(step, _first(likelihoods, rows), _later(likelihoods))
        return jnp.sum(jnp.logaddexp(*_endings(last, rows)))

    return jax.grad(total)(likelihoods)


def _arrivals(rows: Rows) -> Callable[[Array], tuple[Array, Array, Array]]:
    """Returns the function from the scores of a frame to those of staying, following and jumping to each place."""
    entering = jnp.where(rows.states == 0, _ENTER, 0.0)

    def before(scores: Array) -> tuple[Array, Array, Array]:
        jump = jnp.where(rows.jumps, _shifted(scores, STATES + 1) + _LEAVE_OUT, _IMPOSSIBLE)
        return scores, _shifted(scores, 1) + entering, jump

    return before


def _shifted(scores: Array, places: int) -> Array:
    return jnp.pad(scores, ((0, 0), (places, 0)), constant_values=_IMPOSSIBLE)[:, : scores.shape[1]]


def _of_places(heard: Array, rows: Rows) -> Array:
    """From the likelihoods of states at a frame, ``[B, M]``, to those of places, ``[B, P]``."""
    return jnp.take_along_axis(heard, rows.states, 1)


def _first(likelihoods: Array, rows: Rows) -> Array:
    """The scores of the first frame, which is in the first pause or in the first phone."""
    place = jnp.arange(rows.states.shape[1])
    start = jnp.where(place == 0, _ENTER, jnp.where(place == STATES, _LEAVE_OUT, _IMPOSSIBLE))
    return start[None] + _of_places(likelihoods[:, 0], rows)


def _later(likelihoods: Array) -> tuple[Array, Array]:
    return jnp.swapaxes(likelihoods, 0, 1)[1:], jnp.arange(1, likelihoods.shape[1])


def _endings(scores: Array, rows: Rows) -> tuple[Array, Array]:
    """The scores of ending with the last pause, and without it: two of ``[B]``."""
    last = rows.places[:, None] - 1
    with_pause, without = (jnp.take_along_axis(scores, last - back, 1)[:, 0] for back in (0, STATES))
    return with_pause, without


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()


def _rows(chains: Sequence[Chain], frames: Sequence[int], count: int, places: int) -> Rows:
    """Pads chains to ``count`` rows; one that is not used is the shortest there is."""
    rows = Rows(
        np.zeros((count, places), np.int32),
        np.zeros((count, places), bool),
        np.full(count, STATES + 1, np.int32),
        np.ones(count, np.int32),
    )
    for row, (chain, length) in enumerate(zip(chains, frames, strict=True)):
        rows.states[row, : len(chain.states)] = chain.states
        rows.jumps[row, : len(chain.jumps)] = chain.jumps
        rows.places[row], rows.frames[row] = len(chain.states), length
    return rows
