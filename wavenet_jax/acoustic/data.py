"""Batches for an acoustic model: rows of aligned clips, one after the other."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from wavenet_jax.acoustic.config import AcousticRunConfig
from wavenet_jax.acoustic.model import PLACES, places_of
from wavenet_jax.acoustic.symbols import NUMBERS, Symbols, aligned_symbols
from wavenet_jax.alignment import Alignment
from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.data import Describer, Source

_KEPT_CLIPS = 20_000


class AcousticBatch(NamedTuple):
    """B rows of P symbols and F frames; zeros after the last of each row."""

    kinds: np.ndarray  # [B, P, columns of Symbols.kinds] int32
    numbers: np.ndarray  # [B, P, NUMBERS] float32
    lengths: np.ndarray  # [B, P] int32: frames of each symbol
    owner: np.ndarray  # [B, F] int32: the symbol of each frame
    places: np.ndarray  # [B, F, PLACES] float32
    targets: np.ndarray  # [B, F, C] float32: the vocoder's features, without phones
    mask: np.ndarray  # [B, F] bool: the frames that there are


class AlignedClip(NamedTuple):
    """A clip's symbols, their lengths in frames, and its F frames."""

    symbols: Symbols
    lengths: np.ndarray  # [P] int32, F in all
    frames: np.ndarray  # [F, C] float32: the measured features


class AcousticClips:
    """The aligned clips of a source, measured when they are first asked for."""

    def __init__(
        self, config: AcousticRunConfig, source: Source, alignments: Mapping[str, Alignment], describer: Describer
    ) -> None:
        self._config, self._source, self._describer = config, source, describer
        self._numbers = [number for number, name in enumerate(source.names) if name in alignments]
        self._alignments = [alignments[source.names[number]] for number in self._numbers]
        self.names = [source.names[number] for number in self._numbers]
        self.clip = lru_cache(maxsize=_KEPT_CLIPS)(self._clip)

    def __len__(self) -> int:
        return len(self._numbers)

    def samples(self, number: int) -> int:
        """Returns the length of a clip, in samples."""
        return int(self._source.lengths[self._numbers[number]])

    def _clip(self, number: int) -> AlignedClip:
        count = ceil_div(self.samples(number), self._config.features.hop_samples)
        symbols, lengths = aligned_symbols(
            self._alignments[number],
            self._config.hop_seconds,
            count,
            self._config.acoustic.inventory,
            self._config.class_ids(self._source.labels[self._numbers[number]]),
        )
        return AlignedClip(symbols, lengths, self._describer.frames(self._numbers[number], 0, count))


class AcousticBatches:
    """Batches by their numbers: batch k depends on the clips, the seed and k alone."""

    def __init__(
        self, config: AcousticRunConfig, clips: AcousticClips, process_index: int = 0, process_count: int = 1
    ) -> None:
        self._config, self._clips = config, clips
        self._rows = config.data.batch_size // process_count
        self._first = self._rows * process_index

    def __getitem__(self, k: int) -> AcousticBatch:
        """This process's rows of batch ``k``."""
        first = k * self._config.data.batch_size + self._first
        return _stacked([self._row(first + row) for row in range(self._rows)])

    def _row(self, number: int) -> AcousticBatch:
        random = np.random.default_rng((self._config.train.seed, number))
        filler = _Row(self._config)
        while filler.is_open:
            clip = self._clips.clip(int(random.integers(len(self._clips))))
            # Any part of a long clip comes as often as any other.
            long = int(clip.lengths.sum()) > self._config.acoustic.row_frames
            filler.add(clip, int(random.integers(len(clip.lengths))) if long else 0)
        return filler.row()


def held_out_rows(config: AcousticRunConfig, clips: AcousticClips) -> list[AcousticBatch]:
    """Lays out the clips, each once, in as many batches of ``batch_size`` rows as they take; the last is filled up."""
    rows: list[AcousticBatch] = []
    filler = _Row(config)
    for number in range(len(clips)):
        clip, at = clips.clip(number), 0
        while at < len(clip.lengths):
            at = filler.add(clip, at)
            if not filler.is_open:
                rows.append(filler.row())
                filler = _Row(config)
    rows.append(filler.row())
    size = config.data.batch_size
    rows += [_Row(config).row()] * (-len(rows) % size)
    return [_stacked(rows[start : start + size]) for start in range(0, len(rows), size)]


class _Row:
    """A row that is being filled."""

    def __init__(self, config: AcousticRunConfig) -> None:
        self._frames, self._phones = config.acoustic.row_frames, config.acoustic.row_phones
        self._channels = config.measured.features.channels
        self._columns = len(config.acoustic.inventory.sizes)
        self._parts: list[AlignedClip] = []
        self.is_open = True

    def add(self, clip: AlignedClip, start: int) -> int:
        """Adds symbols of a clip from ``start`` on, as many as fit; returns the first one that does not."""
        left_phones = self._phones - sum(len(part.lengths) for part in self._parts)
        left_frames = self._frames - sum(len(part.frames) for part in self._parts)
        ends = np.cumsum(clip.lengths[start:])
        stop = start + min(int(np.searchsorted(ends, left_frames, side="right")), left_phones)
        self.is_open = stop == len(clip.lengths) and left_phones > stop - start
        if stop == start and not self._parts:  # a symbol that is longer than a row
            return start + 1
        first, last = int(clip.lengths[:start].sum()), int(clip.lengths[:stop].sum())
        symbols = Symbols(clip.symbols.kinds[start:stop], clip.symbols.numbers[start:stop])
        self._parts.append(AlignedClip(symbols, clip.lengths[start:stop], clip.frames[first:last]))
        return stop

    def row(self) -> AcousticBatch:
        """The row, without the batch axis."""
        lengths = np.concatenate([part.lengths for part in self._parts] or [np.zeros(0, np.int32)])
        owner, places = places_of(lengths)

        def padded(parts: Sequence[np.ndarray], rows: int, empty: np.ndarray) -> np.ndarray:
            whole = np.concatenate([empty, *parts])
            return np.pad(whole, [(0, rows - len(whole)), *[(0, 0)] * (whole.ndim - 1)])

        phones, frames = self._phones, self._frames
        return AcousticBatch(
            padded([part.symbols.kinds for part in self._parts], phones, np.zeros((0, self._columns), np.int32)),
            padded([part.symbols.numbers for part in self._parts], phones, np.zeros((0, NUMBERS), np.float32)),
            padded([lengths], phones, np.zeros(0, np.int32)),
            padded([owner], frames, np.zeros(0, np.int32)),
            padded([places], frames, np.zeros((0, PLACES), np.float32)),
            padded([part.frames for part in self._parts], frames, np.zeros((0, self._channels), np.float32)),
            np.arange(frames) < len(owner),
        )


def _stacked(rows: Sequence[AcousticBatch]) -> AcousticBatch:
    return AcousticBatch(*(np.stack(arrays) for arrays in zip(*rows, strict=True)))
