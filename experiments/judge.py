"""Judges sounds by numbers: copies beside their recordings, and sounds by themselves.

    wavenet judge --recordings=DIR --copies=mine=DIR --copies=other=DIR --transcripts=TABLE --yardsticks
    wavenet judge --original=clip.wav --copy=copy.wav
    wavenet judge --sounds=speech=DIR --speaker=DIR --transcripts=TABLE

Files of one name, whatever their formats, are of one clip; the clips that are in every folder are judged. Copies are
compared with their recordings, at one sample rate and over the length that both have, as well as judged by themselves;
``--sounds``, which say the same in their own time, are judged by themselves alone. The recordings are judged beside
them, and with ``--yardsticks`` what anybody can make of them: 256 µ-law levels, WORLD, Griffin-Lim, white noise.

Standard output gets JSON lines: with ``--per_clip`` one for each clip of each system, then one with the mean of each
measure for each system and a 95 % interval. Standard error gets a table. Measures whose packages are missing are named
and left out. docs/measures.md says what each measure is good for.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

import wavenet_jax
from experiments.support import console, flags, plots, sources
from experiments.support.compared import Sounds, UnreadableError, chosen, folder, named, transcripts
from experiments.support.options import data_dir_option
from experiments.support.outputs import check_output, refuse_existing, reserved
from wavenet_jax.audio.features import LogMel
from wavenet_jax.audio.files import show
from wavenet_jax.config import Checked, DataConfig, FeatureConfig, WaveNetConfig, option
from wavenet_jax.data import SPLITS
from wavenet_jax.measures import (
    MEASURES,
    YARDSTICKS,
    Clip,
    Material,
    Measure,
    MissingPackageError,
    NoValueError,
    Reading,
    Sound,
    Summary,
    Yardstick,
    summary,
)
from wavenet_jax.measures.words import spoken

RECORDING = "recording"
_COPY = "copy"
_COLUMNS = 3
"""Measures side by side in a table, which fits 80 characters then."""
_DECIMALS = {"": 3, "MOS": 2, "dB": 2, "%": 1, "cents": 0}


@dataclass(frozen=True)
class Options(Checked):
    """What is judged, by what, and beside what."""

    recordings: str | None = option(None, "Folder of the recordings that copies are compared with.", path=True)
    copies: tuple[str, ...] = option(
        (), "Copies of the recordings, as NAME=FOLDER, with the same names of files; repeat for several systems."
    )
    sounds: tuple[str, ...] = option(
        (), "Sounds that are not aligned with the recordings, as NAME=FOLDER; repeat for several systems."
    )
    original: str | None = option(None, "A single recording, for --copy.", path=True)
    copy: str | None = option(None, "A single copy, of --original.", path=True)
    workdir: str | None = option(
        None,
        "Run directory, or model folder: log-mel spectra are measured as for its network; without --recordings, its "
        "held-out files are the recordings.",
        path=True,
    )
    split: str | None = option(
        None,
        "Which recordings are judged, divided as training divides them by default, or as the run of --workdir; none: "
        "all of --recordings, validation of --workdir.",
        choices=(*SPLITS, "all"),
    )
    data_dir: tuple[str, ...] = data_dir_option()
    speaker: str | None = option(
        None, "Folder of recordings of the speaker; none: the recordings that copies are compared with.", path=True
    )
    transcripts: str | None = option(
        None, "Table of clips and what is said in them, separated by tabs or |; also of other clips.", path=True
    )
    language_model: str = option(
        "transcripts",
        "What the recogniser expects: transcripts (a two-gram model of those of the other clips) or pocketsphinx (its "
        "own, of English).",
        choices=("transcripts", "pocketsphinx"),
    )
    clips: tuple[str, ...] = option((), "Name of a clip to judge, or @FILE with one a line; repeat for several.")
    most_clips: int | None = option(None, "Number of clips, spread evenly over all; none: all.", at_least=1)
    measures: tuple[str, ...] = option((), "Name of a measure; repeat for several; none: all.", choices=MEASURES)
    yardsticks: bool = option(False, "Judge what anybody can make of the recordings beside them.")
    sample_rate: int | None = option(
        None, "Sample rate of the comparison in Hz; none: that of the recordings.", at_least=8_000
    )
    per_clip: bool = option(False, "Print the values of each clip too.")
    picture: str | None = option(None, "PNG file for spectrograms of the first clips, side by side.", path=True)
    picture_clips: int = option(3, "Number of clips in the picture.", at_least=1)
    overwrite: bool = option(False, "Replace an existing picture.")

    def check_together(self) -> None:
        if (self.original is None) != (self.copy is None):
            raise ValueError("original and copy need each other: give original and copy")
        if self.original and (self.recordings or self.copies or self.sounds or self.workdir):
            raise ValueError("original and copy are judged alone; for folders, give recordings and copies")
        if self.copies and not (self.recordings or self.workdir):
            raise ValueError("copies need recordings: give recordings, or sounds instead of copies")
        if not (self.original or self.recordings or self.workdir or self.sounds):
            raise ValueError("there is nothing to judge; give recordings and copies, original and copy, or sounds")
        if self.yardsticks and not (self.original or self.recordings or self.workdir):
            raise ValueError("yardsticks are made of recordings; give recordings")


@dataclass
class Systems:
    """All that is judged: systems by name, each with its sounds."""

    rate: int
    """Sample rate of the comparison, in Hz."""
    log_mel: LogMel
    recordings: Sounds
    copies: dict[str, Sounds]
    others: dict[str, Sounds]
    speaker: Sounds


@dataclass
class Findings:
    """What was measured, system by system."""

    left_out: dict[str, str]
    """Reasons why measures and yardsticks cannot be had."""
    readings: dict[str, dict[str, list[Reading]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    without: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """Reasons why clips have no value, by system and measure."""
    cut: dict[str, list[tuple[float, str]]] = field(default_factory=lambda: defaultdict(list))
    """Differences in length, in seconds, that are more than a frame, with their clips, by system."""
    pictured: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


def main(options: Options) -> None:
    picture = check_output(Path(options.picture), ".png", "picture") if options.picture else None
    if picture is not None:
        refuse_existing([picture], options.overwrite, "picture")
    with reserved(picture, options.overwrite, "picture"):
        _judge_all(options, picture)


def _judge_all(options: Options, picture: Path | None) -> None:
    systems = _systems(options)
    names = chosen(
        {RECORDING: systems.recordings, **systems.copies, **systems.others}, options.clips, options.most_clips
    )
    texts = _texts(options, names)
    measures, left_out = _measures(options, systems, names, texts)
    yardsticks = dict(YARDSTICKS) if options.yardsticks else {}
    findings, unread = Findings(left_out), 0
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        for number, name in enumerate(bar.track(names, description="judging")):
            try:
                clips = _clips(systems, name, texts.get(name), yardsticks, findings)
            except UnreadableError as error:
                console.say(f"{error}; the clip is left out")
                unread += 1
                continue
            for system, clip in clips.items():
                values = _judge(system, clip, measures, findings)
                if options.per_clip:
                    console.result({"clip": show(name), "system": system, **values})
            if picture is not None and number - unread < options.picture_clips:
                findings.pictured[name] = {system: clip.sound.waveform for system, clip in clips.items()}
    means = {
        system: {name: summary(found, measures[name].range) for name, found in by_measure.items()}
        for system, by_measure in findings.readings.items()
    }
    judged = len(names) - unread
    if not judged:
        raise ValueError("no clip can be read; make the sounds again")
    _say_what_is_missing(findings, systems, judged)
    _print_table(measures, means, judged)
    if picture is not None:
        console.Channels().attempt("picture", lambda: plots.save_spectrograms(picture, findings.pictured, systems.rate))
    console.result(
        {
            "clips": judged,
            "sample_rate": systems.rate,
            "systems": {
                system: {name: found._asdict() for name, found in by_measure.items()}
                for system, by_measure in means.items()
            },
            "measures": {name: _description(measure) for name, measure in measures.items()},
            "left_out": findings.left_out,
        }
    )


def _systems(options: Options) -> Systems:
    """Finds all sounds, and says which sample rates they have."""
    run = wavenet_jax.load(options.workdir, checkpoint=None) if options.workdir else None
    recordings: Sounds = {}
    rates: dict[str, frozenset[int]] = {}
    if options.recordings or options.original:
        recordings, rates[RECORDING] = folder(options.recordings or str(options.original))
    elif run:
        recordings, rates[RECORDING] = _held_out(run, options), frozenset([run.sample_rate])
    speaker = folder(options.speaker).sounds if options.speaker else recordings
    if options.recordings and options.split:
        kept = _names_of_split(options.recordings, options.split, run)
        recordings = {name: sound for name, sound in recordings.items() if name in kept}
    copies: dict[str, Sounds] = {}
    others: dict[str, Sounds] = {}
    taken = {RECORDING, *(YARDSTICKS if options.yardsticks else ())}
    for group, flag in ((copies, "copies"), (others, "sounds")):
        for name, path in named(flag, getattr(options, flag)).items():
            if name in {*rates, *taken}:
                raise ValueError(f"{flag} must not be called {name}, as another system is; choose another name")
            group[name], rates[name] = folder(path)
    if options.copy:
        found, rates[_COPY] = folder(options.copy)
        if len(recordings) > 1 or len(found) > 1:
            raise ValueError("original and copy are single files; for folders, give recordings and copies")
        copies[_COPY] = dict(zip(recordings, found.values(), strict=True))
    rate = options.sample_rate or max(rates.get(RECORDING) or frozenset().union(*rates.values()))
    converted = [
        f"{name} of {', '.join(map(str, sorted(found)))} Hz" for name, found in rates.items() if found != {rate}
    ]
    if converted:
        console.say(f"compared at {rate} Hz: {'; '.join(converted)}")
    features = run.config.model.features if run else FeatureConfig()
    return Systems(rate, LogMel(rate, features), recordings, copies, others, speaker)


def _names_of_split(path: str, split: str, run: wavenet_jax.Run | None) -> set[str]:
    if run:
        source = sources.opened_for(run, (path,), split)
    else:
        source = sources.opened(DataConfig(data_dir=(path,)), WaveNetConfig(), split)
    return {os.path.splitext(name)[0] for name in source.names}


def _held_out(run: wavenet_jax.Run, options: Options) -> Sounds:
    source = sources.opened_for(run, options.data_dir, options.split or "validation")

    def reader(clip: int) -> Callable[[int], Sound]:
        def read(rate: int) -> Sound:
            sound = Sound(run.audible(source.read(clip, 0, int(source.lengths[clip]))), run.sample_rate)
            return Sound(sound.at(rate), rate)

        return read

    return {os.path.splitext(name)[0]: reader(number) for number, name in enumerate(source.names)}


def _texts(options: Options, names: Sequence[str]) -> dict[str, str]:
    if options.transcripts is None:
        return {}
    texts = transcripts(options.transcripts)
    for name in names:
        if name not in texts:
            raise ValueError(
                f"transcripts {show(options.transcripts)} has no line of the clip {show(name)!r}; add it, name the "
                "other clips with clips, or leave transcripts out"
            )
    return texts


def _measures(
    options: Options, systems: Systems, names: Sequence[str], texts: Mapping[str, str]
) -> tuple[dict[str, Measure], dict[str, str]]:
    """Makes the measures that can be had; and the reasons why others cannot."""
    judged = [spoken(texts[name]) for name in names if name in texts]
    material = Material(
        systems.log_mel,
        {name: partial(read, systems.rate) for name, read in systems.speaker.items()},
        [text for text in texts.values() if spoken(text) not in judged],
        options.language_model,  # type: ignore[arg-type]
    )
    given = {"reference": systems.recordings, "speaker": systems.speaker, "text": texts}
    flag = {"reference": "recordings", "speaker": "speaker", "text": "transcripts"}
    measures: dict[str, Measure] = {}
    left_out: dict[str, str] = {}
    for name in options.measures or MEASURES:
        lacking = [flag[need] for need in MEASURES[name].needs if not given[need]]
        if lacking:
            left_out[name] = f"needs --{lacking[0]}"
            continue
        try:
            measures[name] = MEASURES[name](material)
        except MissingPackageError as error:
            left_out[name] = error.reason
    if not measures:
        raise ValueError(f"no measure is left: {_named(left_out)}")
    return measures, left_out


def _clips(
    systems: Systems, name: str, text: str | None, yardsticks: dict[str, Yardstick], findings: Findings
) -> dict[str, Clip]:
    """Reads the sounds of a clip by system, copies and recording of one length, and makes the yardsticks."""
    clips: dict[str, Clip] = {}
    if systems.recordings:
        recording = systems.recordings[name](systems.rate)
        clips[RECORDING] = Clip(name, recording, recording, text)
        for system, make in list(yardsticks.items()):
            try:
                clips[system] = Clip(name, Sound(make(recording, systems.log_mel), systems.rate), recording, text)
            except MissingPackageError as error:
                findings.left_out[system] = error.reason
                del yardsticks[system]
        for system, sounds in systems.copies.items():
            copy = sounds[name](systems.rate)
            difference = len(copy) - len(recording)
            if abs(difference) > systems.log_mel.hop_samples:
                findings.cut[system].append((abs(difference) / systems.rate, name))
            clips[system] = Clip(name, copy.cut(len(recording)), recording.cut(len(copy)), text)
    for system, sounds in systems.others.items():
        clips[system] = Clip(name, sounds[name](systems.rate), None, text)
    return clips


def _judge(system: str, clip: Clip, measures: Mapping[str, Measure], findings: Findings) -> dict[str, float | None]:
    """Returns the value of each measure for a clip, and keeps it for the means; None where it is not defined."""
    values: dict[str, float | None] = {}
    for name, measure in measures.items():
        if "reference" in measure.needs and clip.reference is None:
            continue
        try:
            reading = measure(clip)
        except NoValueError as error:
            findings.without[system, name].append(str(error))
            values[name] = None
        else:
            findings.readings[system][name].append(reading)
            values[name] = reading.value
    return values


def _say_what_is_missing(findings: Findings, systems: Systems, clips: int) -> None:
    if findings.left_out:
        console.say(f"left out: {_named(findings.left_out)}")
    for system, differences in findings.cut.items():
        seconds, name = max(differences)
        console.say(
            f"{system}: the lengths of {len(differences)} of {clips} copies differ from the recordings' by more than a "
            f"frame ({systems.log_mel.hop_samples / systems.rate:.3f} s), that of {show(name)!r} by {seconds:.2f} s; "
            "the longer is cut"
        )
    for (system, measure), reasons in findings.without.items():
        console.say(f"{measure} has no value for {len(reasons)} of {clips} clips of {system}: {reasons[0]}")


def _named(left_out: Mapping[str, str]) -> str:
    """Names what is left out by its reason."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for name, reason in left_out.items():
        by_reason[reason].append(name)
    return "; ".join(f"{', '.join(names)} ({reason})" for reason, names in by_reason.items())


