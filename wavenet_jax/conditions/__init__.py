"""Conditions: what describes a clip besides its samples, one file each.

A frame condition gives numbers for each frame of a clip, a stream condition describes a clip as a whole. Each says how
it is measured from a clip, and a stream condition how it is embedded; ``FRAME_CONDITIONS`` and ``STREAM_CONDITIONS`` of
``wavenet_jax.config.tables`` hold their classes by name. To add one: a file with its class, and its import below.
"""

from wavenet_jax.conditions.arrays import read_array
from wavenet_jax.conditions.base import (
    Clip,
    FrameCondition,
    Parameters,
    StreamCondition,
    frame_conditions,
    padded,
    stream_conditions,
)
from wavenet_jax.conditions.classes import ClassCondition, class_ids
from wavenet_jax.conditions.f0 import PitchCondition
from wavenet_jax.conditions.file import FileCondition
from wavenet_jax.conditions.mel import MelCondition
from wavenet_jax.conditions.phones import PHONE_COLUMNS, PhonesCondition
from wavenet_jax.conditions.vector import VectorCondition

__all__ = [
    "PHONE_COLUMNS",
    "ClassCondition",
    "Clip",
    "FileCondition",
    "FrameCondition",
    "MelCondition",
    "Parameters",
    "PhonesCondition",
    "PitchCondition",
    "StreamCondition",
    "VectorCondition",
    "class_ids",
    "frame_conditions",
    "padded",
    "read_array",
    "stream_conditions",
]
