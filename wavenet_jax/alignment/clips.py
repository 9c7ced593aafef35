"""The alignments of a data set's clips, computed once and cached."""

import contextlib
import dataclasses
import hashlib
import importlib.util
import json
import os
import re
import time
from collections import ChainMap, Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from wavenet_jax.alignment.forced import SAMPLE_RATE, Aligner, check_language
from wavenet_jax.alignment.learned import PASSES, learn
from wavenet_jax.alignment.segments import Alignment, Segment
from wavenet_jax.audio.files import show
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import SPLITS, Skipped, Source, collect
from wavenet_jax.data import Collection as Collected
from wavenet_jax.data.files.cache import CacheFolder
from wavenet_jax.data.files.manifest import Progress
from wavenet_jax.data.files.places import exists, is_url, joined, resolved
from wavenet_jax.data.folder import Clip
from wavenet_jax.storage import write_whole
from wavenet_jax.text import ENGLISH, Language, Lexicon, Word, sentences

AUTO, FORCED, LEARNED = ALIGNERS = ("auto", "forced", "learned")
"""Aligners by name: pocketsphinx, models learned from the data set, and the first of them that can align it."""

_VERSION = 1
_LEARNED_VERSION = 1
_TABLES = ("transcripts.tsv", "metadata.csv")
_TABLE_DEPTHS = ("*/", "*/*/")
_DOUBTFUL_DEVIATIONS = 3.5
_LEAST_DEVIATION = 0.2
_SQUEEZED = 4
_SHORTEST_SECONDS = 0.0305  # three windows: the shortest phone that the models know
_NOTES = re.compile(r"\[[^\]]*\]|<[^>]*>")
_ASIDES = re.compile(r"\([^)]*\)")


_SAVE_SECONDS = 30.0

_Align = Callable[[np.ndarray, Sequence[Word]], Alignment | None]


@dataclass(frozen=True)
class AlignedData:
    """The alignments of a data set."""

    clips: Mapping[str, Alignment]
    """By the clip's name, without the doubtful ones."""
    doubtful: Mapping[str, Alignment]
    """Alignments of clips whose sound hardly fits their text, by name."""
    doubts: Sequence[Skipped]
    """Reasons for the doubt, by name."""
    refused: Sequence[Skipped]
    """Clips without an alignment, with reasons."""
    guessed: Mapping[str, int]
    """Words whose pronunciation was guessed, and how often they occur."""
    aligner: str = FORCED
    """One of ``ALIGNERS``, without auto."""
    why: str = "was asked for"
    """The reason for that aligner, after its name."""


def align(
    data: DataConfig,
    lexicon: Lexicon | None = None,
    progress: Progress | None = None,
    aligner: str = AUTO,
    only: Collection[str] | None = None,
) -> AlignedData:
    """Aligns the clips of ``data.data_dir`` that have a transcript; alignments in the cache are reused.

    Text in square or angle brackets counts as a note and is not aligned; text in parentheses is aligned or skipped,
    whichever fits the sound better.

    Args:
      data: as for training; ``transcript_table`` defaults to transcripts.tsv or metadata.csv in the folder,
        or in folders in it.
      lexicon: pronounces the words of the transcripts; default: the package's.
      progress: called with the number of steps done so far, and of all: clips to align and, where models are learned,
        passes over them.
      aligner: one of ``ALIGNERS``: forced is pocketsphinx (English; the extra [align]), learned needs nothing but the
        clips, 40 seconds of speech or more; auto is forced where it can align the data set, else learned.
      only: names of the clips to align, such as those of one language; default: all.

    Raises:
      ValueError: there is no such folder, table or aligner, the extra [align] is missing, pocketsphinx is asked for
        another language than English, there is too little speech to learn from, or no clip can be aligned.
    """
    if aligner not in ALIGNERS:
        raise ValueError(f"aligner must be one of {', '.join(ALIGNERS)}, got {aligner!r}; choose another")
    lexicon = lexicon or Lexicon()
    if aligner == FORCED:
        check_language(lexicon.language)
    plain = as_aligned(with_transcripts(data))
    collection = collect(plain, WaveNetConfig(sample_rate=SAMPLE_RATE, dilation_cycle=(1,)))
    work = _Work.of(collection, lexicon, only)
    chosen, why = _chosen(aligner, work, plain)
    kept = _Kept(plain, chosen, work)
    found, unfit = _aligned(work, kept, chosen, progress)
    refused = [*work.refused, *unfit]
    if not found:
        name, reason = refused[0] if refused else ("none", "there are no clips")
        raise ValueError(
            f"no clip of data_dir {show(data.data_dir[0])} can be aligned; the first one, {name}, {reason}"
        )
    doubts = list(_doubts(found))
    doubted = {name for name, _ in doubts}
    return AlignedData(
        {name: found[name] for name in found if name not in doubted},
        {name: found[name] for name in found if name in doubted},
        doubts,
        refused,
        work.guessed,
        chosen,
        why,
    )


