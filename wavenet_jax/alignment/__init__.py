"""Forced alignment: when each phone of a transcript is spoken in its clip."""

from wavenet_jax.alignment.clips import AlignedData, align, with_transcripts
from wavenet_jax.alignment.forced import Aligner
from wavenet_jax.alignment.segments import Alignment, Segment, frames_of

__all__ = ["AlignedData", "Aligner", "Alignment", "Segment", "align", "frames_of", "with_transcripts"]
