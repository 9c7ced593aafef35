"""The conditions of clips: those of a data set, a single recording's, and arrays of features from a file."""

import dataclasses
import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from wavenet_jax.arithmetic import ceil_div
from wavenet_jax.conditions import frame_conditions, read_array, stream_conditions
from wavenet_jax.config import RunConfig, WaveNetConfig
from wavenet_jax.data.excerpt import Excerpt
from wavenet_jax.data.source import Skipped, Source
from wavenet_jax.typing import Conditions

_DOUBTED = 0.25
"""Share of the range of measured features by which others may leave it without a word."""

_REFUSED = 1.0
"""Share of that range beyond which they are certainly something else."""


@dataclasses.dataclass(frozen=True, eq=False)
class _SourceClip:
    """A clip of a source, for the conditions; equal to every other one of the same recording."""

    source: Source
    number: int

    @property
    def name(self) -> str:
        return self.source.names[self.number]

    @property
    def extent(self) -> int:
        return int(self.source.extents[self.number])

    @property
    def labels(self) -> tuple[str, ...]:
        return self.source.labels[self.number]

    def beside(self, suffix: str) -> str | None:
        return self.source.beside(self.number, suffix)

    def read(self, start: int, stop: int) -> np.ndarray:
        return self.source.read(self.number, start, stop)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SourceClip) and self.source is other.source and self.number == other.number

    def __hash__(self) -> int:
        return hash((id(self.source), self.number))


