"""Bits per sample of whole clips of any length, in constant memory.

Clips play one after another on a fixed number of lanes, in chunks that carry the network's queues. So every sample
is judged with its full receptive field, and one compilation serves every data set.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from wavenet_jax.arithmetic import round_up
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.data import Describer, Source, baselines, describer_of_judged, stacked
from wavenet_jax.engine import Engine
from wavenet_jax.model import (
    GateInputs,
    Head,
    WaveNet,
    WaveNetState,
    WaveNetWeights,
    batch_axes,
    embed_conditions,
    extend,
)
from wavenet_jax.sampling import extend_native, judging_engine, on_each
from wavenet_jax.training.sharding import compiler_options, make_mesh, put, replicated, split
from wavenet_jax.typing import Array, Conditions, Params

Describe: TypeAlias = Callable[[int, int, int], Conditions]
"""Gives the conditions of a clip between two of its samples, both multiples of the hop."""

COMMON_GRID = Grid(256, "mu_law")
"""The grid on which networks of different grids are compared."""


class ClipPiece(NamedTuple):
    """Samples ``start`` to ``stop`` of a clip."""

    clip: int
    start: int
    stop: int


class Round(NamedTuple):
    """Input of one process to all its lanes at once."""

    codes: np.ndarray  # [lanes, T + 1] int32
    mask: np.ndarray  # [lanes, T] bool: the samples that are judged
    starts: np.ndarray  # [lanes] bool: where a new clip begins
    conditions: Conditions


class Evaluator:
    """Judges parameters on data sets, over all devices of a mesh."""

    def __init__(
        self,
        config: WaveNetConfig,
        lanes: int,
        chunk_samples: int,
        mesh: Mesh,
        coarser: Grid | None = None,
        weights: str | None = None,
    ) -> None:
        """Plays ``lanes`` clips at once (a multiple of the devices), about ``chunk_samples`` (T) at a time.

        Chunks are rounded up so that every clip begins where frames and context stacks do. With a ``coarser`` grid, the
        probability of the samples on that grid is judged, so that heads on different grids compare. With a number
        format of ``weights``, the native engine runs the network, in the arithmetic that it samples in.

        Raises:
          ValueError: the network's own grid is too coarse to stand for it.
        """
        self._cells = None if coarser is None else Grid.of(config).cells(coarser)
        self._config = config
        self._model = WaveNet(config)
        self._grid = Grid.of(config)
        self._lanes = lanes
        self._chunk = round_up(chunk_samples, config.tempo)
        self._mesh = mesh
        self._weights = weights
        self._axes = batch_axes(self._model)
        whole, rows = replicated(mesh), split(mesh)
        state = jax.eval_shape(lambda: self._model.init_state(lanes))
        self._by_lane = jax.tree.map(lambda _, axes: split(mesh, *axes) if axes else whole, state, self._axes)
        self._init = jax.jit(lambda: self._model.init_state(lanes), out_shardings=self._by_lane)
        self._extend = jax.jit(
            self._judge,
            in_shardings=(whole, whole, self._by_lane, rows),
            out_shardings=(rows, whole, self._by_lane),
            donate_argnums=2,
            compiler_options=compiler_options(mesh),
        )

    def bits_per_sample(self, params: Params, source: Source, describe: Describe | None = None) -> float:
        """Computes the mean over all samples of all clips: -log2 of the probability that the network gave to what came.

        Args:
          params: the network's parameters.
          source: the clips.
          describe: gives the conditions of a clip from one sample to another; default: those of the source's clips.

        Raises:
          ValueError: the source holds no audio.
        """
        samples = int(source.lengths.sum())
        if not samples:
            raise ValueError("there is no audio to evaluate on; choose another data_dir, or hold out more files")
        params, engine = self._placed(params)
        nats = 0.0
        state = self._init()
        pending = jnp.zeros(())
        for arrays in self._rounds(source, describe or Describer(self._config, source)):
            _, total, state = self._extend(params, engine, state, put(self._mesh, arrays))
            # One round late: the device works on the next while this one is fetched.
            nats += float(pending)
            pending = total
        nats += float(pending)
        return nats / samples / float(np.log(2))

    def log_prob(self, params: Params, source: Source, describe: Describe | None = None) -> list[np.ndarray]:
        """Returns the log-likelihood of every sample of every clip, in nats: float32 ``[T]`` for each clip.

        It is held in memory. With a coarser grid, it is the one of the samples on that grid. For a single process.

        Args:
          params: the network's parameters.
          source: the clips.
          describe: gives the conditions of a clip from one sample to another; default: those of the source's clips.
        """
        describe = describe or Describer(self._config, source)
        params, engine = self._placed(params)
        result = [np.empty(int(length), np.float32) for length in source.lengths]
        state = self._init()
        rounds = plan(source.lengths, self._lanes, self._chunk)
        for pieces, arrays in zip(rounds, self._rounds(source, describe), strict=True):
            nats, _, state = self._extend(params, engine, state, put(self._mesh, arrays))
            for piece, row in zip(pieces, np.asarray(nats), strict=True):
                if piece is not None:
                    result[piece.clip][piece.start : piece.stop] = -row[: piece.stop - piece.start]
        return result

    def _placed(self, params: Params) -> tuple[Params, Engine | None]:
        """Puts the parameters on all devices, and the engine where one is asked for."""
        engine = None
        if self._weights is not None:
            engine = judging_engine(self._model, params, self._mesh.devices.flat, self._weights)
        return jax.device_put((params, engine), replicated(self._mesh))

    def _judge(
        self, params: Params, engine: Engine | None, state: WaveNetState, arrays: Round
    ) -> tuple[Array, Array, WaveNetState]:
        codes, mask, starts, conditions = jax.tree.map(jnp.asarray, arrays)
        variables = {"params": params}
        weights = cast(WaveNetWeights, self._model.apply(variables, method="weights"))
        gate_inputs = embed_conditions(self._config, weights.conditioner, conditions)
        state, inputs = self._silence(state, starts), codes[:, :-1]
        if engine is None:
            outputs, state = extend(self._config, weights, state, inputs, gate_inputs)
        else:
            outputs, state = self._extend_native(engine, weights, state, inputs, gate_inputs)
        nats = -self._score(weights.head, outputs, codes[:, 1:])
        return nats, jnp.where(mask, nats, 0).sum(), state

    def _extend_native(
        self, engine: Engine, weights: WaveNetWeights, state: WaveNetState, codes: Array, gate_inputs: GateInputs
    ) -> tuple[Array, WaveNetState]:
        """Runs each device's lanes there; XLA would run all of them on every device."""
        by_lane = jax.tree.map(lambda sharding: sharding.spec, self._by_lane)
        whole, rows = PartitionSpec(), split(self._mesh).spec
        extend_there = on_each(self._mesh, extend_native, (whole, whole, by_lane, rows, rows), (rows, by_lane))
        return extend_there(engine, weights, state, codes, gate_inputs)

    def _score(self, head: Head, outputs: Array, codes: Array) -> Array:
        """Computes log-likelihoods in nats, on the grid that is judged on: ``[B, T, outputs], [B, T] -> [B, T]``."""
        if self._cells is None:
            return head.log_prob(outputs, codes)
        first, last = (jnp.asarray(ends)[codes] for ends in self._cells)
        return head.log_interval(outputs, first, last)

    def _silence(self, state: WaveNetState, lanes: Array) -> WaveNetState:
        """Returns the state with nothing but silence in the past of the lanes ``[B]`` that are true."""

        def clear(leaf: Array, axes: tuple[int, ...]) -> Array:
            if not axes:  # shared by all lanes: where rings and periods stand
                return leaf
            rows = lanes.reshape([-1 if axis == axes[0] else 1 for axis in range(leaf.ndim)])
            return jnp.where(rows, jnp.zeros((), leaf.dtype), leaf)

        return jax.tree.map(clear, state, self._axes)

    def _rounds(self, source: Source, describe: Describe) -> Iterator[Round]:
        """Yields this process's rows of every round."""
        rows = self._lanes // jax.process_count()
        first = rows * jax.process_index()
        for pieces in plan(source.lengths, self._lanes, self._chunk):
            codes = np.full((rows, self._chunk + 1), self._grid.silence, np.int32)
            mask = np.zeros((rows, self._chunk), bool)
            starts = np.zeros(rows, bool)
            conditions = [describe(0, 0, self._chunk)] * rows
            for row, piece in enumerate(pieces[first : first + rows]):
                if piece is None:
                    continue
                length = piece.stop - piece.start
                before = min(piece.start, 1)  # The first input of a clip is silence.
                waveform = source.read(piece.clip, piece.start - before, piece.stop)
                codes[row, 1 - before : length + 1] = self._grid.encode(waveform)
                mask[row, :length] = True
                starts[row] = piece.start == 0
                conditions[row] = describe(piece.clip, piece.start, piece.start + self._chunk)
            yield Round(codes, mask, starts, stacked(conditions))


