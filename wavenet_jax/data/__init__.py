"""Sources of audio, and batches cut from them."""

from wavenet_jax.data.arrays import ArraySource
from wavenet_jax.data.audit import Audit, audit, verdict
from wavenet_jax.data.baselines import baselines
from wavenet_jax.data.batches import Batch, Batches, Numbered, prefetch
from wavenet_jax.data.clip import open_clip
from wavenet_jax.data.crops import context_samples
from wavenet_jax.data.describer import (
    Describer,
    check_feature_dir,
    describer_of_judged,
    description,
    sidecar,
    stacked,
    usable,
    with_classes,
)
from wavenet_jax.data.fingerprint import Fingerprint, difference, fingerprint, have_common_clips
from wavenet_jax.data.folder import Collection, FolderSource, Recording, collect
from wavenet_jax.data.open import open_source, open_sources
from wavenet_jax.data.source import Skipped, Source, blocks
from wavenet_jax.data.splits import SPLITS
from wavenet_jax.data.synthetic import Sound, SyntheticSource

__all__ = [
    "SPLITS",
    "ArraySource",
    "Audit",
    "Batch",
    "Batches",
    "Collection",
    "Describer",
    "Fingerprint",
    "FolderSource",
    "Numbered",
    "Recording",
    "Skipped",
    "Sound",
    "Source",
    "SyntheticSource",
    "audit",
    "baselines",
    "blocks",
    "check_feature_dir",
    "collect",
    "context_samples",
    "describer_of_judged",
    "description",
    "difference",
    "fingerprint",
    "have_common_clips",
    "open_clip",
    "open_source",
    "open_sources",
    "prefetch",
    "sidecar",
    "stacked",
    "usable",
    "verdict",
    "with_classes",
]
