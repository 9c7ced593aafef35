"""Sources of audio, and batches cut from them."""

from wavenet_jax.data.audit import Audit, audit, verdict
from wavenet_jax.data.baselines import baselines
from wavenet_jax.data.batches import Batch, Batches, prefetch
from wavenet_jax.data.clip import open_clip
from wavenet_jax.data.conditions import (
    Describer,
    check_features,
    check_vector,
    class_ids,
    read_array,
    silence,
    stacked,
    with_classes,
)
from wavenet_jax.data.folder import Collection, FolderSource, Recording, collect
from wavenet_jax.data.open import open_source
from wavenet_jax.data.source import Skipped, Source, blocks
from wavenet_jax.data.splits import SPLITS
from wavenet_jax.data.synthetic import Sound, SyntheticSource

__all__ = [
    "SPLITS",
    "Audit",
    "Batch",
    "Batches",
    "Collection",
    "Describer",
    "FolderSource",
    "Recording",
    "Skipped",
    "Sound",
    "Source",
    "SyntheticSource",
    "audit",
    "baselines",
    "blocks",
    "check_features",
    "check_vector",
    "class_ids",
    "collect",
    "open_clip",
    "open_source",
    "prefetch",
    "read_array",
    "silence",
    "stacked",
    "verdict",
    "with_classes",
]
