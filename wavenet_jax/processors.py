"""The processors that there are."""

import os


def processors() -> int:
    """Counts those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
