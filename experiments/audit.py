"""Checks folders of recordings: what they hold, and what is wrong with them.

    wavenet audit --data_dir=DIR [--plot=overview.png]

Prints a table to standard error and JSON to standard output. It takes the data flags of training, so it sees what
training will see. Exit code 1: nothing can be used.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from experiments.support import console, flags
from experiments.support.audit_picture import save_overview
from experiments.support.sources import scanning
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import SPLITS, Audit, Skipped, audit, baselines, collect, verdict
from wavenet_jax.data.excerpt import excerpt


@dataclass(frozen=True)
class Options(Checked):
    """Report of the audit."""

    plot: str | None = option(None, "PNG file for an overview of the data set.", path=True)
    baseline_minutes: float = option(
        30.0, "Audio that the baselines are computed from, spread over all files, in minutes.", above=0
    )
    most_named: int = option(20, "Files of each kind that the table names; the JSON names all of them.", at_least=0)


def main(config: RunConfig, options: Options) -> int:
    if not config.data.data_dir:
        raise ValueError("data_dir is required: the folder of recordings to check")
    with scanning() as progress:
        collection = collect(config.data, config.model, progress)
    found = audit(collection, config.data)
    source = excerpt(collection.split(*SPLITS), round(options.baseline_minutes * 60 * config.model.sample_rate))
    bits = baselines(source, Grid.of(config.model)) if found.usable else {}
    judgement = verdict(found, bits)
    _print_table(Console(stderr=True, highlight=False, markup=False), found, bits, judgement, options.most_named)
    if options.plot and found.usable:
        plot = options.plot
        console.Channels().attempt("picture", lambda: save_overview(plot, collection, found, bits))
    console.result(_record(found, bits, judgement))
    return 0 if found.usable else 1


def _record(found: Audit, bits: Mapping[str, float], judgement: str) -> dict:
    named = {
        kind: [{"file": name, "reason": reason} for name, reason in getattr(found, kind)]
        for kind in ("problems", "warnings")
    }
    return found.__dict__ | named | {"baselines": bits, "verdict": judgement}


def _print_table(screen: Console, found: Audit, bits: Mapping[str, float], judgement: str, most_named: int) -> None:
    table = Table(show_header=False, box=None)
    table.add_column(style="bold")
    table.add_row("files", f"{found.usable} usable of {found.files}, {found.hours:.2f} hours")
    table.add_row("sample rates (Hz)", _counts(found.sample_rates))
    table.add_row("channels", _counts(found.channels))
    table.add_row("formats", _counts(found.formats))
    table.add_row("splits", _counts(found.splits))
    if found.classes:
        table.add_row("hours by class", ", ".join(f"{name} {hours:.2f}" for name, hours in found.classes.items()))
    if found.transcripts:
        table.add_row("transcripts", str(found.transcripts))
    table.add_row(
        "trimming would drop", f"{found.trimming['share']:.1%} of the audio, in {found.trimming['files']} files"
    )
    table.add_row("bits per sample", ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in bits.items()))
    screen.print(table)
    for note in found.notes:
        screen.print(note, style="yellow", soft_wrap=True)
    _print_named(screen, "not used", "red", found.problems, most_named)
    _print_named(screen, "worth a look", "yellow", found.warnings, most_named)
    screen.print(judgement, style="bold", soft_wrap=True)


def _print_named(screen: Console, title: str, style: str, named: Sequence[Skipped], most: int) -> None:
    if not named:
        return
    screen.print(f"{title}: {len(named)}", style=style)
    for name, reason in named[:most]:
        screen.print(f"  {name} {reason}", soft_wrap=True)
    if len(named) > most:
        screen.print(f"  ... and {len(named) - most} more: --most_named={len(named)} names them all")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{value}: {count}" for value, count in counts.items())


if __name__ == "__main__":
    flags.run(main)
