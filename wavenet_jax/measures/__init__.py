"""Measures of sound, one class each: distances between a copy and its recording, and reference-free scores.

``MEASURES`` holds the classes by name, ``YARDSTICKS`` the reference systems. A measure imports its packages when it is
created, and raises ``MissingPackageError`` for one that is not installed.
"""

from wavenet_jax.measures import listeners, opinions, speaker, spectra, words, world  # noqa: F401 - they register
from wavenet_jax.measures.base import (
    MEASURES,
    Clip,
    Material,
    Measure,
    MissingPackageError,
    NoValueError,
    Reading,
    Sound,
)
from wavenet_jax.measures.summary import Summary, summary
from wavenet_jax.measures.yardsticks import YARDSTICKS, Yardstick

__all__ = [
    "MEASURES",
    "YARDSTICKS",
    "Clip",
    "Material",
    "Measure",
    "MissingPackageError",
    "NoValueError",
    "Reading",
    "Sound",
    "Summary",
    "Yardstick",
    "summary",
]
