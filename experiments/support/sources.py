"""Opens data sets for a user: with a progress bar, and naming every file that is not used."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

import wavenet_jax
from experiments.support import console
from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import Skipped, Source, open_sources


def opened(data: DataConfig, model: WaveNetConfig, split: str) -> Source:
    """Opens the clips of a split (see ``open_sources``); reports on standard error what is skipped and left out."""
    (source,) = opened_splits(data, model, (split,))
    return source


def opened_splits(data: DataConfig, model: WaveNetConfig, splits: Sequence[str]) -> list[Source]:
    """Opens the clips of several splits, as ``opened`` does for one."""
    with scanning() as progress:
        sources = open_sources(data, model, splits, progress)
    describe_opened(dict(zip(splits, sources, strict=True)))
    return sources


def opened_for(run: wavenet_jax.Run, data_dir: Sequence[str], split: str) -> Source:
    """Opens the clips of a split of a run's data, or of other folders, as ``opened`` does."""
    with scanning() as progress:
        source = run.source(data_dir or None, split, progress)
    describe_opened({split: source})
    return source


def describe_opened(sources: Mapping[str, Source]) -> None:
    """Reports on standard error what was left out of a data set, and names each file that is not used, by split."""
    for note in next(iter(sources.values())).notes:
        console.say(note)
    for split, source in sources.items():
        name_skipped(split, source.skipped)


@contextmanager
def scanning() -> Iterator[Callable[[int, int], None]]:
    """Provides a function that shows in a transient bar how many bytes of how many have been scanned."""
    with _bar(TextColumn("scanning new files"), BarColumn(), DownloadColumn(), TimeRemainingColumn()) as show:
        yield show


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """Provides a function that shows in a transient bar how many things of how many are done; ``what`` names them."""
    with _bar(TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as show:
        yield show


@contextmanager
def _bar(*columns: ProgressColumn) -> Iterator[Callable[[int, int], None]]:
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        tasks: list[TaskID] = []

        def show(done: int, total: int) -> None:
            if not tasks or done < bar.tasks[-1].completed:  # the first file, or the first of another folder
                tasks.append(bar.add_task("", total=total))
            bar.update(tasks[-1], completed=done)

        yield show


def name_skipped(split: str, skipped: Sequence[Skipped]) -> None:
    """Names each file that is not used, on standard error."""
    if skipped:
        console.say(f"{split}: {len(skipped)} files are not used")
    for name, reason in skipped:
        console.say(f"  {name} {reason}")