class Describer:
    """Describes what a network is conditioned on: pieces of a source's clips, and arrays of features.

    A recording outside of any data set is a source as well: see ``open_clip``.
    """

    def __init__(
        self,
        config: WaveNetConfig,
        source: Source | None = None,
        streams: Collection[str] | None = None,
        feature_dir: Path | None = None,
    ) -> None:
        """
        Args:
          config: the network.
          source: the clips; default: none, for a describer of arrays alone.
          streams: names of the stream conditions that are taken from the clips; default: all of the network.
          feature_dir: folder of arrays that take the place of measured frames; clips without one are measured.

        Raises:
          ValueError: a clip has a class that the network does not have, or an array that is missing or does not fit.
        """
        self.hop = config.hop
        self._config = config
        self._frame_conditions = frame_conditions(config)
        self._stream_conditions = {
            name: condition
            for name, condition in stream_conditions(config).items()
            if streams is None or name in streams
        }
        self._source = source
        self._given_frames = {} if feature_dir is None or source is None else dict(self._frames_in(feature_dir, source))
        for clip in _clips(source) if source is not None else ():
            for stream_condition in self._stream_conditions.values():
                stream_condition.of_clip(clip)
            for frame_condition in self._frame_conditions if clip.number not in self._given_frames else ():
                frame_condition.check(clip)

    def __call__(self, clip: int, start: int, stop: int, factor: float | np.floating = 1.0) -> Conditions:
        """Describes samples ``start`` to ``stop`` of a clip, both multiples of the hop, without the batch axis.

        ``stop`` may lie beyond the clip's end. ``factor`` multiplies the waveform.
        """
        assert self._source is not None
        recording = _SourceClip(self._source, clip)
        around, frames = self._config.conditioning, None
        if self._frame_conditions:
            first, last = start // self.hop - around.frames_before, stop // self.hop + around.frames_after
            frames = self.frames(clip, first, last, factor)
        return Conditions(
            {name: condition.of_clip(recording) for name, condition in self._stream_conditions.items()}, frames
        )

    def frames(self, clip: int, first: int, last: int, factor: float | np.floating = 1.0) -> np.ndarray:
        """Measures frames ``first`` to ``last``: float32 ``[last - first, C]``; silence beyond the clip."""
        assert self._source is not None
        recording = _SourceClip(self._source, clip)
        count = ceil_div(recording.extent, self.hop)
        inside = slice(max(first, 0), max(min(last, count), max(first, 0)))
        result = np.tile(self.silence, (last - first, 1))
        if clip in self._given_frames:
            result[inside.start - first : inside.stop - first] = self._given_frames[clip][inside]
        elif inside.start < inside.stop:
            parts = [
                condition.frames(recording, inside.start, inside.stop, factor) for condition in self._frame_conditions
            ]
            result[inside.start - first : inside.stop - first] = np.concatenate(parts, axis=1)
        return result

    def _frames_in(self, folder: Path, source: Source) -> Iterator[tuple[int, np.ndarray]]:
        """Maps the arrays of a folder; yields the number of each clip that has one, and its frames."""
        channels = self._config.features.channels
        for clip, path in enumerate(_arrays_in(folder, source)):
            if not path.is_file():
                continue
            frames, count = read_array(str(path)), ceil_div(int(source.extents[clip]), self.hop)
            if frames.shape != (count, channels) or not np.isfinite(frames).all():
                raise ValueError(
                    f"the features in {path} must be finite numbers of shape [{count}, {channels}], got "
                    f"{list(frames.shape)}; make them anew for this network"
                )
            yield clip, frames

    @property
    def silence(self) -> np.ndarray:
        """The features of a frame beyond a clip: float32 ``[C]``."""
        return np.concatenate([condition.silence for condition in self._frame_conditions]).astype(np.float32)

    def file(self, path: str) -> tuple[np.ndarray, list[str]]:
        """Reads features from a .npy file: see ``array``.

        Raises:
          ValueError: it cannot be read, was measured in another way, or cannot be features of this network.
        """
        array = read_array(path)
        _compare_description(Path(path), self._config)
        return self.array(array, path)

    def array(self, features: np.ndarray, name: str = "the array") -> tuple[np.ndarray, list[str]]:
        """Surrounds features ``[F, C]`` with silence: ``[before + F + after, C]``; tells what is doubtful of them.

        Raises:
          ValueError: they cannot be features of this network.
        """
        frames = np.asarray(features, np.float32)
        channels = self._config.features.channels
        if frames.ndim != 2 or frames.shape[1] != channels:
            raise ValueError(f"the features in {name} must be of shape [frames, {channels}], got {list(frames.shape)}")
        if not len(frames) or not np.isfinite(frames).all():
            raise ValueError(f"the features in {name} must be at least one frame of finite numbers")
        around = self._config.conditioning
        before, after = (np.tile(self.silence, (count, 1)) for count in (around.frames_before, around.frames_after))
        return np.concatenate([before, frames, after]), list(self._doubts(frames, name))

    def _doubts(self, frames: np.ndarray, where: str) -> Iterator[str]:
        """Compares features with the numbers that measured ones can hold; yields a line for each that is far off.

        Raises:
          ValueError: they are so far off that they are certainly something else.
        """
        names = self._config.features.local_features
        widths = [condition.width(self._config.features) for condition in self._frame_conditions]
        columns = np.split(frames, np.cumsum(widths)[:-1], axis=1)
        for name, condition, own in zip(names, self._frame_conditions, columns, strict=True):
            if condition.limits is None:
                continue
            low, high = condition.limits
            least, most = float(own.min()), float(own.max())
            beyond = max(low - least, most - high) / (high - low)
            line = (
                f"the {name} features in {where} range from {least:.4g} to {most:.4g}, but those that the network was "
                f"trained on lie between {low:.4g} and {high:.4g}"
            )
            if beyond > _REFUSED:
                raise ValueError(f"{line}; measure them with the network's own options")
            if beyond > _DOUBTED:
                yield line


def with_classes(config: WaveNetConfig, source: Source) -> WaveNetConfig:
    """Returns the config with the data set's classes, where it is conditioned on classes and names none yet.

    Raises:
      ValueError: the data set has no classes.
    """
    options = config.conditioning
    if not options.condition_on_classes or options.classes:
        return config
    if not source.classes:
        raise ValueError("condition_on_classes needs clips with classes; say with label_from where they come from")
    return dataclasses.replace(config, conditioning=dataclasses.replace(options, classes=tuple(source.classes)))


