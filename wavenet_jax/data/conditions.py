"""What a network is told of a clip besides its samples: its classes, a vector, and features of its frames."""

import dataclasses
import os
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import show
from wavenet_jax.audio.pitch import Pitch
from wavenet_jax.config import WaveNetConfig
from wavenet_jax.data.source import Source
from wavenet_jax.typing import Conditions


class Describer:
    """The conditions of any piece of any clip of a source."""

    def __init__(self, config: WaveNetConfig, source: Source):
        """
        Args:
          config: which conditions the network listens to.
          source: the clips.

        Raises:
          ValueError: a clip has a class that the network does not know, or an array that is missing or does not fit.
        """
        self.hop = config.features.hop_samples if config.is_local else 1
        self._config = config
        self._source = source
        self._classes = class_ids(config, source.labels) if config.conditioning.condition_on_classes else None
        self._array = lru_cache(maxsize=256)(self._open)
        self._mel = LogMel.of(config) if "mel" in config.features.local_features else None
        self._pitch = Pitch.of(config) if "f0" in config.features.local_features else None
        self._pitch_block = lru_cache(maxsize=4096)(self._read_pitch_block)
        if config.conditioning.vector_channels:
            for clip in range(len(source)):
                self._vector(clip)
        if "file" in config.features.local_features:
            for clip in range(len(source)):
                self._file(clip)

    def __call__(self, clip: int, start: int, stop: int, factor: float | np.floating = 1.0) -> Conditions:
        """The conditions of samples ``start`` to ``stop``, both multiples of the hop, without the axis of the batch.

        ``stop`` may lie beyond the clip's end. ``factor`` is what the waveform is multiplied by.
        """
        config = self._config
        vector = frames = None
        if config.conditioning.vector_channels:
            vector = self._vector(clip)
        if config.is_local:
            first = start // self.hop - config.conditioning.frames_before
            last = stop // self.hop + config.conditioning.frames_after
            frames = self.frames(clip, first, last, factor)
        return Conditions(None if self._classes is None else self._classes[clip], vector, frames)

    def frames(self, clip: int, first: int, last: int, factor: float | np.floating = 1.0) -> np.ndarray:
        """Features of frames ``first`` to ``last``: float32 ``[last - first, C]``; silence where the clip has none."""
        total = -(-int(self._source.extents[clip]) // self.hop)
        inside = slice(max(first, 0), max(min(last, total), max(first, 0)))
        result = np.tile(silence(self._config), (last - first, 1))
        if inside.start < inside.stop:
            parts = []
            for name in self._config.features.local_features:
                if name == "mel":
                    parts.append(self._measured_mel(clip, inside, factor))
                elif name == "f0":
                    parts.append(self._measured_pitch(clip, inside))
                else:
                    parts.append(_cut(self._file(clip), inside))
            result[inside.start - first : inside.stop - first] = np.concatenate(parts, axis=1)
        return result

    def _measured_mel(self, clip: int, frames: slice, factor: float | np.floating) -> np.ndarray:
        assert self._mel is not None
        margin = self._mel.margin
        start, stop = frames.start * self.hop - margin, frames.stop * self.hop + margin
        return self._mel.frames(np.float32(factor) * self._padded(clip, start, stop))

    def _measured_pitch(self, clip: int, frames: slice) -> np.ndarray:
        assert self._pitch is not None
        size = self._pitch.block_frames
        first, last = frames.start // size, -(-frames.stop // size)
        blocks = np.concatenate([self._pitch_block(clip, block) for block in range(first, last)])
        return blocks[frames.start - first * size : frames.stop - first * size]

    def _read_pitch_block(self, clip: int, block: int) -> np.ndarray:
        assert self._pitch is not None
        size, margin = self._pitch.block_frames * self.hop, self._pitch.margin
        return self._pitch.block(self._padded(clip, block * size - margin, (block + 1) * size + margin))

    def _padded(self, clip: int, start: int, stop: int) -> np.ndarray:
        """Samples ``start`` to ``stop``, zero where the clip has none."""
        length = int(self._source.extents[clip])
        first, last = min(max(start, 0), length), min(max(stop, 0), length)
        return np.pad(self._source.read(clip, first, last), (first - start, stop - last))

    def _vector(self, clip: int) -> np.ndarray:
        options = self._config.conditioning
        return check_vector(self._array(clip, options.vector_suffix), options.vector_channels, self._name(clip))

    def _file(self, clip: int) -> np.ndarray:
        features = self._config.features
        array = self._array(clip, features.file_suffix)
        return check_features(array, int(self._source.extents[clip]), self._config, self._name(clip))

    def _open(self, clip: int, suffix: str) -> np.ndarray:
        path = self._source.beside(clip, suffix)
        if path is None:
            raise ValueError(f"{self._name(clip)} is no file, so no array {suffix} lies beside it; choose a data_dir")
        return read_array(path)

    def _name(self, clip: int) -> str:
        return self._source.names[clip]


def with_classes(config: WaveNetConfig, source: Source) -> WaveNetConfig:
    """The config with the classes of the data set, where the network listens to classes and none are named yet.

    Raises:
      ValueError: the data set has no classes.
    """
    options = config.conditioning
    if not options.condition_on_classes or options.classes:
        return config
    if not source.classes:
        raise ValueError("condition_on_classes needs clips with classes; say with label_from where they come from")
    return dataclasses.replace(config, conditioning=dataclasses.replace(options, classes=tuple(source.classes)))


def stacked(rows: Sequence[Conditions]) -> Conditions:
    """The conditions of several streams as those of a batch."""
    return Conditions(*(None if part[0] is None else np.stack(part) for part in zip(*rows, strict=True)))


def silence(config: WaveNetConfig) -> np.ndarray:
    """The features of a frame beyond a clip: ``[C]`` float32."""
    parts = []
    for name in config.features.local_features:
        if name == "mel":
            parts.append(LogMel.of(config).silence)
        else:
            parts.append(np.zeros(2 if name == "f0" else config.features.file_channels))
    return np.concatenate(parts).astype(np.float32)


def class_ids(config: WaveNetConfig, labels: Sequence[Sequence[str]]) -> np.ndarray:
    """Ids of the classes of each stream, from 1, as FAMILY=NAME: ``[B, families]`` int32.

    Raises:
      ValueError: a family is missing, or there is a class that the network does not know.
    """
    families = config.conditioning.families
    ids = np.zeros((len(labels), len(families)), np.int32)
    for row, given in enumerate(labels):
        by_family = dict(label.split("=", 1) for label in given)
        for column, (family, names) in enumerate(families.items()):
            name = by_family.get(family)
            if name not in names:
                shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
                raise ValueError(f"the network knows the classes {shown} of family {family!r}, got {name}")
            ids[row, column] = names.index(name) + 1
    return ids


def read_array(path: str) -> np.ndarray:
    """An array of numbers in a .npy file, not yet in memory.

    Raises:
      ValueError: there is none, or it is not one.
    """
    try:
        array = np.load(os.fsencode(path), mmap_mode="r", allow_pickle=False)
    except OSError as error:
        raise ValueError(
            f"array {show(path)} cannot be read: {error.strerror or error}; make one for each clip"
        ) from None
    except (ValueError, EOFError) as error:
        raise ValueError(f"{show(path)} is no .npy file of numbers: {error}") from None
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu":
        raise ValueError(f"{show(path)} must hold one array of numbers")
    return array


def check_features(array: np.ndarray, samples: int, config: WaveNetConfig, name: str) -> np.ndarray:
    """The features of a clip of so many samples, ``[F, C]``, or ``ValueError`` where they do not fit."""
    channels, hop = config.features.file_channels, config.features.hop_samples
    if array.ndim != 2 or array.shape[1] != channels:
        raise ValueError(f"the features of {name} must be of shape [frames, {channels}], got {list(array.shape)}")
    frames = -(-samples // hop)
    if abs(len(array) - frames) > 1:
        raise ValueError(
            f"the features of {name} must be {frames} frames of {hop} samples, give or take one, got {len(array)}"
        )
    return array


def check_vector(array: np.ndarray, channels: int, name: str) -> np.ndarray:
    """The vector of a clip, float32 ``[V]``, or ``ValueError`` where it does not fit."""
    if array.shape != (channels,):
        raise ValueError(f"the vector of {name} must be of shape [{channels}], got {list(array.shape)}")
    vector = np.asarray(array, np.float32)
    if not np.isfinite(vector).all():
        raise ValueError(f"the vector of {name} must hold finite numbers")
    return vector


def _cut(array: np.ndarray, frames: slice) -> np.ndarray:
    """Rows of an array that may be one frame too short, whose last row is then taken twice."""
    rows = np.asarray(array[frames.start : frames.stop], np.float32)
    missing = frames.stop - frames.start - len(rows)
    if missing:
        rows = np.concatenate([rows, np.asarray(array[-1:], np.float32)])
    if not np.isfinite(rows).all():
        raise ValueError(f"features must be finite numbers; frames {frames.start} to {frames.stop} are not")
    return rows
