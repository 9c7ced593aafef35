"""Batch ``k`` as a function of the data set, the seed and ``k`` alone."""

import itertools
from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import RunConfig
from wavenet_jax.data.crops import Crop, Epochs, context_samples
from wavenet_jax.data.describer import Describer, stacked
from wavenet_jax.data.source import Source
from wavenet_jax.typing import Conditions

_AUGMENTATION = 1
"""Keeps its draws apart from those of the order."""


T_co = TypeVar("T_co", covariant=True)


class Numbered(Protocol[T_co]):
    """Whatever can be had by its number, such as batches."""

    def __getitem__(self, k: int, /) -> T_co: ...


class Batch(NamedTuple):
    """Crops of audio: inputs ``codes[:, :-1]``, targets ``codes[:, 1:]``; a target counts where the mask is true."""

    codes: np.ndarray
    """``[B, T + 1]`` int32 in [0, Q)."""
    mask: np.ndarray
    """``[B, T]`` bool."""
    conditions: Conditions = Conditions()
    """Conditions of the targets; frames for windows that begin at multiples of the hop."""


class Batches:
    """Random-access batches without end: ``batches[k]`` for any ``k >= 0``; an epoch takes ``len(batches)`` of them.

    Epochs follow each other without a gap, so a batch may hold the end of one and the start of the next. Process ``p``
    of ``P`` gets the ``p``-th of ``P`` equal slices of every batch.
    """

    def __init__(
        self,
        source: Source,
        grid: Grid,
        *,
        batch_size: int,
        crop_samples: int,
        seed: int,
        context: int = 0,
        gain_db: float = 0.0,
        flip_polarity: bool = False,
        describer: Describer | None = None,
        process_index: int = 0,
        process_count: int = 1,
    ):
        """
        Args:
          source: the clips.
          grid: encodes their waveforms.
          batch_size: crops in a batch, over all processes.
          crop_samples: samples that a crop scores, at most.
          seed: of the order, the phases and the augmentation.
          context: samples before those, which the window of ``T = context + crop_samples`` shows.
          gain_db: each crop is scaled by up to this many dB, up or down; 0: not at all.
          flip_polarity: half of the crops are turned upside down.
          describer: of the clips' conditions; default: none.
          process_index: which of ``process_count`` processes this one is.
          process_count: how many processes share the work.

        Raises:
          ValueError: the source has no clip, or the processes cannot share a batch evenly.
        """
        if not len(source):
            raise ValueError("a data set without clips makes no batches; choose another data_dir or another split")
        if batch_size % process_count:
            raise ValueError(
                f"batch_size must be a multiple of the {process_count} processes that share a batch, got {batch_size}"
            )
        self._source = source
        self._grid = grid
        self._window_samples = context + crop_samples
        self._batch_size = batch_size
        self._gain_db = gain_db
        self._flip_polarity = flip_polarity
        self._seed = seed
        self._rows = batch_size // process_count
        self._first_row = process_index * self._rows
        self._describer = describer
        align = 1 if describer is None else describer.hop
        self._epochs = Epochs(source.lengths, crop_samples, seed, context, align)

    @classmethod
    def of(cls, config: RunConfig, source: Source, *, process_index: int = 0, process_count: int = 1) -> "Batches":
        """Returns the batches that a run learns from: with its context, its conditions and its augmentation.

        Raises:
          ValueError: see ``Batches``, and ``Describer``.
        """
        data = config.data
        return cls(
            source,
            Grid.of(config.model),
            batch_size=data.batch_size,
            crop_samples=data.crop_samples,
            seed=config.train.seed,
            context=context_samples(config),
            gain_db=data.gain_db,
            flip_polarity=data.flip_polarity,
            describer=Describer(config.model, source, feature_dir=data.feature_folder),
            process_index=process_index,
            process_count=process_count,
        )

    def __len__(self) -> int:
        """Batches that one epoch takes; the last one may reach into the next epoch."""
        return ceil_div(len(self._epochs), self._batch_size)

    def __getitem__(self, k: int) -> Batch:
        """This process's rows of batch ``k``, ``k >= 0``."""
        first = k * self._batch_size + self._first_row
        rows = range(first, first + self._rows)
        crops = [self._epochs.crop(*divmod(row, len(self._epochs))) for row in rows]
        factors = [self._factor(row) for row in rows]
        windows = [factor * self._window(crop) for factor, crop in zip(factors, crops, strict=True)]
        return Batch(
            codes=self._grid.encode(np.stack(windows)),
            mask=np.stack([self._scored(crop) for crop in crops]),
            conditions=self._conditions(crops, factors),
        )

    def _conditions(self, crops: list[Crop], factors: list[np.float32]) -> Conditions:
        if self._describer is None:
            return Conditions()
        return stacked(
            [
                self._describer(crop.clip, crop.start, crop.start + self._window_samples, factor)
                for crop, factor in zip(crops, factors, strict=True)
            ]
        )

    def _window(self, crop: Crop) -> np.ndarray:
        """``[T + 1]``: the window and the sample in front of it, with silence where the clip has none."""
        stop = crop.start + self._window_samples
        first, last = max(0, crop.start - 1), min(stop, int(self._source.lengths[crop.clip]))
        return np.pad(self._source.read(crop.clip, first, last), (first - (crop.start - 1), stop - last))

    def _factor(self, row: int) -> np.float32:
        """Draws what the augmentation multiplies a crop by, the ``row``-th of all epochs."""
        gain, flip = np.random.default_rng((_AUGMENTATION, self._seed, row)).uniform(-1, 1, 2)
        sign = -1.0 if self._flip_polarity and flip < 0 else 1.0
        return np.float32(sign * 10 ** (gain * self._gain_db / 20))

    def _scored(self, crop: Crop) -> np.ndarray:
        """Marks the targets that this crop scores: ``[T]`` bool."""
        times = np.arange(crop.start, crop.start + self._window_samples)
        return (crop.scored_from <= times) & (times < crop.scored_to)


def prefetch(
    batches: Numbered[T_co], start: int = 0, *, threads: int = 1, ahead: int = 4
) -> Generator[T_co, None, None]:
    """Batches ``start``, ``start + 1``, ... in order, without end, made ahead of time by ``threads`` threads.

    Args:
      batches: where they come from.
      start: the first one.
      threads: 0 makes each batch when it is asked for.
      ahead: batches that are made or waiting at any time.
    """
    if threads == 0:
        yield from (batches[k] for k in itertools.count(start))
    with ThreadPoolExecutor(threads, "prefetch") as pool:
        pending = deque(pool.submit(batches.__getitem__, k) for k in range(start, start + ahead))
        try:
            for k in itertools.count(start + ahead):
                yield pending.popleft().result()
                pending.append(pool.submit(batches.__getitem__, k))
        finally:
            for batch in pending:
                batch.cancel()