def joined_alignments(parts: Sequence[AlignedData]) -> AlignedData:
    """Joins the alignments of parts of a data set, such as its languages."""
    if len(parts) == 1:
        return parts[0]
    return AlignedData(
        dict(ChainMap(*(dict(part.clips) for part in parts))),
        dict(ChainMap(*(dict(part.doubtful) for part in parts))),
        [doubt for part in parts for doubt in part.doubts],
        [refusal for part in parts for refusal in part.refused],
        sum((Counter(part.guessed) for part in parts), Counter[str]()),
        parts[0].aligner,
        parts[0].why,
    )


def as_aligned(data: DataConfig) -> DataConfig:
    """Returns the recordings as they are aligned: as they are heard, and without their classes."""
    return dataclasses.replace(data, pre_emphasis=None, label_from=None, label_pattern=None, label_table=None)


def with_transcripts(data: DataConfig) -> DataConfig:
    """Returns the config with a table of transcripts; raises ``ValueError`` where there is none."""
    if not data.data_dir:
        raise ValueError("data_dir is required: a folder of recordings and their transcripts")
    if data.transcript_table is not None:
        return data
    first = data.data_dir[0]
    for table in _TABLES:
        within = [] if is_url(first) else [Path(first).glob(depth + table) for depth in _TABLE_DEPTHS]
        if exists(joined(first, table)) or any(chain(*within)):
            return dataclasses.replace(data, transcript_table=table)
    raise ValueError(
        f"transcript_table is required, as data_dir {show(data.data_dir[0])} has no {' or '.join(_TABLES)}: a table of "
        "clips and texts, separated by tabs or |"
    )


@dataclass(frozen=True)
class _Work:
    """The clips of a data set that have words."""

    source: Source
    clips: Sequence[tuple[int, Clip, Sequence[Sequence[Word]]]]
    """Each with its number in the source, and the possible readings of its transcript."""
    refused: Sequence[Skipped]
    guessed: Mapping[str, int]
    language: Language
    is_part: bool
    """True where it is a part of the data set."""

    @classmethod
    def of(cls, collection: Collected, lexicon: Lexicon, only: Collection[str] | None) -> "_Work":
        source = collection.split(*SPLITS)
        refused = [Skipped(*skipped) for skipped in source.skipped] if only is None else []
        clips: list[tuple[int, Clip, Sequence[Sequence[Word]]]] = []
        guessed: Counter[str] = Counter()
        for number, clip in enumerate(collection.clips):
            if only is not None and clip.name not in only:
                continue
            readings, reason = _readings(clip, lexicon)
            if reason is not None:
                refused.append(Skipped(clip.name, reason))
                continue
            guessed.update(w.text for w in readings[0] if w.text.islower() and not lexicon.knows(w.text))
            clips.append((number, clip, readings))
        return cls(source, clips, refused, guessed, lexicon.language, only is not None)

    def read(self, place: int) -> np.ndarray:
        """Reads the waveform of a clip by its place in ``clips``."""
        number = self.clips[place][0]
        return self.source.read(number, 0, int(self.source.lengths[number]))


