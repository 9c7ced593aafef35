"""Recordings in folders as a source."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from wavenet_jax.audio.files import AudioFileError, mono_piece, show
from wavenet_jax.conditions import ClassCondition
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import holding_out
from wavenet_jax.data.files.cache import CacheFolder, PcmCache
from wavenet_jax.data.files.listing import GENERATED, LeftOut, left_out
from wavenet_jax.data.files.manifest import Progress, ScannedFile, survey
from wavenet_jax.data.files.places import Found, resolved
from wavenet_jax.data.files.scan import Listening, Scan, cache_key, scan
from wavenet_jax.data.labels import labeller, transcriber
from wavenet_jax.data.prepare import Preparation, preparation
from wavenet_jax.data.source import ListedSource, Skipped
from wavenet_jax.data.splits import splitter
from wavenet_jax.model import receptive_field


class Recording(NamedTuple):
    """A file of a data set, usable or not."""

    name: str
    """The relative name, after its folder's name where there are several; printable."""
    split: str
    labels: tuple[str, ...]
    """Its class in each family, as FAMILY=NAME."""
    transcript: str | None
    file: Found
    scan: Scan
    preparation: Preparation
    problem: str | None
    """The reason why it is not used."""


class Clip(NamedTuple):
    """A recording or a part of it, as a split has it."""

    name: str
    split: str
    recording: Recording
    preparation: Preparation


class FolderSource(ListedSource):
    """The usable recordings of one split. Nothing is kept open and nothing is kept in memory but names and lengths."""

    def __init__(
        self,
        clips: Sequence[Clip],
        listening: Listening,
        cache: PcmCache,
        *,
        skipped: Sequence[Skipped] = (),
        classes: Sequence[str] = (),
        notes: Sequence[str] = (),
    ):
        """
        Args:
          clips: of usable recordings.
          listening: how the recordings were read.
          cache: holds those that cannot be read in place.
          skipped: the other recordings of this split.
          classes: all classes of the data set, over all splits, as FAMILY=NAME.
          notes: what a user should know of the data set.
        """
        super().__init__(
            names=[clip.name for clip in clips],
            lengths=[clip.preparation.stop - clip.preparation.start for clip in clips],
            labels=[clip.recording.labels for clip in clips],
        )
        self._clips = clips
        self._listening = listening
        self._cache = cache
        self._skipped = skipped
        self._classes = classes
        self._notes = notes

    @property
    def skipped(self) -> Sequence[Skipped]:
        return self._skipped

    @property
    def notes(self) -> Sequence[str]:
        return self._notes

    @property
    def classes(self) -> Sequence[str]:
        return self._classes

    @property
    def transcripts(self) -> Sequence[str | None]:
        """The transcript of each clip that has one."""
        return [clip.recording.transcript for clip in self._clips]

    def beside(self, clip: int, suffix: str) -> str | None:
        """Returns the path of what lies beside a local recording: its own with another end instead of its extension."""
        file = self._clips[clip].recording.file
        return os.path.splitext(file.path)[0] + suffix if file.is_local else None

    def read(self, clip: int, start: int, stop: int) -> np.ndarray:
        """Reads samples ``start`` to ``stop`` of a clip: float32 ``[stop - start]``; ``0 <= start <= stop <= length``.

        Raises:
          ValueError: the file is out of reach, or has changed since it was scanned.
        """
        recording, prepared = self._clips[clip].recording, self._clips[clip].preparation
        context = min(prepared.context, start)
        first, last = prepared.start + start - context, prepared.start + stop
        read = self._cached if recording.scan.cached else self._in_place
        try:
            raw = read(recording, first, last)
        except AudioFileError as error:
            raise ValueError(
                f"{show(recording.file.path)}: {error}; it was there, and whole, when this program started. Bring it "
                "back and start the same command again, which resumes; without it, the data set is another"
            ) from None
        return prepared.apply(raw)[context:]

    def _in_place(self, recording: Recording, first: int, last: int) -> np.ndarray:
        piece = mono_piece(recording.file.path, first, last, self._listening.channel)
        if len(piece) < last - first:
            raise AudioFileError(f"ends before sample {last}, although it had {recording.scan.samples}")
        return piece

    def _cached(self, recording: Recording, first: int, last: int) -> np.ndarray:
        file, key = recording.file, cache_key(recording.file, self._listening)
        try:
            return self._entry(key, first, last)
        except FileNotFoundError:  # another program has made room for itself
            _check_unchanged(file)
        problem = scan(file, self._listening, self._cache).problem
        if problem:
            raise AudioFileError(problem)
        try:
            return self._entry(key, first, last)
        except FileNotFoundError:
            raise AudioFileError("cannot be kept decoded: the cache is too small or is being emptied") from None

    def _entry(self, key: str, first: int, last: int) -> np.ndarray:
        piece = self._cache.read(key, first, last)
        if len(piece) < last - first:
            raise FileNotFoundError
        return piece


