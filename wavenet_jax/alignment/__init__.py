"""Alignment: when each phone of a transcript is spoken in its clip."""

from wavenet_jax.alignment.clips import (
    ALIGNERS,
    AUTO,
    AlignedData,
    align,
    as_aligned,
    joined_alignments,
    with_transcripts,
)
from wavenet_jax.alignment.forced import Aligner
from wavenet_jax.alignment.learned import LearnedAligner, learn
from wavenet_jax.alignment.segments import Alignment, Segment, frames_of

__all__ = [
    "ALIGNERS",
    "AUTO",
    "AlignedData",
    "Aligner",
    "Alignment",
    "LearnedAligner",
    "Segment",
    "align",
    "as_aligned",
    "frames_of",
    "joined_alignments",
    "learn",
    "with_transcripts",
]
