"""What is in folders of recordings, and what is wrong with it: a table on standard error, JSON on standard output.

    python -m experiments.audit --data_dir=DIR [--plot=overview.png]

Takes the flags of a training run that concern data, so what it says is what training will see. Exit code 1 where
nothing can be used.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from experiments import flags
from experiments.audit_picture import save_overview
from experiments.sources import listening
from wavenet_jax.audio.codec import Grid
from wavenet_jax.config import Checked, RunConfig, option
from wavenet_jax.data import SPLITS, Audit, Skipped, audit, baselines, collect, verdict
from wavenet_jax.training.excerpt import excerpt


@dataclass(frozen=True)
class Options(Checked):
    """How the audit is told."""

    plot: str | None = option(None, "PNG file for a picture of the data set.")
    baseline_minutes: float = option(
        30.0, "Audio that the baselines are worked out from, spread over all files, in minutes.", above=0
    )
    most_named: int = option(20, "Files of each kind that the table names; JSON has them all.", at_least=0)


def main(config: RunConfig, options: Options) -> int:
    if not config.data.data_dir:
        raise ValueError("--data_dir is required: the folder of recordings to look at")
    with listening() as progress:
        collection = collect(config.data, config.model, progress)
    found = audit(collection, config.data)
    source = excerpt(collection.split(*SPLITS), round(options.baseline_minutes * 60 * config.model.sample_rate))
    bits = baselines(source, Grid.of(config.model)) if found.usable else {}
    judgement = verdict(found, bits)
    _print_table(Console(stderr=True, highlight=False, markup=False), found, bits, judgement, options.most_named)
    if options.plot and found.usable:
        save_overview(options.plot, collection, found, bits)
    print(json.dumps(_record(found, bits, judgement)))
    return 0 if found.usable else 1


def _record(found: Audit, bits: Mapping[str, float], judgement: str) -> dict:
    named = {
        kind: [{"file": name, "reason": reason} for name, reason in getattr(found, kind)]
        for kind in ("problems", "warnings")
    }
    return found.__dict__ | named | {"baselines": bits, "verdict": judgement}


def _print_table(console: Console, found: Audit, bits: Mapping[str, float], judgement: str, most_named: int) -> None:
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
    console.print(table)
    _print_named(console, "not used", "red", found.problems, most_named)
    _print_named(console, "worth a look", "yellow", found.warnings, most_named)
    console.print(judgement, style="bold", soft_wrap=True)


def _print_named(console: Console, title: str, style: str, named: Sequence[Skipped], most: int) -> None:
    if not named:
        return
    console.print(f"{title}: {len(named)}", style=style)
    for name, reason in named[:most]:
        console.print(f"  {name} {reason}", soft_wrap=True)
    if len(named) > most:
        console.print(f"  ... and {len(named) - most} more: --most_named={len(named)} names them all")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{value}: {count}" for value, count in counts.items())


if __name__ == "__main__":
    flags.run(main)
