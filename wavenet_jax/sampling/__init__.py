"""Generation: strategies, the scan, streams. Never imports training."""

from wavenet_jax.sampling.scan import Session, advance, begin, prepare, scan, stream, uniforms
from wavenet_jax.sampling.strategies import Ancestral, Strategy

__all__ = ["Ancestral", "Session", "Strategy", "advance", "begin", "prepare", "scan", "stream", "uniforms"]