def _check_unchanged(file: Found) -> None:
    if not file.is_local:  # fetching it compares its size
        return
    try:
        status = os.stat(file.path)
    except OSError as error:
        raise AudioFileError(f"cannot be opened: {error.strerror}") from None
    if (status.st_size, status.st_mtime_ns) != (file.size, file.mtime_ns):
        raise AudioFileError("has another size or time")


@dataclass(frozen=True)
class Collection:
    """All recordings of a data set's folders, usable or not."""

    recordings: Sequence[Recording]
    clips: Sequence[Clip]
    """Usable recordings; a single one may be divided into several."""
    classes: Sequence[str]
    listening: Listening
    cache: PcmCache
    left_out: Sequence[LeftOut]
    """Things in the folders that are not data."""
    notes: Sequence[str]
    """Lines that a user should read, those on what is left out among them."""

    def split(self, *splits: str) -> FolderSource:
        """Returns the recordings of one split, or of several together."""
        return FolderSource(
            [clip for clip in self.clips if clip.split in splits],
            self.listening,
            self.cache,
            skipped=[Skipped(r.name, r.problem) for r in self.recordings if r.problem and r.split in splits],
            classes=self.classes,
            notes=self.notes,
        )


def collect(data: DataConfig, model: WaveNetConfig, progress: Progress | None = None) -> Collection:
    """Finds, and where necessary scans, all recordings of ``data.data_dir``.

    Args:
      data: the folders, and all that is asked of them.
      model: its sample rate, its classes, and the receptive field that clips must not be shorter than.
      progress: see ``Progress``.

    Raises:
      ValueError: a folder, list or table is not there or fits no file, a class cannot be kept, or there is no audio.
    """
    place = CacheFolder.of(data.cache_dir)
    cache = PcmCache(place, data.cache_gib)
    listening = Listening(model.sample_rate, data.channel, 10 ** (data.trim_threshold_db / 20))
    scanned, left = _scanned(data, listening, place, cache, progress)
    if not any(scanned):
        where = ", ".join(show(folder) for folder in data.data_dir)
        besides = "".join(f"; {kind}" for kind in left)
        raise ValueError(f"data_dir {where} holds no audio files; choose another folder, or widen include{besides}")
    notes = [str(kind) for kind in left]
    recordings = _described(data, model, scanned, notes)
    recordings, clips = _held_out(recordings, data, model, notes)
    if place.note:
        notes.append(place.note)
    classes = sorted({label for r in recordings if r.problem is None for label in r.labels})
    return Collection(recordings, clips, classes, listening, cache, left, list(dict.fromkeys(notes)))


def _scanned(
    data: DataConfig, listening: Listening, place: CacheFolder, cache: PcmCache, progress: Progress | None
) -> tuple[list[list[ScannedFile]], list[LeftOut]]:
    """The files of each folder, and what is left out of all of them."""
    scanned = []
    left: dict[str, LeftOut] = {}
    for folder in data.data_dir:
        files, skipped = survey(folder, data, listening, place, cache, progress)
        generated = [scanned_file.file.name for scanned_file in files if scanned_file.scan.generated]
        for kind in [*skipped, *left_out({GENERATED: generated})]:
            before = left.get(kind.kind)
            left[kind.kind] = kind if before is None else before._replace(total=before.total + kind.total)
        scanned.append([scanned_file for scanned_file in files if not scanned_file.scan.generated])
    return scanned, list(left.values())


def _described(
    data: DataConfig, model: WaveNetConfig, scanned: Sequence[Sequence[ScannedFile]], notes: list[str]
) -> list[Recording]:
    names = [[file.name for file, _ in files] for files in scanned]
    folders = list(zip(data.data_dir, names, strict=True))
    split_of = splitter(folders, data, notes.append)
    least = receptive_field(model)
    trained = model.conditioning.condition_on_classes and model.conditioning.classes
    classes = ClassCondition(model) if trained else None
    recordings = []
    for number, (folder, prefix) in enumerate(zip(data.data_dir, _prefixes(data.data_dir), strict=True)):
        if not names[number]:
            continue
        labels_of = labeller(folder, data, names[number], notes.append)
        transcript_of = transcriber(folder, data, names[number], notes.append)
        for file, result in scanned[number]:
            name = show(prefix + file.name)
            prepared = preparation(result, data, model.sample_rate)
            labels = labels_of(file.name)
            _check_classes(labels or (), name, data)
            problem = result.problem or _too_short(prepared, least) or _unlabelled(labels, data, classes)
            split, transcript = split_of(number, file.name), transcript_of(file.name)
            recordings.append(Recording(name, split, labels or (), transcript, file, result, prepared, problem))
    return recordings


