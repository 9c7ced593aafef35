"""Sources of audio, and batches cut from them."""

from wavenet_jax.data.baselines import baselines
from wavenet_jax.data.batches import Batch, Batches, prefetch
from wavenet_jax.data.open import open_source
from wavenet_jax.data.source import Skipped, Source, blocks
from wavenet_jax.data.splits import SPLITS
from wavenet_jax.data.synthetic import Sound, SyntheticSource

__all__ = [
    "SPLITS",
    "Batch",
    "Batches",
    "Skipped",
    "Sound",
    "Source",
    "SyntheticSource",
    "baselines",
    "blocks",
    "open_source",
    "prefetch",
]