def _print_table(measures: Mapping[str, Measure], result: Mapping[str, Mapping[str, Summary]], clips: int) -> None:
    screen = Console(stderr=True, highlight=False, markup=False)
    title = f"means of {clips} clips, with 95 % intervals"
    for start in range(0, len(measures), _COLUMNS):
        names = list(measures)[start : start + _COLUMNS]
        table = Table(title=title, title_justify="left")
        table.add_column("", no_wrap=True)
        for name in names:
            table.add_column(_heading(name, measures[name]), justify="right")
        for system, by_measure in result.items():
            cells = (_cell(by_measure.get(name), _DECIMALS[measures[name].unit]) for name in names)
            table.add_row(system, *cells)
        screen.print(table)
        title = ""
    for name, measure in measures.items():
        note = f" ({measure.note})" if measure.note else ""
        screen.print(f"{name}: {measure.purpose}{note}", soft_wrap=True)


def _heading(name: str, measure: Measure) -> str:
    low, high = measure.range
    scale = f"{low:g} to {high:g}" if np.isfinite(high) else f"from {low:g}"
    return f"{'↑' if measure.better == 'higher' else '↓'} {name}\n{scale} {measure.unit}".rstrip()


def _cell(found: Summary | None, digits: int) -> str:
    if found is None:
        return "-"
    interval = "" if found.low is None else f"\n{found.low:.{digits}f} to {found.high:.{digits}f}"
    return f"{found.mean:.{digits}f}{interval}"


def _description(measure: Measure) -> dict[str, Any]:
    """Describes a measure as JSON; a range without an end is null there."""
    return {
        "unit": measure.unit,
        "range": list(measure.range),
        "better": measure.better,
        "purpose": measure.purpose,
        "note": measure.note,
    }


if __name__ == "__main__":
    flags.run(main)
