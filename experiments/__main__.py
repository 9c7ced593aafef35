"""``python -m experiments``: the command ``wavenet``, where it is not installed."""

from experiments.command import main

main()
