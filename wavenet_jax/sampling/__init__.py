"""Generation: strategies, the scan, prompts, streams. Never imports training."""

from wavenet_jax.sampling.devices import on_each, sharing, spread
from wavenet_jax.sampling.frames import conditions_at
from wavenet_jax.sampling.guard import Guard, ranked
from wavenet_jax.sampling.native import ENGINES, advance_native, choose_engine, extend_native, judging_engine
from wavenet_jax.sampling.prompts import primed
from wavenet_jax.sampling.scan import (
    Session,
    advance,
    begin,
    prefill,
    prepare_weights,
    streams_of,
    uniforms,
    with_guidance,
)
from wavenet_jax.sampling.sessions import load_session, save_session
from wavenet_jax.sampling.strategies import Ancestral, Mode, Schedule, Strategy
from wavenet_jax.sampling.stream import Piece, Stream, stream
from wavenet_jax.sampling.watch import Redrawn

__all__ = [
    "ENGINES",
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
    "advance_native",
    "begin",
    "choose_engine",
    "conditions_at",
    "extend_native",
    "judging_engine",
    "load_session",
    "on_each",
    "prefill",
    "prepare_weights",
    "primed",
    "ranked",
    "save_session",
    "sharing",
    "spread",
    "stream",
    "streams_of",
    "uniforms",
    "with_guidance",
]
