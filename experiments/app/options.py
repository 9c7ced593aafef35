"""Folders that the page may read: those that were named when it was started, and none that a browser names."""

import sys
from dataclasses import dataclass
from pathlib import Path

from experiments.support import flags
from wavenet_jax.config import Checked, option

ROOT = Path(__file__).parents[2]
"""The project's folder; its presets name files beside them."""


@dataclass(frozen=True)
class PageOptions(Checked):
    """Folders that the page shows."""

    runs: tuple[str, ...] = option(
        ("runs", "demo"),
        "Run directory, or folder of run directories; repeat for several. The first takes the runs that the page "
        "starts.",
        path=True,
    )
    data_dir: tuple[str, ...] = option(
        (), "Folder of recordings to show and to train on, besides synthetic sounds; repeat for several.", path=True
    )

    def check_together(self) -> None:
        for folder in self.data_dir:
            if not Path(folder).is_dir():
                raise ValueError(f"data_dir must be a folder, and there is none at {folder}; check the path")


def near(path: Path) -> str:
    """Returns a path as one would type it where the server was started."""
    path, here = path.resolve(), Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def page_options() -> PageOptions:
    """Reads the options of this process, which follow ``--`` on the command line of ``streamlit run``."""
    (options,) = flags.read([PageOptions], sys.argv)
    return options
