"""Spectra as they are spoken: drawn around their averages, and as far apart as the speaker's are.

Predictions are smoother than speech, most of all those of words that were not heard in training. Scaling the variance
of a whole sentence gives it back (Silén et al. 2012, Ways to Implement Global Variance in Statistical Speech
Synthesis). What is scaled here are the shapes of spectra alone: the levels of frames are predicted as far apart as they
are. Shapes: B rows, F frames, M mel bands.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from wavenet_jax.acoustic.flow import flowed
from wavenet_jax.acoustic.model import AcousticModel, Spectra
from wavenet_jax.typing import Array, Params


def drawn(
    model: AcousticModel,
    params: Params,
    spectra: Spectra,
    harmonics: Array,
    present: Array,
    speech: Array,
    noise: Array | None,
) -> Array:
    """Draws spectra around their averages; without a flow, averages of speech get the spread of measured ones.

    Args:
      model: whose flow, or statistics, it takes.
      params: of the model.
      spectra: the averages.
      harmonics: of the pitch: see ``flow.Harmonics``, ``[B, F, M + 2]``.
      present: 1 for frames that there are, ``[B, F]``.
      speech: 1 for those with a phone, ``[B, F]``.
      noise: where the flow begins, ``[B, F, M]``; not read without a flow.

    Returns:
      Log-mel in [-1, 1], and somewhat beyond: ``[B, F, M]``.
    """
    config = model.config
    apply: Any = partial(model.apply, {"params": params})
    if not config.flow_channels:
        log_spread, centre = (values[None, None] for values in apply(method="statistics"))
        wider = centre + (spectra.mel - centre) * jnp.clip(jnp.exp(log_spread), 1, config.spread)
        return jnp.where(speech[:, :, None] > 0, wider, spectra.mel)
    assert noise is not None
    condition = apply(spectra, harmonics, method="condition")
    velocity = partial(apply, method="velocity")
    start = noise * config.flow_temperature
    return spectra.mel + flowed(velocity, start, condition, present[:, :, None], config.flow_steps)


def shapes(mel: Array, speech: Array) -> Array:
    """Returns what the spectrum of each frame of speech has beyond the row's average, and beyond a level of its own.

    Args:
      mel: ``[B, F, M]``.
      speech: 1 for frames of speech, ``[B, F]``; others get 0, and do not count.

    Returns:
      ``[B, F, M]``.
    """
    weights = speech[:, :, None]
    average = (mel * weights).sum(axis=1, keepdims=True) / jnp.maximum(weights.sum(axis=1, keepdims=True), 1)
    beyond = mel - average
    return (beyond - beyond.mean(axis=2, keepdims=True)) * weights


def contrasted(mel: Array, speech: Array, factor: float, log_power: float) -> Array:
    """Scales the shapes of spectra, each at the power that it has.

    Args:
      mel: ``[B, F, M]``.
      speech: 1 for frames of speech, ``[B, F]``; others stay as they are.
      factor: 1 changes nothing; 0 gives all frames the average shape.
      log_power: natural logarithm of the power that 1 of ``mel`` stands for.
    """
    if factor == 1:
        return mel
    wider = mel + (factor - 1) * shapes(mel, speech)
    before, after = (jax.nn.logsumexp(log_power * x, axis=2, keepdims=True) for x in (mel, wider))
    return wider + (before - after) / log_power
