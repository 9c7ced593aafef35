"""Set-up of every program before it computes: compilation cache, quiet logs, precision, several hosts."""

import contextlib
import ctypes
import os
import platform
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import jax
from absl import logging

from experiments.support import console
from wavenet_jax.config import Checked, option
from wavenet_jax.processors import processors
from wavenet_jax.storage import cache_folder

# Names and numbers of <malloc.h>; -1 for the trim threshold means never.
_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8

_IMPORTED = time.monotonic()
_GPU_PACKAGE = "jax[cuda13]"


@dataclass(frozen=True)
class Hosts(Checked):
    """Several processes that train as one, each started with the same flags."""

    distributed: bool = option(
        False, "Join the other processes, which are found automatically under SLURM, Open MPI, Kubernetes and on TPU."
    )
    coordinator: str | None = option(None, "Address of process 0, as HOST:PORT, where it is not found automatically.")
    num_processes: int | None = option(None, "Number of processes, where it is not found automatically.", at_least=1)
    process_id: int | None = option(None, "Index of this process, where it is not found automatically.", at_least=0)

    def check_together(self) -> None:
        given = (self.coordinator, self.num_processes, self.process_id)
        if any(value is not None for value in given):
            if not self.distributed:
                raise ValueError("coordinator, num_processes and process_id need --distributed")
            if None in given:
                raise ValueError("coordinator, num_processes and process_id are given together, or none of them")


def start(hosts: Hosts | None = None, *, cores_as_devices: bool = False) -> None:
    """Sets up JAX for this process; call it before anything is computed.

    ``cores_as_devices`` makes each core of the processor a device, for streams that share them: the products of a
    sampler are too small for several cores at once, and streams on different cores never wait for each other. The
    environment variable JAX_NUM_CPU_DEVICES chooses another number.

    Compiled programs are kept in the user's cache directory, so that a second start is fast; the environment
    variable JAX_COMPILATION_CACHE_DIR chooses another place.
    """
    _use_float32()
    # orbax logs the traceback of every error that it also raises.
    logging.set_verbosity(logging.FATAL)
    _keep_memory()
    # A cache that cannot be read or written costs time and nothing else.
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
    by_flag = "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    chosen = by_flag or getattr(jax.config, "jax_num_cpu_devices", 0) > 0
    if cores_as_devices and not chosen:
        with contextlib.suppress(RuntimeError):  # JAX runs already, with the devices that it has
            jax.config.update("jax_num_cpu_devices", processors())
    if hosts is not None and hosts.distributed:
        jax.distributed.initialize(hosts.coordinator, hosts.num_processes, hosts.process_id)
    _check_platform()


def _use_float32() -> None:
    """Computes in float32, the precision of the checkpoints, whatever the environment says."""
    if getattr(jax.config, "jax_enable_x64", False):
        jax.config.update("jax_enable_x64", False)
        console.say("JAX_ENABLE_X64 is not used: networks compute in float32")


def _check_platform() -> None:
    """Raises ``ValueError`` where JAX cannot use the platform that JAX_PLATFORMS names."""
    asked = getattr(jax.config, "jax_platforms", None)
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        if not asked:
            raise
        remedy = "unset JAX_PLATFORMS"
        if "cuda" in asked or "gpu" in asked:
            remedy = f"for an NVIDIA GPU, pip install -U '{_GPU_PACKAGE}'; without one, {remedy}"
        raise ValueError(f"JAX cannot use JAX_PLATFORMS={asked} ({console.reason(error)}); {remedy}") from None


def seconds_since_start() -> float:
    """Returns the age of this process, imports included; where the system does not tell it, that of this module."""
    try:
        after_name = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        began = int(after_name[19]) / os.sysconf("SC_CLK_TCK")  # field 22 of proc(5), in ticks since the system began
        return time.clock_gettime(time.CLOCK_BOOTTIME) - began
    except (OSError, AttributeError):
        return time.monotonic() - _IMPORTED


def _keep_memory() -> None:
    """Makes the C library keep freed memory for the next training step instead of giving it back.

    XLA on CPUs asks for all of a step's memory at once and frees it afterwards. By default glibc maps it anew every
    time: 185,000 page faults a step on the base config, a fifth of its time.
    """
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    for parameter, value in ((_M_ARENA_MAX, 1), (_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1)):
        mallopt(parameter, value)
