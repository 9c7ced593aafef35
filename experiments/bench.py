"""Measures what this machine can do, and puts machines side by side.

    wavenet bench --output=here.json [--quick]
    wavenet bench --compare=here.json --compare=there.json --picture=machines.png

Runs the other benchmarks one after the other: training and sampling of several networks, the native engine in both
number formats, the loader, a vocoder's copy, a voice. What cannot run is left out, with the reason. The file has
versions, the machine, and each figure with its unit, median, spread, repeats and the load when it was measured; --quick
takes about a minute on two cores. --compare shows one or several such files, or lines of the other benchmarks, as a
table; with several, a JSON line of each figure says how much faster than the first machine each is.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from experiments.support import console, flags, plots
from experiments.support.figures import Figure, compared, read_report, report, show_reports, skipped
from experiments.support.outputs import check_output, refuse_existing, reserved
from experiments.support.processes import ISOLATED, own_environment
from wavenet_jax.config import Checked, option
from wavenet_jax.storage import write_whole

_EXAMPLES = Path(__file__).parents[1] / "examples"
PARTS = ("train", "sample", "data", "copy", "say")


@dataclass(frozen=True)
class Options(Checked):
    """What to measure, or which results to compare."""

    output: str | None = option(None, "JSON file to write.", path=True)
    quick: bool = option(False, "Fewer networks and repeats: about a minute.")
    only: tuple[str, ...] = option(PARTS, "Part to measure; repeat for several.", choices=PARTS)
    data_dir: str = option(
        str(_EXAMPLES / "speech"), "Folder of recordings for the loader; a recording of it is copied.", path=True
    )
    vocoder: str = option(str(_EXAMPLES / "vocoder"), "Run directory or model folder of the vocoder.", path=True)
    voice: str | None = option(None, "Voice folder; none: the voice that comes with the package.", path=True)
    compare: tuple[str, ...] = option(
        (), "File of results to show; repeat for several. Nothing is measured.", path=True
    )
    picture: str | None = option(None, "PNG file that draws what is compared, or what was measured.", path=True)
    overwrite: bool = option(False, "Replace existing files.")

    def check_together(self) -> None:
        if self.compare and self.output is not None:
            raise ValueError("compare measures nothing, so output has no effect; leave output out")
        if not self.compare and self.output is None:
            raise ValueError("output is required, the JSON file to write; or give compare")


class _Benchmark(NamedTuple):
    """A program of this package, and its flags."""

    name: str
    program: str
    arguments: list[str]


def main(options: Options) -> None:
    picture = None if options.picture is None else check_output(Path(options.picture), ".png", "picture")
    output = None if options.output is None else check_output(Path(options.output), ".json")
    for path, flag in ((picture, "picture"), (output, "output")):
        refuse_existing([path] if path else [], options.overwrite, flag)
    if output is not None:
        with reserved(output, options.overwrite, "output"):
            results = [result for benchmark in _benchmarks(options) for result in _run(benchmark)]
            if all("skipped" in result for result in results):
                raise ValueError(f"nothing could be measured: {results[0]['skipped']}")
            made = report(results, command=_command(options), date=results[0]["date"])
            write_whole(output, f"{json.dumps(console.finite(made), indent=1, ensure_ascii=False)}\n".encode())
    reports = [read_report(path) for path in options.compare or [str(output)]]
    show_reports(reports)
    if picture is not None:
        plots.save_machines(picture, reports)
    if output is not None:
        names = {"output": str(output), "picture": options.picture}
        console.result({**names, "figures": len(reports[0].figures), "skipped": reports[0].left_out})
        return
    for one in compared(reports):
        medians = [None if found is None else found["median"] for found in one.figures]
        times = one.times_as_fast
        console.result({"name": one.name, "unit": one.unit, "medians": medians, "times_as_fast": times})


def _benchmarks(options: Options) -> Iterator[_Benchmark]:
    """Yields what is asked for; in a process of its own each, since they need JAX with other devices."""
    quick = options.quick
    repeats = [f"--repeats={3 if quick else 7}"]
    networks = [f"--preset={name}" for name in (("base", "vocoder") if quick else ("base", "paper", "vocoder"))]
    engines = ["--engine=scan", "--engine=native", "--weights=float32", "--weights=int8"]
    batches = "1" if quick else "1,64"
    steps = f"--steps={800 if quick else 4_000}"
    loader = ["--num_batches=200", "--step_seconds=0.02"] if quick else ["--num_batches=1000"]
    recording = next(iter(sorted(Path(options.data_dir).glob("*.flac"))), Path(options.data_dir, "*.flac"))
    copy = [f"--vocoder={options.vocoder}", f"--recording={recording}"]
    voice = [] if options.voice is None else [f"--voice={options.voice}"]
    formats = ["--weights=float32", "--weights=int8"]
    programs = {
        "train": ("bench_train", [*networks, *repeats]),
        "sample": ("bench_sample", [*networks, f"--batch_sizes={batches}", *engines, steps, *repeats]),
        "data": ("bench_data", [f"--data_dir={options.data_dir}", "--batch_size=4", "--crop_samples=8000", *loader]),
        "copy": ("bench_speech", [*copy, *formats, *repeats]),
        "say": ("bench_speech", [*voice, *formats, *repeats]),
    }
    for name in dict.fromkeys(options.only):
        yield _Benchmark(name, *programs[name])


def _run(benchmark: _Benchmark) -> list[Figure]:
    """Runs a benchmark to its end; what it could not measure is among its figures, with the reason."""
    console.say(f"{benchmark.name}: python -m experiments.{benchmark.program} {' '.join(benchmark.arguments)}")
    ended = subprocess.run(
        [sys.executable, *ISOLATED, "-m", f"experiments.{benchmark.program}", *benchmark.arguments],
        env=own_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    results = [json.loads(line) for line in ended.stdout.splitlines()]
    if ended.returncode:
        said = [line.strip() for line in ended.stderr.splitlines() if line.strip()]
        reason = said[-1].removeprefix("error: ") if said else f"it ended with exit code {ended.returncode}"
        results.append(skipped(benchmark.name, reason))
    for result in results:
        if "skipped" in result:
            console.say(f"{result['name']}: left out: {result['skipped']}")
    return results


def _command(options: Options) -> str:
    """Returns what measures the same."""
    only = [] if options.only == PARTS else [f"--only={name}" for name in options.only]
    return " ".join(["wavenet bench", *(["--quick"] if options.quick else []), *only, "--output=FILE"])


if __name__ == "__main__":
    flags.run(main)
