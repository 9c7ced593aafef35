"""What the user sees of a run: a progress line, metrics.jsonl, and TensorBoard."""

import importlib.metadata
import math
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import jax
import numpy as np
from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column
from tensorboardX import SummaryWriter

from experiments import plots
from experiments.limits import Matmul, training_flops
from experiments.probe import Probe
from experiments.records import Record, Records
from wavenet_jax.config import RunConfig
from wavenet_jax.training import Event, Started, StepDone, Validated

_VERSIONED = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def versions() -> dict[str, str]:
    """Versions of what decides a run's numbers and its speed."""
    return {name: importlib.metadata.version(name) for name in _VERSIONED}


class Reporter:
    """Takes the events of one run and tells the user. A context manager; give it ``Started`` first."""

    def __init__(self, workdir: Path, config: RunConfig, started: Started, probe: Probe | None) -> None:
        """Listens to ``probe``, if there is one, after every validation."""
        self._config = config
        self._probe = probe
        self._console = Console(stderr=True)
        self._limit_flops = Matmul(2048).flops() * jax.device_count()
        self._records = Records(workdir, started.step)
        self._board = SummaryWriter(str(workdir / "tensorboard"), purge_step=started.step + 1)
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
        self._progress.start()
        self._time = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
        self._board.close()
        self._records.close()

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
        self._records.add(
            "start",
            started.step,
            baselines=started.baselines,
            parameters=started.parameters,
            devices=[device.platform, device.device_kind, jax.device_count()],
            versions=versions(),
        )
        for name, bits in started.baselines.items():
            self._board.add_scalar(f"baseline/{name}", bits, started.step)
        going_on = f", going on from step {started.step}" if started.step else ""
        self._say(f"{started.parameters:,} parameters on {jax.device_count()} x {device.device_kind}{going_on}")
        self._say(f"{started.clips:,} clips to train on, {started.held_out_clips:,} to validate on")
        for note in started.damaged:
            self._say(f"{note}; moved to damaged/")
        if started.baselines:
            figures = ", ".join(f"{name.replace('_', ' ')} {bits:.2f}" for name, bits in started.baselines.items())
            self._say(f"bits per sample without a network: {figures}")

    def _step_done(self, event: StepDone, seconds: float) -> None:
        # The time of a step that compiles says nothing about the speed.
        self._window.add(event.metrics, None if event.step == self._compiling else seconds)
        if event.step % self._config.train.log_every == 0:
            self._log_window(event)
        self._progress.update(self._task, completed=event.step)

    def _log_window(self, event: StepDone) -> None:
        window, self._window = self._window, _Window()
        averages = {"bits_per_sample": window.bits_per_sample, "samples": window.samples}
        values = {**event.metrics, **averages, **self._speeds(window)}
        del values["skipped_in_a_row"]
        self._show("train", event.step, values)
        skipped = f"  {values['skipped']} steps skipped" if values["skipped"] else ""
        loss = f"{window.bits_per_sample:.3f} bits" if math.isfinite(window.bits_per_sample) else "no finite loss"
        text = f"{loss}{self._held_out}{self._unigram}{_speed_text(values)}{skipped}"
        self._progress.update(self._task, text=text)
        if self._progress.disable:
            self._say(f"step {event.step}/{self._config.train.num_steps}  {text}")

    def _speeds(self, window: "_Window") -> dict[str, float]:
        if not window.seconds:
            return {}
        model, data = self._config.model, self._config.data
        steps = window.timed_steps / window.seconds
        crops = steps * data.batch_size
        shown = data.crop_samples + self._config.context_samples
        return {
            "steps_per_second": steps,
            "audio_seconds_per_second": crops * data.crop_samples / model.sample_rate,
            "flop_utilisation": crops * shown * training_flops(model) / self._limit_flops,
        }

    def _validated(self, event: Validated) -> None:
        self._show("validation", event.step, {"bits_per_sample": event.bits_per_sample})
        self._held_out = f"  held-out {event.bits_per_sample:.3f}"
        self._say(f"step {event.step}: {event.bits_per_sample:.4f} bits per sample on held-out audio")
        if self._probe is not None:
            self._listen(self._probe, event)

    def _listen(self, probe: Probe, event: Validated) -> None:
        waveform, heard = probe.listen(event.params, event.step)
        verdict = heard.verdict(probe.real)
        self._show("probe", event.step, {"level_db": heard.level_db, "flatness": heard.flatness}, verdict=verdict)
        self._say(
            f"step {event.step}: on its own it makes {verdict}: level {heard.level_db:.0f} dB (real audio "
            f"{probe.real.level_db:.0f}), flatness {heard.flatness:.3f} ({probe.real.flatness:.3f})"
        )
        rate = self._config.model.sample_rate
        self._board.add_audio("probe", waveform, event.step, rate)
        decibels = plots.spectrogram(waveform, rate)[::-1]
        self._board.add_image("probe", np.clip(1 + decibels / 100, 0, 1), event.step, dataformats="HW")

    def _say(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)

    def _show(self, kind: str, step: int, values: dict[str, float], **more: str) -> None:
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        self._records.add(kind, step, **finite, **more)
        for name, value in values.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)


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
        """The mean over all samples of the steps with a finite loss; not a number when there was none."""
        return self.bits / self.samples if self.samples else math.nan


def _speed_text(values: Record) -> str:
    if "steps_per_second" not in values:
        return ""
    return f"  {values['steps_per_second']:.3g} steps/s  {values['audio_seconds_per_second']:.3g} audio-s/s"
