"""Opening a data set where a user watches: a progress bar, and every file that is not used."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from wavenet_jax.config import DataConfig, WaveNetConfig
from wavenet_jax.data import Skipped, Source, open_source


def opened(data: DataConfig, model: WaveNetConfig, split: str) -> Source:
    """The clips of a split (see ``open_source``); says on standard error what is skipped."""
    with listening() as progress:
        source = open_source(data, model, split, progress)
    tell_skipped(split, source.skipped)
    return source


@contextmanager
def listening() -> Iterator[Callable[[int, int], None]]:
    """A function that shows how many bytes of how many have been listened to, in a bar that goes away at the end."""
    columns = (TextColumn("listening to new files"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: list[TaskID] = []

        def show(done: int, total: int) -> None:
            if not tasks or done < bar.tasks[-1].completed:  # the first file, or the first of another folder
                tasks.append(bar.add_task("", total=total))
            bar.update(tasks[-1], completed=done)

        yield show


def tell_skipped(split: str, skipped: Sequence[Skipped]) -> None:
    """Names each file that is not used, on standard error."""
    if skipped:
        print(f"{split}: {len(skipped)} files are not used", file=sys.stderr)
    for name, reason in skipped:
        print(f"  {name} {reason}", file=sys.stderr)
