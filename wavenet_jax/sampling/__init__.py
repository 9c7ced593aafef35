"""Generation: strategies, the scan, prompts, streams. Never imports training."""

from wavenet_jax.sampling.frames import piece, whole_frames
from wavenet_jax.sampling.prompts import primed
from wavenet_jax.sampling.scan import Session, advance, begin, prefill, prepare, scan, uniforms
from wavenet_jax.sampling.strategies import Ancestral, Mode, Schedule, Strategy
from wavenet_jax.sampling.stream import Piece, Stream, stream

__all__ = [
    "Ancestral",
    "Mode",
    "Piece",
    "Schedule",
    "Session",
    "Strategy",
    "Stream",
    "advance",
    "begin",
    "piece",
    "prefill",
    "prepare",
    "primed",
    "scan",
    "stream",
    "uniforms",
    "whole_frames",
]
