"""The legend of letters that shapes are written in, and the few type names that every room shares.

======  ==================================================================
letter  meaning
======  ==================================================================
B       batch: streams that never see each other
T       time, in samples
L       layers of the dilated stack
K       kernel size: taps of a dilated convolution
R       residual channels: the width of the stream between layers
G       gate channels: the tanh half and the sigmoid half together
H       hidden channels: one half of the gate, ``G // 2``
S       skip channels: the width of the sum over all layers
E       end channels: the width between the two output projections
Q       quantisation levels
N       slots of all queues together: ``(K - 1) * sum(dilations)``
D       channels that condition each sample
F       frames of a slower tempo (frames per hop)
C       channels of anything else (audio channels, features)
======  ==================================================================

Audio as numbers is a float in [-1, 1] (``waveform``); audio as the model sees it is an integer in
[0, Q) (``codes``). Likelihoods are nats inside the library and bits per sample where people read them.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import jax

Array: TypeAlias = jax.Array
"""An array on a device."""

Key: TypeAlias = jax.Array
"""A ``jax.random`` key (typed, scalar)."""

Params: TypeAlias = dict[str, Any]
"""Nested dictionaries of arrays, by the names of the Linen modules."""


class Conditions(NamedTuple):
    """Descriptions of each stream besides its samples, as numpy or JAX arrays; empty for a network without any."""

    streams: Mapping[str, Any] = {}
    """``[B, ...]`` by the names of ``STREAM_CONDITIONS``: what describes a stream as a whole."""
    frames: Any = None
    """``[B, before + F + after, C]`` float32: features of F frames of ``hop_samples``, and of those around them."""
