"""Recordings in folders as a source."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wavenet_jax.audio.files import AudioFileError, mono_piece, show
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data.cache import PcmCache, user_cache_dir
from wavenet_jax.data.labels import labeller, transcriber
from wavenet_jax.data.listing import Found
from wavenet_jax.data.manifest import Known, Progress, survey
from wavenet_jax.data.prepare import Preparation, preparation
from wavenet_jax.data.scan import Listening, cache_key, scan
from wavenet_jax.data.source import Skipped
from wavenet_jax.data.splits import splitter


class Recording(NamedTuple):
    """A file of a data set, usable or not."""

    name: str
    """The relative name, behind its folder's name where there are several; printable."""
    split: str
    labels: tuple[str, ...]
    """Its class in each family, as FAMILY=NAME."""
    transcript: str | None
    known: Known
    preparation: Preparation
    problem: str | None
    """Why it is not used."""


class FolderSource:
    """The usable recordings of one split. Nothing is kept open and nothing is kept in memory but names and lengths."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        skipped: Sequence[Skipped],
        classes: Sequence[str],
        listening: Listening,
        cache: PcmCache,
    ):
        """
        Args:
          recordings: usable ones.
          skipped: the others of this split.
          classes: all classes of the data set, over all splits, as FAMILY=NAME.
          listening: how the recordings were listened to.
          cache: holds those that cannot be read in place.
        """
        self.names = [recording.name for recording in recordings]
        self.lengths = np.array([r.preparation.stop - r.preparation.start for r in recordings], np.int64)
        self.extents = self.lengths
        self.skipped = skipped
        self.classes = classes
        self.labels = [recording.labels for recording in recordings]
        self.transcripts = [recording.transcript for recording in recordings]
        self._recordings = recordings
        self._listening = listening
        self._cache = cache

    def __len__(self) -> int:
        return len(self._recordings)

    def beside(self, clip: int, suffix: str) -> str:
        """The path of what lies beside a recording: its own with another end instead of its extension."""
        return os.path.splitext(self._recordings[clip].known.file.path)[0] + suffix

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        """Samples ``start`` to ``stop`` of a clip: float32 ``[stop - start]``; ``0 <= start <= stop <= length``.

        Raises:
          ValueError: the file has changed since it was listened to.
        """
        _, _, _, _, known, prepared, _ = self._recordings[clip]
        context = min(prepared.context, start)
        first, last = prepared.start + start - context, prepared.start + stop
        try:
            raw = self._cached(known.file, first, last) if known.scan.cached else self._in_place(known, first, last)
        except AudioFileError as error:
            raise ValueError(f"{show(known.file.path)}: {error}; it has changed in the meantime, start again") from None
        return prepared.apply(raw)[context:]

    def _in_place(self, known: Known, first: int, last: int) -> np.ndarray:
        piece = mono_piece(known.file.path, first, last, self._listening.channel)
        if len(piece) < last - first:
            raise AudioFileError(f"ends before sample {last}, although it had {known.scan.samples}")
        return piece

    def _cached(self, file: Found, first: int, last: int) -> np.ndarray:
        key = cache_key(file, self._listening)
        try:
            return self._cache.read(key, first, last)
        except FileNotFoundError:  # another program has made room for itself
            status = os.stat(file.path)
            if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
                raise AudioFileError("has another size or time") from None
            scan(file, self._listening, self._cache)
            return self._cache.read(key, first, last)


@dataclass(frozen=True)
class Collection:
    """All recordings of a data set's folders, usable or not."""

    recordings: Sequence[Recording]
    classes: Sequence[str]
    listening: Listening
    cache: PcmCache

    def split(self, *splits: str) -> FolderSource:
        """The recordings of one split, or of several together."""
        mine = [recording for recording in self.recordings if recording.split in splits]
        return FolderSource(
            [recording for recording in mine if recording.problem is None],
            [Skipped(recording.name, recording.problem) for recording in mine if recording.problem is not None],
            self.classes,
            self.listening,
            self.cache,
        )


def collect(data: DataConfig, model: WaveNetConfig, progress: Progress | None = None) -> Collection:
    """Finds, and where necessary listens to, all recordings of ``data.data_dir``.

    Args:
      data: the folders, and all that is asked of them.
      model: its sample rate, and the receptive field that clips must not be shorter than.
      progress: see ``Progress``.

    Raises:
      ValueError: a folder, list or table is not there, there is no audio file, or the cache cannot be written to.
    """
    cache_dir = Path(data.cache_dir) if data.cache_dir else user_cache_dir()
    cache = PcmCache(cache_dir, data.cache_gib)
    listening = Listening(model.sample_rate, data.channel, 10 ** (data.trim_threshold_db / 20))
    recordings = []
    for folder in data.data_dir:
        split_of, labels_of, transcript_of = splitter(folder, data), labeller(folder, data), transcriber(folder, data)
        prefix = f"{os.path.basename(os.path.realpath(folder))}/" if len(data.data_dir) > 1 else ""
        for known in survey(folder, data, listening, cache_dir, cache, progress):
            name = known.file.name
            prepared = preparation(known.scan, data, model.sample_rate)
            labels = labels_of(name)
            problem = known.scan.problem or _too_short(prepared, model) or _unlabelled(labels, data)
            recordings.append(
                Recording(
                    show(prefix + name), split_of(name), labels or (), transcript_of(name), known, prepared, problem
                )
            )
    if not recordings:
        where = ", ".join(show(folder) for folder in data.data_dir)
        raise ValueError(f"data_dir {where} holds no audio files; choose another folder, or widen --include")
    classes = sorted({label for r in recordings if r.problem is None for label in r.labels})
    return Collection(recordings, classes, listening, cache)


def refuse_unusable(collection: Collection, folders: Sequence[str]) -> None:
    """Raises ``ValueError``, in one line, where there is nothing to learn from."""
    where = ", ".join(show(folder) for folder in folders)
    problems = Counter(recording.problem for recording in collection.recordings)
    if None not in problems:
        ((problem, count),) = problems.most_common(1)
        raise ValueError(
            f"none of the {len(collection.recordings)} audio files in data_dir {where} can be used; most often "
            f"({count}) a file {problem}; experiments.audit with the same flags lists them all"
        )


def _too_short(prepared: Preparation, model: WaveNetConfig) -> str | None:
    samples = prepared.stop - prepared.start
    if samples >= model.receptive_field:
        return None
    return f"is shorter than the receptive field ({model.receptive_field} samples)"


def _unlabelled(labels: tuple[str, ...] | None, data: DataConfig) -> str | None:
    return f"has no class by its {data.label_from}" if data.label_from is not None and labels is None else None
