"""What runs in C++ on CPUs: the sampler's inner loop, and the gated stack in training. Depends on the model alone."""

from wavenet_jax.engine.build import EngineMissingError, foreign_device, kinds, library, load
from wavenet_jax.engine.engine import FORMATS, TRUNCATIONS, Drawing, Engine, Samples, missing_part
from wavenet_jax.engine.stack import STACKS, NativeStack, choose_stack, missing_stack_part, stack_library

__all__ = [
    "FORMATS",
    "STACKS",
    "TRUNCATIONS",
    "Drawing",
    "Engine",
    "EngineMissingError",
    "NativeStack",
    "Samples",
    "choose_stack",
    "foreign_device",
    "kinds",
    "library",
    "load",
    "missing_part",
    "missing_stack_part",
    "stack_library",
]
