"""What the page may look at: folders that are named where it is started, and none that a browser names."""

import sys
from dataclasses import dataclass
from pathlib import Path

from experiments import flags
from wavenet_jax.config import Checked, option

ROOT = Path(__file__).parents[2]
"""The project's folder; its presets name files beside them."""


@dataclass(frozen=True)
class PageOptions(Checked):
    """Folders that the page shows."""

    runs: tuple[str, ...] = option(
        ("runs", "demo"),
        "Folder of run directories, or a run directory; repeat for several; the first one takes the runs that are "
        "started on the page.",
    )
    data_dir: tuple[str, ...] = option(
        (), "Folder of recordings to show and to train on, beside synthetic sounds; repeat for several."
    )

    def check_together(self) -> None:
        for folder in self.data_dir:
            if not Path(folder).is_dir():
                raise ValueError(f"data_dir must be a folder, and there is none at {folder}; check the path")


def near(path: Path) -> str:
    """A path as one would type it where the server was started."""
    path, here = path.resolve(), Path.cwd().resolve()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def page_options() -> PageOptions:
    """Those of this process: what stands after ``--`` on the command line of ``streamlit run``."""
    (options,) = flags.read([PageOptions], sys.argv)
    return options