def _chosen(aligner: str, work: _Work, data: DataConfig) -> tuple[str, str]:
    """Returns the aligner that ``aligner`` stands for, and why."""
    if aligner != AUTO:
        return aligner, "was asked for"
    if work.language != ENGLISH:
        return LEARNED, f"was chosen, as pocketsphinx does not know the sounds of {work.language.name}"
    if importlib.util.find_spec("pocketsphinx") is not None:
        return FORCED, "was chosen, as pocketsphinx is installed"
    kept = _Kept(data, FORCED, work)
    if all(kept.find(clip, readings) is not None for _, clip, readings in work.clips):
        return FORCED, "was chosen, as all its alignments are in the cache"
    return LEARNED, "was chosen, as pocketsphinx is missing (the extra [align])"


def _aligned(
    work: _Work, kept: "_Kept", aligner: str, progress: Progress | None
) -> tuple[dict[str, Alignment], list[Skipped]]:
    found: dict[str, Alignment] = {}
    unfit: list[Skipped] = []
    run: _Align | None = None
    before = PASSES if aligner == LEARNED else 0
    total = before + len(work.clips)
    try:
        for place, (_, clip, readings) in enumerate(work.clips):
            alignment = kept.find(clip, readings)
            if alignment is None:
                run = run or _begun(work, aligner, lambda passes: progress and progress(passes, total))
                alignment = kept.add(clip, readings, _best(run, work.read(place), readings))
            if alignment:
                found[clip.name] = alignment
            else:
                unfit.append(Skipped(clip.name, "does not fit its transcript"))
            if progress is not None and run is not None:
                progress(before + place + 1, total)
    finally:
        kept.save()
    return found, unfit


def _begun(work: _Work, aligner: str, progress: Callable[[int], None]) -> _Align:
    """Makes an aligner; one that learns takes the longest reading of each clip."""
    if aligner == FORCED:
        return Aligner()
    return learn([readings[0] for _, _, readings in work.clips], work.read, progress)


def _best(aligner: _Align, waveform: np.ndarray, readings: Sequence[Sequence[Word]]) -> Alignment | tuple[()]:
    """Returns the alignment of the reading that fits the sound best, or an empty tuple."""
    found = [alignment for words in readings if (alignment := aligner(waveform, words)) is not None]
    return max(found, key=lambda alignment: alignment.score, default=())


def _readings(clip: Clip, lexicon: Lexicon) -> tuple[list[list[Word]], str | None]:
    """Returns the possible readings of a transcript as words, or the reason why there are none."""
    if clip.preparation != clip.recording.preparation:
        return [], "is a part of its recording"
    transcript = clip.recording.transcript
    if transcript is None:
        return [], "has no transcript"
    text = _NOTES.sub(" ", transcript)
    readings = []
    for spoken in dict.fromkeys((text, _ASIDES.sub(" ", text))):
        try:
            readings.append([word for sentence in sentences(spoken, lexicon) for word in sentence])
        except ValueError:
            continue
    return readings, None if readings else "has a transcript without words"


def _doubts(found: Mapping[str, Alignment]) -> Iterator[Skipped]:
    """Finds clips that fit their transcripts worse than the others do, or whose words are squeezed together."""
    scores = np.array([alignment.score for alignment in found.values()])
    middle = float(np.median(scores))
    deviation = max(1.4826 * float(np.median(np.abs(scores - middle))), _LEAST_DEVIATION)
    for name, alignment in found.items():
        if alignment.score < middle - _DOUBTFUL_DEVIATIONS * deviation:
            yield Skipped(
                name, f"hardly fits its transcript: score {alignment.score:.2f}, where the others have {middle:.2f}"
            )
        elif (count := _squeezed(alignment.segments)) >= _SQUEEZED:
            yield Skipped(name, f"has {count} phones in a row that are as short as can be: are all its words said?")


def _squeezed(segments: Sequence[Segment]) -> int:
    """Returns the length of the longest run of phones of minimum length."""
    longest = run = 0
    for segment in segments:
        run = run + 1 if segment.phone and segment.stop - segment.start < _SHORTEST_SECONDS else 0
        longest = max(longest, run)
    return longest


