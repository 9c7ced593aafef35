"""Sources of audio, and batches cut from them."""

from wavenet_jax.data.audit import Audit, audit, verdict
from wavenet_jax.data.baselines import baselines
from wavenet_jax.data.batches import Batch, Batches, prefetch
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
    "FolderSource",
    "Recording",
    "Skipped",
    "Sound",
    "Source",
    "SyntheticSource",
    "audit",
    "baselines",
    "blocks",
    "collect",
    "open_source",
    "prefetch",
    "verdict",
]
