"""Versions of what decides a run's numbers and its speed."""

import importlib.metadata
import platform

_PACKAGES = ("wavenet-jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def versions() -> dict[str, str]:
    """Returns the versions of Python, of this package and of the packages that it computes with, by name."""
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


def version(package: str = "wavenet-jax") -> str:
    """Returns the version of an installed package; ``unknown`` where it is not installed, as in a bare checkout."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


__version__ = version()
