"""Bits per sample of whole clips of any length, in constant memory.

Clips play one after another on a fixed number of lanes, in chunks that carry the network's queues. So every sample
is judged with its full receptive field, and one compilation serves every data set.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.data import Describer, Source, stacked
from wavenet_jax.model import Head, WaveNet, WaveNetState, WaveNetWeights, batch_axes, condition, extend
from wavenet_jax.training.sharding import put, replicated, split
from wavenet_jax.typing import Array, Conditions, Params


class Piece(NamedTuple):
    """Samples ``start`` to ``stop`` of a clip."""

    clip: int
    start: int
    stop: int


class Round(NamedTuple):
    """What one process gives to all its lanes at once."""

    codes: np.ndarray  # [lanes, T + 1] int32
    mask: np.ndarray  # [lanes, T] bool: the samples that are judged
    starts: np.ndarray  # [lanes] bool: where a new clip begins
    conditions: Conditions


class Evaluator:
    """Judges parameters on data sets, over all devices of a mesh."""

    def __init__(
        self, config: WaveNetConfig, lanes: int, chunk_samples: int, mesh: Mesh, coarser: Grid | None = None
    ) -> None:
        """Plays ``lanes`` clips at once (a multiple of the devices), about ``chunk_samples`` (T) at a time.

        Chunks are rounded up so that every clip begins where frames and context stacks do. With a ``coarser`` grid, the
        probability of the samples on that grid is judged, so that heads on different grids compare.

        Raises:
          ValueError: the network's own grid is too coarse to stand for it.
        """
        self._cells = None if coarser is None else Grid.of(config).cells(coarser)
        self._config = config
        self._model = WaveNet(config)
        self._grid = Grid.of(config)
        self._lanes = lanes
        self._chunk = -(-chunk_samples // config.tempo) * config.tempo
        self._mesh = mesh
        self._axes = batch_axes(self._model)
        whole, rows = replicated(mesh), split(mesh)
        state = jax.eval_shape(lambda: self._model.init_state(lanes))
        by_lane = jax.tree.map(lambda _, axes: split(mesh, *axes) if axes else whole, state, self._axes)
        self._init = jax.jit(lambda: self._model.init_state(lanes), out_shardings=by_lane)
        self._extend = jax.jit(
            self._judge, in_shardings=(whole, by_lane, rows), out_shardings=(whole, by_lane), donate_argnums=1
        )

    def bits_per_sample(self, params: Params, source: Source) -> float:
        """Mean over all samples of all clips: -log2 of the probability that the network gave to what came.

        Raises:
          ValueError: the source holds no audio.
        """
        samples = int(source.lengths.sum())
        if not samples:
            raise ValueError("there is no audio to evaluate on; choose another data_dir, or hold out more files")
        params = jax.device_put(params, replicated(self._mesh))
        nats = 0.0
        state = self._init()
        pending = jnp.zeros(())
        for arrays in self._rounds(source, Describer(self._config, source)):
            total, state = self._extend(params, state, put(self._mesh, arrays))
            # One round late: the device works on the next while this one is fetched.
            nats += float(pending)
            pending = total
        nats += float(pending)
        return nats / samples / float(np.log(2))

    def _judge(self, params: Params, state: WaveNetState, arrays: Round) -> tuple[Array, WaveNetState]:
        codes, mask, starts, conditions = jax.tree.map(jnp.asarray, arrays)
        variables = {"params": params}
        weights = cast(WaveNetWeights, self._model.apply(variables, method="weights"))
        known = condition(self._config, weights.conditioner, conditions)
        outputs, state = extend(self._config, weights, self._silence(state, starts), codes[:, :-1], known)
        nats = -self._score(weights.head, outputs, codes[:, 1:])
        return jnp.where(mask, nats, 0).sum(), state

    def _score(self, head: Head, outputs: Array, codes: Array) -> Array:
        """Log-likelihood of codes in nats, on the grid that is judged on: ``[B, T, outputs], [B, T] -> [B, T]``."""
        if self._cells is None:
            return head.log_prob(outputs, codes)
        first, last = (jnp.asarray(ends)[codes] for ends in self._cells)
        return head.log_interval(outputs, first, last)

    def _silence(self, state: WaveNetState, lanes: Array) -> WaveNetState:
        """The state with nothing but silence in the past of the lanes ``[B]`` that are true."""

        def clear(leaf: Array, axes: tuple[int, ...]) -> Array:
            if not axes:  # shared by all lanes: where rings and periods stand
                return leaf
            rows = lanes.reshape([-1 if axis == axes[0] else 1 for axis in range(leaf.ndim)])
            return jnp.where(rows, jnp.zeros((), leaf.dtype), leaf)

        return jax.tree.map(clear, state, self._axes)

    def _rounds(self, source: Source, describer: Describer) -> Iterator[Round]:
        """This process's rows of every round."""
        rows = self._lanes // jax.process_count()
        first = rows * jax.process_index()
        for pieces in plan(source.lengths, self._lanes, self._chunk):
            codes = np.full((rows, self._chunk + 1), self._grid.silence, np.int32)
            mask = np.zeros((rows, self._chunk), bool)
            starts = np.zeros(rows, bool)
            conditions = [describer(0, 0, self._chunk)] * rows
            for row, piece in enumerate(pieces[first : first + rows]):
                if piece is None:
                    continue
                length = piece.stop - piece.start
                before = min(piece.start, 1)  # The first input of a clip is silence.
                waveform = source.read(piece.clip, piece.start - before, piece.stop)
                codes[row, 1 - before : length + 1] = self._grid.encode(waveform)
                mask[row, :length] = True
                starts[row] = piece.start == 0
                conditions[row] = describer(piece.clip, piece.start, piece.start + self._chunk)
            yield Round(codes, mask, starts, stacked(conditions))


def plan(lengths: Sequence[int] | np.ndarray, lanes: int, chunk_samples: int) -> Iterator[list[Piece | None]]:
    """Which piece each lane plays in each round: clips in order of length, the longest first, whole and in order."""
    waiting = iter(np.argsort(-np.asarray(lengths), kind="stable"))
    playing: list[Iterator[Piece]] = [iter(()) for _ in range(lanes)]
    while True:
        pieces: list[Piece | None] = []
        for lane in range(lanes):
            piece = next(playing[lane], None)
            while piece is None and (clip := next(waiting, None)) is not None:
                playing[lane] = _pieces(int(clip), int(lengths[clip]), chunk_samples)
                piece = next(playing[lane], None)
            pieces.append(piece)
        if all(piece is None for piece in pieces):
            return
        yield pieces


def _pieces(clip: int, length: int, size: int) -> Iterator[Piece]:
    return (Piece(clip, start, min(start + size, length)) for start in range(0, length, size))