def _prefixes(folders: Sequence[str]) -> list[str]:
    """Makes the beginnings of names that keep the files of several folders apart."""
    if len(folders) == 1:
        return [""]
    names = [os.path.basename(resolved(folder)) for folder in folders]
    return [
        f"{name}-{names[: number + 1].count(name)}/" if names.count(name) > 1 else f"{name}/"
        for number, name in enumerate(names)
    ]


def _held_out(
    recordings: list[Recording], data: DataConfig, model: WaveNetConfig, notes: list[str]
) -> tuple[list[Recording], list[Clip]]:
    """Fills a side that the files' names leave empty, and says so."""
    usable = [number for number, recording in enumerate(recordings) if recording.problem is None]
    files = [
        holding_out.Usable(r.file.name, r.preparation.stop - r.preparation.start, r.split)
        for r in (recordings[number] for number in usable)
    ]
    recordings = list(recordings)
    if len(usable) > 1:
        for index, split in holding_out.balanced(files, data).items():
            recordings[usable[index]] = moved = recordings[usable[index]]._replace(split=split)
            notes.append(
                f"held out for {split}: {moved.name}, as its share of {getattr(data, f'{split}_fraction'):g} of "
                f"{len(usable)} files chose none"
                if split != "train"
                else f"trained on: {moved.name}, as the shares that are held out chose all {len(usable)} files"
            )
    elif usable and holding_out.held_out_sides(data) and not (data.validation_files or data.test_files):
        only = recordings[usable[0]] = recordings[usable[0]]._replace(split="train")
        return recordings, _divided(only, data, model, notes)
    return recordings, [Clip(r.name, r.split, r, r.preparation) for r in recordings if r.problem is None]


def _divided(only: Recording, data: DataConfig, model: WaveNetConfig, notes: list[str]) -> list[Clip]:
    """The one usable recording, with its end held out."""
    prepared = only.preparation
    parts = holding_out.divided(prepared.stop - prepared.start, data, receptive_field(model))
    if "file" in model.features.local_features:  # the arrays beside files are of whole files
        parts = [holding_out.Part("train", "", 0, prepared.stop - prepared.start)]
    clips = []
    for part in parts:
        cut = prepared._replace(start=prepared.start + part.start, stop=prepared.start + part.stop)
        clips.append(Clip(only.name + part.suffix, part.split, only, cut))
        if part.split != "train":
            seconds = (part.stop - part.start) / model.sample_rate
            notes.append(f"held out for {part.split}: {seconds:.2f} s at the end of {only.name}, as {clips[-1].name}")
    if len(parts) == 1:
        notes.append(f"nothing is held out: {only.name} is the only file, and cannot be divided; add recordings")
    return clips


def refuse_unusable(collection: Collection, data: DataConfig) -> None:
    """Raises ``ValueError``, in one line, where there is nothing to learn from."""
    where = ", ".join(show(folder) for folder in data.data_dir)
    problems = Counter(recording.problem for recording in collection.recordings)
    if None not in problems:
        ((problem, count),) = problems.most_common(1)
        if problem == _NO_FOLDER:
            above = ", ".join(sorted({show(os.path.dirname(resolved(folder))) for folder in data.data_dir}))
            raise ValueError(
                f"no file in data_dir {where} lies in a folder of its class, as label_from=folder needs; give the "
                f"folder above: {above}"
            )
        raise ValueError(
            f"none of the {len(collection.recordings)} audio files in data_dir {where} can be used; most often "
            f"({count}) a file {problem}; experiments.audit with the same flags lists them all"
        )


def _too_short(prepared: Preparation, least: int) -> str | None:
    samples = prepared.stop - prepared.start
    if samples >= least:
        return None
    return "holds a single sample" if samples == 1 else f"is shorter than the receptive field ({least} samples)"


_NO_FOLDER = "has no class by its folder"


def _unlabelled(labels: tuple[str, ...] | None, data: DataConfig, classes: ClassCondition | None) -> str | None:
    if data.label_from is None:
        return None
    if labels is None:
        return f"has no class by its {data.label_from}"
    return None if classes is None else classes.problem_of(labels)


def _check_classes(labels: Sequence[str], name: str, data: DataConfig) -> None:
    """Raises ``ValueError`` for a class whose name a run could not keep, before anything is written."""
    for label in labels:
        family, _, value = label.partition("=")
        if value != value.strip() or not value:
            remedy = {"folder": "rename the folder", "pattern": "change label_pattern"}.get(
                str(data.label_from), "change label_table"
            )
            raise ValueError(f"{family} {value!r} of {name} begins or ends with a blank; {remedy}")
