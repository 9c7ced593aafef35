"""Trains an acoustic model for a vocoder, from transcribed recordings, or resumes its run.

    wavenet train-acoustic --data_dir=DIR --vocoder=RUN --workdir=DIR [--init_from=VOICE] [--language=es]

The model learns to predict, from phones, the features of a vocoder: --vocoder names a run directory or a
model folder whose features, and whose preparation of recordings, are taken. The clips are aligned first, as ``wavenet
align`` does; those that are doubtful are left out. The same command resumes from the newest intact checkpoint; Ctrl-C,
SIGTERM and SIGHUP save after the current step. Exit codes are those of ``wavenet train``.
"""

import contextlib
import dataclasses
import math
import time
from dataclasses import dataclass
from pathlib import Path

import jax

import wavenet_jax
from experiments.align import name_clips
from experiments.support import console, flags, runtime, sources
from experiments.support.alignment import aligned_for, aligner_option
from experiments.support.ending import report_ending
from experiments.support.signals import StopSignals
from wavenet_jax.acoustic import AcousticDirectory, AcousticRunConfig, check_vocoder, fitted, with_classes_of
from wavenet_jax.acoustic.beginning import begin_from, begun_anew, read_source
from wavenet_jax.acoustic.training import AcousticValidated, train_events
from wavenet_jax.alignment import AlignedData, with_transcripts
from wavenet_jax.audio.files import show
from wavenet_jax.config import Checked, option
from wavenet_jax.runs import Records
from wavenet_jax.training import Event, Started, StepDone, Stopped
from wavenet_jax.versions import versions


@dataclass(frozen=True)
class Options(Checked):
    """The run directory, the vocoder and the pronunciations."""

    workdir: str = option(
        None, "Run directory, for the configuration, metrics and checkpoints; made where there is none.", path=True
    )
    vocoder: str | None = option(
        None, "Run directory, or model folder, of the vocoder; none: the features are given by their flags.", path=True
    )
    lexicon: str | None = option(
        None, "File of words and phones that override the package's; none: only those.", path=True
    )
    aligner: str = aligner_option()
    init_from: str | None = option(
        None, "Voice folder, or run directory, whose model a new run begins from; none: from scratch.", path=True
    )


def main(config: AcousticRunConfig, options: Options, hosts: runtime.Hosts) -> int:
    runtime.start(hosts)
    config = dataclasses.replace(config, data=with_transcripts(config.data))
    source = None if options.init_from is None else read_source(Path(options.init_from))
    if options.vocoder is not None:
        vocoder = wavenet_jax.load(options.vocoder, checkpoint=None).config
        config = config.for_vocoder(vocoder)
        check_vocoder(config, vocoder)
        source = None if source is None else fitted(source, vocoder)
    config.check_complete()
    workdir = Path(options.workdir)
    config = with_classes_of(AcousticDirectory(workdir), config)
    training, held_out = sources.opened_splits(config.data, config.measured, ("train", "validation"))
    config = config.with_classes(training)
    found = aligned_for(config, (training, held_out), options.lexicon, options.aligner)
    _describe(found)
    if source is not None and begin_from(config, workdir, source):
        console.say(f"begins with the model of {show(str(options.init_from))}, trained for {source.step} steps")
        for what in begun_anew(config, source):
            console.say(f"begins anew, as that model does not know it: {what}")
    with StopSignals() as stop, contextlib.ExitStack() as closing:
        report = _Report(config, AcousticDirectory(workdir), closing)
        events = train_events(config, workdir, training, held_out, found, stop=stop)
        with contextlib.closing(events):
            for event in events:
                report(event)
    return report.ending()


def _describe(found: AlignedData) -> None:
    name_clips("do not fit their transcripts", found.refused)
    name_clips("are doubtful, and left out", found.doubts)
    if found.guessed:
        words = ", ".join(sorted(found.guessed))
        console.say(f"{len(found.guessed)} words are in no lexicon, and their phones are guessed: {words}")


class _Report:
    """Reports the events of a run: lines on standard error, and metrics.jsonl."""

    def __init__(self, config: AcousticRunConfig, run: AcousticDirectory, closing: contextlib.ExitStack) -> None:
        self._config, self._run, self._closing = config, run, closing
        self._records: Records | None = None
        self._channels = console.Channels()
        self._losses: list[float] = []
        self._stopped: Stopped | None = None
        self._time = time.perf_counter()

    def __call__(self, event: Event | AcousticValidated) -> None:
        match event:
            case Started():
                self._start(event)
            case StepDone():
                self._step_done(event)
            case AcousticValidated():
                self._record("validation", event.step, **event.losses, **event.ratios)
                losses = "  ".join(f"{name} {value:.4f}" for name, value in event.losses.items())
                ratios = "  ".join(f"{name} {value:.2f}" for name, value in event.ratios.items())
                console.say(f"step {event.step}: held out: {losses}  {ratios}")
            case Stopped():
                self._stopped = event

    def ending(self) -> int:
        """Reports how the run ended; returns the exit code."""
        return report_ending(self._stopped, self._config.train)

    def _start(self, event: Started) -> None:
        if jax.process_index() == 0:
            self._records = self._channels.attempt("metrics.jsonl", lambda: Records(self._run, event.step))
            if self._records is not None:
                self._closing.callback(self._records.close)
        self._record("start", event.step, parameters=event.parameters, versions=versions())
        resumed = f", resuming at step {event.step}" if event.step else ""
        console.say(f"{event.parameters:,} parameters{resumed}")
        console.say(f"{event.clips:,} clips to train on, {event.held_out_clips:,} to validate on")
        for note in event.damaged:
            console.say(f"{note}; moved to damaged/")
        if event.data_changed is not None:
            console.say(f"the data set has changed since the last start: {event.data_changed}")
        self._time = time.perf_counter()

    def _step_done(self, event: StepDone) -> None:
        self._losses.append(event.metrics["loss"])
        every = self._config.train.log_every
        if event.step % every:
            return
        finite = [loss for loss in self._losses if math.isfinite(loss)]
        loss = sum(finite) / len(finite) if finite else math.nan
        now = time.perf_counter()
        seconds, steps = now - self._time, len(self._losses)
        self._time, self._losses = now, []
        values = {**event.metrics, "loss": loss, "steps_per_second": steps / seconds}
        del values["skipped_in_a_row"]
        self._record("train", event.step, **values)
        total = self._config.train.num_steps
        console.say(f"step {event.step}/{total}: loss {loss:.4f}  {steps / seconds:.3g} steps/s")

    def _record(self, kind: str, step: int, **values: object) -> None:
        records = self._records
        if records is not None:
            self._channels.attempt("metrics.jsonl", lambda: records.add(kind, step, **values))


if __name__ == "__main__":
    flags.run(main)
