"""Reports of a run: a progress line, metrics.jsonl, TensorBoard, and the sound of the probe.

Reporting never ends a run: a channel that fails is named once and dropped.
"""

import collections
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import jax
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table
from rich.text import Text

from experiments.support import plots
from experiments.support.board import Board
from experiments.support.console import Channels
from experiments.support.limits import Matmul, training_flops
from experiments.support.probe import Probe
from wavenet_jax.config import RunConfig
from wavenet_jax.data import context_samples
from wavenet_jax.runs import Record, Records, RunDirectory
from wavenet_jax.training import BEGUN, LEFT, RESHAPED, TAKEN, Begun, Event, Started, StepDone, Validated
from wavenet_jax.versions import versions


class Reporter:
    """Reports the events of one run. A context manager."""

    def __init__(
        self, workdir: Path, config: RunConfig, started: Started, probe: Callable[[], Probe] | None = None
    ) -> None:
        """Runs the probe that ``probe`` makes, if it is given, after every validation."""
        self._config = config
        self._channels = Channels()
        self._console = Console(stderr=True)
        directory = RunDirectory(workdir)
        self._limit_flops = self._channels.attempt("speed limit", lambda: Matmul(2048).flops() * jax.device_count())
        self._probe = probe and self._channels.attempt("probe", probe)
        self._records = self._channels.attempt("metrics.jsonl", lambda: Records(directory, started.step))
        self._board = self._channels.attempt("tensorboard", lambda: Board(directory.tensorboard, started.step))
        self._progress = Progress(
            MofNCompleteColumn(table_column=Column(no_wrap=True)),
            TimeRemainingColumn(table_column=Column(no_wrap=True)),
            TextColumn("left  {task.fields[text]}", table_column=Column(no_wrap=True, ratio=1)),
            console=self._console,
            expand=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._progress.add_task("", total=config.train.num_steps, completed=started.step, text="compiling")
        self._compiling = started.step + 1
        self._window = _Window()
        self._held_out = ""
        self._unigram = f"  unigram {started.baselines['unigram']:.2f}" if started.baselines else ""
        self._start(started)

    def __enter__(self) -> "Reporter":
        self._channels.attempt("progress", self._progress.start)
        self._time = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channels.attempt("progress", self._progress.stop)
        if self._board is not None:
            self._channels.attempt("tensorboard", self._board.close)
        if self._records is not None:
            self._channels.attempt("metrics.jsonl", self._records.close)

    def __call__(self, event: Event) -> None:
        seconds = time.perf_counter() - self._time
        match event:
            case StepDone():
                self._step_done(event, seconds)
            case Validated():
                self._validated(event)
        self._time = time.perf_counter()

    def _start(self, started: Started) -> None:
        device = jax.devices()[0]
        self._record(
            "start",
            started.step,
            baselines=started.baselines,
            parameters=started.parameters,
            devices=[device.platform, device.device_kind, jax.device_count()],
            stack=started.stack,
            versions=versions(),
        )
        self._draw("baseline", started.step, started.baselines)
        resumed = f", resuming at step {started.step}" if started.step else ""
        self._say(f"{started.parameters:,} parameters on {jax.device_count()} x {device.device_kind}{resumed}")
        if started.stack is not None:
            self._say(f"gated stack: {started.stack}")
        self._say(f"{started.clips:,} clips to train on, {started.held_out_clips:,} to validate on")
        begun = started.begun
        if begun is not None:
            self._channels.attempt("messages", lambda: self._console.print(transfer_table(begun)))
            for note in begun.notes:
                self._say(note)
        for note in started.damaged:
            self._say(f"{note}; moved to damaged/")
        if started.data_changed is not None:
            self._say(f"the data set has changed since the last start: {started.data_changed}")
        if started.baselines:
            figures = ", ".join(f"{name.replace('_', ' ')} {bits:.2f}" for name, bits in started.baselines.items())
            self._say(f"bits per sample without a network: {figures}")

    def _step_done(self, event: StepDone, seconds: float) -> None:
        # The time of a step that compiles says nothing about the speed.
        self._window.add(event.metrics, None if event.step == self._compiling else seconds)
        if event.step % self._config.train.log_every == 0:
            self._log_window(event)
        self._channels.attempt("progress", lambda: self._progress.update(self._task, completed=event.step))

    def _log_window(self, event: StepDone) -> None:
        window, self._window = self._window, _Window()
        averages = {"bits_per_sample": window.bits_per_sample, "samples": window.samples}
        values = {**event.metrics, **averages, **self._speeds(window)}
        del values["skipped_in_a_row"]
        self._show("train", event.step, values)
        skipped = f"  {values['skipped']} steps skipped" if values["skipped"] else ""
        loss = f"{window.bits_per_sample:.3f} bits" if math.isfinite(window.bits_per_sample) else "no finite loss"
        text = f"{loss}{self._held_out}{self._unigram}{_speed_text(values)}{skipped}"
        self._channels.attempt("progress", lambda: self._progress.update(self._task, text=text))
        if self._progress.disable:
            self._say(f"step {event.step}/{self._config.train.num_steps}  {text}")

    def _speeds(self, window: "_Window") -> dict[str, float]:
        if not window.seconds:
            return {}
        model, data = self._config.model, self._config.data
        steps = window.timed_steps / window.seconds
        crops = steps * data.batch_size
        shown = data.crop_samples + context_samples(self._config)
        speeds = {
            "steps_per_second": steps,
            "audio_seconds_per_second": crops * data.crop_samples / model.sample_rate,
        }
        if self._limit_flops is not None:
            speeds["flop_utilisation"] = crops * shown * training_flops(model) / self._limit_flops
        return speeds

    def _validated(self, event: Validated) -> None:
        self._show("validation", event.step, {"bits_per_sample": event.bits_per_sample})
        self._held_out = f"  held-out {event.bits_per_sample:.3f}"
        self._say(f"step {event.step}: {event.bits_per_sample:.4f} bits per sample on held-out audio")
        probe = self._probe
        if probe is not None:
            self._channels.attempt("probe", lambda: self._listen(probe, event))

    def _listen(self, probe: Probe, event: Validated) -> None:
        waveform, impression = probe.listen(event.params, event.step)
        verdict, real = impression.verdict(probe.real), probe.real
        self._show(
            "probe", event.step, {"level_db": impression.level_db, "flatness": impression.flatness}, verdict=verdict
        )
        self._say(
            f"step {event.step}: on its own it generates {verdict}: level {impression.level_db:.0f} dB (real audio "
            f"{real.level_db:.0f}), flatness {impression.flatness:.3f} ({real.flatness:.3f})"
        )
        self._channels.attempt("sounds in samples/", lambda: probe.keep(waveform, event.step))
        self._channels.attempt("pictures in samples/", lambda: probe.draw(waveform, event.step))
        board, rate = self._board, self._config.model.sample_rate
        if board is not None:
            picture = np.clip(1 + plots.spectrogram(waveform, rate)[::-1] / 100, 0, 1)
            self._channels.attempt("tensorboard", lambda: board.add_sound("probe", waveform, picture, event.step, rate))

    def _say(self, text: str) -> None:
        self._channels.attempt(
            "messages", lambda: self._console.print(text, soft_wrap=True, markup=False, highlight=False)
        )

    def _show(self, kind: str, step: int, values: dict[str, float], **more: str) -> None:
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._record(kind, step, **finite, **more)
        self._draw(kind, step, values)

    def _record(self, kind: str, step: int, **values: Any) -> None:
        records = self._records
        if records is not None:
            self._channels.attempt("metrics.jsonl", lambda: records.add(kind, step, **values))

    def _draw(self, kind: str, step: int, values: dict[str, float]) -> None:
        board = self._board
        if board is not None:
            tagged = {f"{kind}/{name}": value for name, value in values.items() if math.isfinite(value)}
            self._channels.attempt("tensorboard", lambda: board.add_scalars(tagged, step))


@dataclass
class _Window:
    """Sums over the steps since the last line of metrics."""

    bits: float = 0.0
    samples: float = 0  # scored
    seconds: float = 0.0
    timed_steps: int = 0

    def add(self, metrics: dict[str, float], seconds: float | None) -> None:
        if math.isfinite(metrics["bits_per_sample"]):
            self.bits += metrics["bits_per_sample"] * metrics["samples"]
            self.samples += metrics["samples"]
        if seconds is not None:
            self.seconds += seconds
            self.timed_steps += 1

    @property
    def bits_per_sample(self) -> float:
        """The mean over all samples of the steps with a finite loss; NaN when there was none."""
        return self.bits / self.samples if self.samples else math.nan


def transfer_table(begun: Begun) -> Table:
    """Makes the table of what a run takes from the network that it begins from."""
    counts = collections.Counter(part.fate for part in begun.parts)
    table = Table(
        title=escape(f"begun from {begun.path}, step {begun.step}"),
        caption=", ".join(f"{counts[fate]} {fate}" for fate in _STYLES if counts[fate]),
        title_justify="left",
        caption_justify="left",
    )
    for name in ("parameter", "shape", "fate", "why"):
        table.add_column(name, overflow="fold")
    for part in begun.parts:
        shapes = [_shape_text(shape) for shape in (part.source_shape, part.shape) if shape is not None]
        fate = Text(part.fate, _STYLES[part.fate])
        table.add_row(escape(part.path), " to ".join(dict.fromkeys(shapes)), fate, escape(part.why))
    return table


_STYLES = {TAKEN: "green", RESHAPED: "yellow", BEGUN: "bold red", LEFT: "dim"}


def _shape_text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _speed_text(values: Record) -> str:
    if "steps_per_second" not in values:
        return ""
    return f"  {values['steps_per_second']:.3g} steps/s  {values['audio_seconds_per_second']:.3g} audio-s/s"
