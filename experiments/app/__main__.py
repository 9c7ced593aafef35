"""Starts the web page on http://localhost:8501, for this machine alone.

    wavenet app [--runs=DIR] [--data_dir=DIR]

The same as ``streamlit run experiments/app/main.py -- [--runs=DIR] [--data_dir=DIR]``, with the settings in
experiments/app/.streamlit/config.toml. STREAMLIT_SERVER_PORT=8502 in the environment chooses another port.
"""

import importlib.util
import os
import sys
from pathlib import Path

from experiments.app.options import PageOptions
from experiments.support import flags
from experiments.support.processes import ISOLATED, own_environment

_PACKAGES = ("streamlit", "altair", "psutil")


def main(options: PageOptions) -> None:
    """Becomes the server; the options have been checked, and are read again there."""
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ValueError(f"the page needs {', '.join(missing)}; pip install 'wavenet-jax[ui]'")
    page = Path(__file__).with_name("main.py")
    command = [sys.executable, *ISOLATED, "-m", "streamlit", "run", str(page), "--", *sys.argv[1:]]
    os.execve(sys.executable, command, own_environment())


if __name__ == "__main__":
    flags.run(main)