def evaluate(config: RunConfig, params: Params, source: Source, weights: str | None = None) -> dict[str, Any]:
    """Measures a network on all clips of a source, over all devices.

    Args:
      config: of the run.
      params: the network's parameters.
      source: the clips.
      weights: number format of weights with which the native engine runs the network; None: convolutions, in float32.

    Returns:
      ``bits_per_sample`` on the network's own grid; ``bits_per_sample_mu_law_256`` too where its grid is another one,
      and fine enough to stand for 256 µ-law levels; ``samples``, ``files``, and the ``baselines`` of the same audio.
      With ``weights``, those are the engine's bits, and ``bits_lost`` is how many more they are than without.

    Raises:
      ValueError: the source holds no audio, or the engine cannot run the network.
    """
    mesh, grid = make_mesh(), Grid.of(config.model)
    # One lane per crop of the run's batches, and chunks as long: what fitted in training fits here.
    lanes = round_up(config.data.batch_size, mesh.size)
    grids: dict[str, Grid | None] = {"bits_per_sample": None}
    if grid != COMMON_GRID and grid.stands_for(COMMON_GRID):
        grids["bits_per_sample_mu_law_256"] = COMMON_GRID

    def bits_on(coarser: Grid | None, weights: str | None) -> float:
        evaluator = Evaluator(config.model, lanes, config.data.crop_samples, mesh, coarser, weights)
        return evaluator.bits_per_sample(params, source, describer_of_judged(config, source))

    bits = {name: bits_on(coarser, weights) for name, coarser in grids.items()}
    if weights is not None:
        bits["bits_lost"] = bits["bits_per_sample"] - bits_on(None, None)
    return {
        **bits,
        "samples": int(source.lengths.sum()),
        "files": len(source),
        "baselines": baselines(source, grid),
    }


def plan(lengths: Sequence[int] | np.ndarray, lanes: int, chunk_samples: int) -> Iterator[list[ClipPiece | None]]:
    """Yields the piece that each lane plays in each round: whole clips, the longest first, each piece by piece."""
    waiting = iter(np.argsort(-np.asarray(lengths), kind="stable"))
    playing: list[Iterator[ClipPiece]] = [iter(()) for _ in range(lanes)]
    while True:
        pieces: list[ClipPiece | None] = []
        for lane in range(lanes):
            piece = next(playing[lane], None)
            while piece is None and (clip := next(waiting, None)) is not None:
                playing[lane] = _pieces(int(clip), int(lengths[clip]), chunk_samples)
                piece = next(playing[lane], None)
            pieces.append(piece)
        if all(piece is None for piece in pieces):
            return
        yield pieces


def _pieces(clip: int, length: int, size: int) -> Iterator[ClipPiece]:
    return (ClipPiece(clip, start, min(start + size, length)) for start in range(0, length, size))