def usable(config: WaveNetConfig, source: Source, feature_dir: Path | None = None) -> Source:
    """Leaves out the clips that the network cannot be conditioned on, such as those of a class that came later.

    They are named among those ``skipped``, each with its reason; there may be no clip left.

    Args:
      config: the network.
      source: the clips.
      feature_dir: as ``Describer`` gets it; clips without an array are left out where the network cannot do without.

    Raises:
      ValueError: ``feature_dir`` is no folder.
    """
    problems = {}
    if config.conditioning.classes or not config.conditioning.condition_on_classes:  # else they come from the source
        conditions = stream_conditions(config).values()
        problems = {
            clip.number: problem
            for clip in _clips(source)
            for condition in conditions
            if (problem := condition.problem(clip)) is not None
        }
    if feature_dir is not None and _is_told(config):
        missing = [clip for clip, path in enumerate(_arrays_in(feature_dir, source)) if not path.is_file()]
        problems |= dict.fromkeys(missing, f"has no array in feature_dir {feature_dir}")
    if not problems:
        return source
    return Excerpt(
        source,
        [clip for clip in range(len(source)) if clip not in problems],
        also_skipped=[Skipped(source.names[clip], problem) for clip, problem in problems.items()],
    )


def check_feature_dir(config: RunConfig) -> None:
    """Raises ``ValueError`` where a run can only learn from arrays of frames, and no ``feature_dir`` is given."""
    if _is_told(config.model) and config.data.feature_dir is None:
        names = ", ".join(config.model.features.local_features)
        raise ValueError(
            f"feature_dir is required for local_features={names}: phones cannot be measured from a recording; write "
            "them with wavenet features --phones"
        )


def describer_of_judged(config: RunConfig, source: Source) -> Describer:
    """Returns the describer of clips that a run is judged on: they are measured, unless their sound does not tell all.

    Raises:
      ValueError: see ``Describer``.
    """
    return Describer(config.model, source, feature_dir=config.data.feature_folder if _is_told(config.model) else None)


def stacked(rows: Sequence[Conditions]) -> Conditions:
    """Joins the conditions of streams into those of a batch; shorter ones repeat their last frame."""
    streams = {name: np.stack([row.streams[name] for row in rows]) for name in rows[0].streams}
    if rows[0].frames is None:
        return Conditions(streams)
    longest = max(len(row.frames) for row in rows)
    missing = [((0, longest - len(row.frames)), (0, 0)) for row in rows]
    return Conditions(
        streams, np.stack([np.pad(row.frames, pad, mode="edge") for row, pad in zip(rows, missing, strict=True)])
    )


def description(config: WaveNetConfig) -> dict[str, object]:
    """Returns everything that decides the numbers in a file of features, to be stored beside it and compared."""
    result: dict[str, object] = {
        "local_features": list(config.features.local_features),
        "sample_rate": config.sample_rate,
        "hop_samples": config.features.hop_samples,
    }
    for condition in frame_conditions(config):
        result |= condition.description()
    return result


def sidecar(path: Path) -> Path:
    """Returns the path of the description of a file of features."""
    return path.with_suffix(".json")


def _clips(source: Source) -> Iterator[_SourceClip]:
    return (_SourceClip(source, number) for number in range(len(source)))


def _is_told(config: WaveNetConfig) -> bool:
    """True if a part of the frames cannot be measured from recordings."""
    return not all(condition.measured for condition in frame_conditions(config))


def _arrays_in(folder: Path, source: Source) -> list[Path]:
    """Returns where the array of each clip lies in a ``feature_dir``; there may be none."""
    if not folder.is_dir():
        raise ValueError(f"feature_dir {folder} is not a folder; make one with wavenet features")
    return [(folder / name).with_suffix(".npy") for name in source.names]


def _compare_description(path: Path, config: WaveNetConfig) -> None:
    """Raises ``ValueError`` where the file beside the features says that they were measured in another way."""
    beside = sidecar(path)
    if not beside.is_file():
        return
    try:
        stated = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{beside} is not JSON: {error}; delete it if the features are right") from None
    for name, value in description(config).items():
        if isinstance(stated, dict) and stated.get(name, value) != value:
            raise ValueError(f"{path} was made with {name}={stated[name]}, but the network needs {name}={value}")
