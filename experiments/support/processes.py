"""Programs of this package in processes of their own."""

import os
from pathlib import Path

ISOLATED = ("-P",)
"""Options of Python that keep the working directory, which may have a package called experiments, out of its path."""


def own_environment() -> dict[str, str]:
    """Returns this process's environment, in which Python finds this very package first."""
    folder = str(Path(__file__).parents[2])
    others = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path and path != folder]
    return {**os.environ, "PYTHONPATH": os.pathsep.join([folder, *others])}
