"""Generation: strategies, the scan, prefill, streams. Never imports training."""

from wavenet_jax.sampling.scan import (
    Session,
    advance,
    begin,
    piece,
    prefill,
    prepare,
    scan,
    stream,
    uniforms,
    whole_frames,
)
from wavenet_jax.sampling.strategies import Ancestral, Mode, Strategy

__all__ = [
    "Ancestral",
    "Mode",
    "Session",
    "Strategy",
    "advance",
    "begin",
    "piece",
    "prefill",
    "prepare",
    "scan",
    "stream",
    "uniforms",
    "whole_frames",
]