class _Kept:
    """The cache of a data set's alignments by one aligner.

    An entry is valid while neither its sound nor its phones change; where the models were learned, those of no clip.
    """

    def __init__(self, data: DataConfig, aligner: str, work: _Work) -> None:
        self._place = CacheFolder.of(data.cache_dir)
        folders = tuple(map(resolved, data.data_dir))
        self._models: tuple[str, ...] = ()
        if aligner == LEARNED:
            every = sorted(self._key(clip, readings) for _, clip, readings in work.clips)
            self._models = (aligner, _digest((_LEARNED_VERSION, every)))
        part = (work.language.code,) if work.is_part else ()
        self._name = f"alignments/{_digest((_VERSION, folders, *self._models[:1], *part))}.json"
        self._old = self._read()
        self._new: dict[str, list] = {}
        self._changed = False
        self._saved = time.monotonic()

    def find(self, clip: Clip, readings: Sequence[Sequence[Word]]) -> Alignment | tuple[()] | None:
        """Returns the cached result: an alignment, an empty tuple where there was none, or None for a new clip."""
        key = self._key(clip, readings)
        row = self._old.get(key)
        if row is None:
            return None
        try:
            found = _from_row(row, readings)
        except (TypeError, ValueError, LookupError):  # a damaged cache is made again
            return None
        self._new[key] = row
        return found

    def add(
        self, clip: Clip, readings: Sequence[Sequence[Word]], alignment: Alignment | tuple[()]
    ) -> Alignment | tuple[()]:
        """Stores an alignment, or the fact that there is none."""
        self._changed = True
        self._new[self._key(clip, readings)] = _to_row(alignment, readings) if alignment else []
        if time.monotonic() > self._saved + _SAVE_SECONDS:  # what is killed has not lost it all
            self._write({**self._old, **self._new})
        return alignment

    def save(self) -> None:
        """Writes the entries that are in use, where the cache folder is permanent."""
        if self._changed:
            self._write(self._new)

    def _key(self, clip: Clip, readings: Sequence[Sequence[Word]]) -> str:
        sound = (clip.recording.scan.digest, *clip.preparation)
        return _digest((sound, [[word.phones for word in words] for words in readings], *self._models))

    def _write(self, rows: Mapping[str, list]) -> None:
        self._saved = time.monotonic()
        if not self._place.lasts:
            return
        with contextlib.suppress(OSError, ValueError):  # such as a full disk; what is not kept is aligned again
            path = self._place.writable() / self._name
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, json.dumps(rows).encode())

    def _read(self) -> dict[str, list]:
        for folder in self._place.readable:
            try:
                rows = json.loads((Path(folder) / self._name).read_bytes())
            except (OSError, ValueError):
                continue
            if isinstance(rows, dict):
                return rows
        return {}


def _digest(value: object) -> str:
    return hashlib.blake2b(os.fsencode(repr(value)), digest_size=20).hexdigest()


def _to_row(alignment: Alignment, readings: Sequence[Sequence[Word]]) -> list:
    """The reading, the score, and the word (if any) and start of each segment, then the end."""
    which = [list(alignment.words) == list(words) for words in readings].index(True)
    segments = alignment.segments
    return [
        which,
        round(alignment.score, 3),
        [segment.word for segment in segments],
        [segment.start for segment in segments] + [segments[-1].stop],
    ]


def _from_row(row: list, readings: Sequence[Sequence[Word]]) -> Alignment | tuple[()]:
    if row == []:
        return ()
    which, score, places, times = row
    words = tuple(readings[which])
    owners = [place for place in places if place is not None]
    if owners != [place for place, word in enumerate(words) for _ in word.phones] or sorted(map(float, times)) != times:
        raise ValueError("a row of other words, or of times that do not rise")
    phones = iter([phone for word in words for phone in word.phones])
    segments = [
        Segment("" if place is None else next(phones), place, start, stop)
        for place, start, stop in zip(places, times[:-1], times[1:], strict=True)
    ]
    return Alignment(words, tuple(segments), float(score))
