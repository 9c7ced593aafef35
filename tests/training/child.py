"""A tiny run in a process of its own, to be killed, starved or doubled: prints each event as it comes.

Called as ``python -m tests.training.child JSON`` with ``workdir``, ``changes`` of the configuration, and optionally
``processes`` (coordinator, how many, which) and ``largest_file`` (bytes).
"""

import json
import resource
import sys
from pathlib import Path

import jax

from experiments.support import runtime
from experiments.support.signals import StopSignals
from tests.training.tiny import HELD_OUT, TRAINING, configured
from wavenet_jax.training import Validated, train_events


def main() -> None:
    options = json.loads(sys.argv[1])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    runtime.start(runtime.Hosts(True, *options["processes"]) if "processes" in options else None)
    if "largest_file" in options:
        resource.setrlimit(resource.RLIMIT_FSIZE, (options["largest_file"], resource.RLIM_INFINITY))
    config = configured(**options["changes"])
    with StopSignals() as stop:
        try:
            for event in train_events(config, Path(options["workdir"]), TRAINING, HELD_OUT, stop=stop):
                detail = event.bits_per_sample if isinstance(event, Validated) else getattr(event, "reason", "")
                print(type(event).__name__, event.step, detail, flush=True)
        except ValueError as error:
            print("ValueError", " ".join(str(error).splitlines()), flush=True)
            sys.exit(1)


if __name__ == "__main__":
    main()
