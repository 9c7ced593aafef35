"""Generation: strategies, the scan, prompts, streams. Never imports training."""

from wavenet_jax.sampling.devices import sharing
from wavenet_jax.sampling.frames import piece, whole_frames
from wavenet_jax.sampling.guard import Guard, ranked
from wavenet_jax.sampling.prompts import primed
from wavenet_jax.sampling.scan import Session, advance, begin, prefill, prepare, scan, uniforms
from wavenet_jax.sampling.sessions import load_session, save_session
from wavenet_jax.sampling.strategies import Ancestral, Mode, Schedule, Strategy
from wavenet_jax.sampling.stream import Piece, Stream, stream
from wavenet_jax.sampling.watch import Redrawn

__all__ = [
    "Ancestral",
    "Guard",
    "Mode",
    "Piece",
    "Redrawn",
    "Schedule",
    "Session",
    "Strategy",
    "Stream",
    "advance",
    "begin",
    "load_session",
    "piece",
    "prefill",
    "prepare",
    "primed",
    "ranked",
    "save_session",
    "scan",
    "sharing",
    "stream",
    "uniforms",
    "whole_frames",
]
