"""Starts the page on http://localhost:8501, for this machine alone.

    python -m experiments.app [--runs=DIR] [--data_dir=DIR]

The same as ``streamlit run experiments/app/main.py -- [--runs=DIR] [--data_dir=DIR]``. The settings beside it, in
.streamlit/config.toml, hold for both; STREAMLIT_SERVER_PORT=8502 in the environment chooses another port.
"""

import os
import sys
from pathlib import Path

from experiments import flags
from experiments.app.options import PageOptions


def main(options: PageOptions) -> None:
    """Becomes the server; the options have been checked, and are read again there."""
    page = Path(__file__).with_name("main.py")
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", str(page), "--", *sys.argv[1:]])


if __name__ == "__main__":
    flags.run(main)
