"""Figures of a data set, and everything that is doubtful about it."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wavenet_jax.config import DataConfig
from wavenet_jax.data.files.scan import Scan
from wavenet_jax.data.folder import Collection, Recording
from wavenet_jax.data.labels import FAMILY
from wavenet_jax.data.prepare import sound
from wavenet_jax.data.source import Skipped

_NEARLY_SILENT = -60.0
_QUIET = -30.0
_CLIPPED_SHARE = 1e-3
_OFFSET = 0.01
_CUT_OFF_SECONDS = 0.1
_CUT_OFF_SHARE = 0.01
_NO_STRUCTURE = 0.25
"""Bits that the past must save at least, or it is noise; it saves 1.7 in speech."""


@dataclass(frozen=True)
class Audit:
    """Figures of a data set; hours and shares are of the usable files unless said otherwise."""

    files: int
    usable: int
    hours: float
    sample_rates: Mapping[str, int]
    """Files by sample rate in Hz."""
    channels: Mapping[str, int]
    """Files by number of channels."""
    formats: Mapping[str, int]
    """Files by format and encoding."""
    splits: Mapping[str, int]
    """Clips by split; the end of a single file is a clip of its own."""
    classes: Mapping[str, float]
    """Hours by class, as FAMILY=NAME where families have names."""
    transcripts: int
    """Files that have one."""
    left_out: Mapping[str, int]
    """Things in the folders that are not data, by kind."""
    notes: Sequence[str]
    """Lines on the data set as a whole."""
    problems: Sequence[Skipped]
    """Files that are not used, each once."""
    warnings: Sequence[Skipped]
    """Used files that a user should listen to; one may be named for several reasons."""
    trimming: Mapping[str, float]
    """The effect that trim_silence has or would have: ``share`` of all samples, ``files`` touched, ``kept_whole``
    files that lie below the threshold throughout."""


def audit(collection: Collection, data: DataConfig) -> Audit:
    """Adds up the scans of all recordings; reads no audio."""
    usable = [recording for recording in collection.recordings if recording.problem is None]
    scans = [recording.scan for recording in usable]
    return Audit(
        files=len(collection.recordings),
        usable=len(usable),
        hours=_hours(usable, collection.listening.sample_rate),
        sample_rates=_counted(str(scan.sample_rate) for scan in scans),
        channels=_counted(str(scan.channels) for scan in scans),
        formats=_counted(f"{scan.format} {scan.encoding}" for scan in scans),
        splits=_counted(clip.split for clip in collection.clips),
        classes={
            name.removeprefix(f"{FAMILY}="): _hours(
                [r for r in usable if name in r.labels], collection.listening.sample_rate
            )
            for name in collection.classes
        },
        transcripts=sum(recording.transcript is not None for recording in usable),
        left_out={kind.kind: kind.total for kind in collection.left_out},
        notes=list(collection.notes),
        problems=[Skipped(r.name, r.problem) for r in collection.recordings if r.problem is not None],
        warnings=list(_warnings(usable, collection.listening.sample_rate)),
        trimming=_trimming(scans, data, collection.listening.sample_rate),
    )


def verdict(audit: Audit, baselines: Mapping[str, float]) -> str:
    """One line: whether it is worth training on, and what to do next."""
    if not audit.usable:
        return "nothing here can be used; see the problems above"
    if baselines["unigram"] < 1:
        return "nearly all of it is silence: a network would learn to be silent; choose other recordings"
    if baselines["linear_prediction"] > baselines["unigram"] - _NO_STRUCTURE:
        return "it sounds like noise: nothing in it can be predicted; listen to the files"
    minutes = audit.hours * 60
    if minutes < 5:
        return f"only {minutes:.1f} minutes: enough to try out, but a network will know it by heart; add recordings"
    doubtful = len({warning.name for warning in audit.warnings})
    if doubtful > audit.usable / 4:
        return f"usable, but {doubtful} of {audit.usable} files look doubtful; see the warnings above first"
    return f"good: {audit.hours:.2f} hours; train with the same flags"


def _warnings(usable: Sequence[Recording], sample_rate: int) -> Iterator[Skipped]:
    usual_rate, _ = Counter(r.scan.sample_rate for r in usable).most_common(1)[0] if usable else (0, 0)
    first_of: dict[str, str] = {}
    for recording in usable:
        name = recording.name
        for reason in _doubts(recording.scan, usual_rate, sample_rate):
            yield Skipped(name, reason)
        first = first_of.setdefault(recording.scan.digest, name)
        if first != name:
            yield Skipped(name, f"sounds the same as {first}")


def _doubts(scan: Scan, usual_rate: int, sample_rate: int) -> Iterator[str]:
    level = 20 * math.log10(scan.peak)
    if level < _NEARLY_SILENT:
        yield f"is nearly silent (peak {level:.0f} dBFS)"
    elif level < _QUIET:
        yield f"is quiet (peak {level:.0f} dBFS); normalize=peak would raise it"
    if scan.clipped > _CLIPPED_SHARE * scan.samples:
        yield f"is clipped ({100 * scan.clipped / scan.samples:.1f} % of its samples are at full scale)"
    if abs(scan.mean) > _OFFSET:
        yield f"has a DC offset of {scan.mean:.3f}; remove_dc would remove it"
    seconds = scan.samples / sample_rate
    if scan.stated_seconds - seconds > max(_CUT_OFF_SECONDS, _CUT_OFF_SHARE * seconds):
        yield f"ends after {seconds:.1f} s of the {scan.stated_seconds:.1f} s that its header states: it may be cut off"
    if scan.sample_rate != usual_rate:
        yield f"is at {scan.sample_rate} Hz, most files at {usual_rate} Hz"
    if scan.sample_rate < sample_rate:
        yield f"is upsampled to {sample_rate} Hz: it has nothing above {scan.sample_rate // 2} Hz"


def _trimming(scans: Sequence[Scan], data: DataConfig, sample_rate: int) -> dict[str, float]:
    spans = [sound(scan, data, sample_rate) for scan in scans]
    kept = [stop - start for start, stop in spans]
    total = sum(scan.samples for scan in scans)
    return {
        "share": 1 - sum(kept) / total if total else 0.0,
        "files": sum(samples < scan.samples for samples, scan in zip(kept, scans, strict=True)),
        "kept_whole": sum(not scan.sound_stop for scan in scans),
    }


def _hours(recordings: Sequence[Recording], sample_rate: int) -> float:
    return sum(r.preparation.stop - r.preparation.start for r in recordings) / sample_rate / 3600


def _counted(values: Iterator[str]) -> dict[str, int]:
    return dict(Counter(values).most_common())
