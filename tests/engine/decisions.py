"""Whether the last bits of sums decide a draw: in float64, a code may be drawn if its cell is within a tolerance."""

import numpy as np
from scipy.special import ndtri

from wavenet_jax.audio.companding import expand
from wavenet_jax.model import Head
from wavenet_jax.model.heads import Categorical, CoarseFine, Mixture

_OF_A_SUM = 2e-5
"""Share of the sum of all probabilities by which two orders of summation may differ."""
_OF_A_VALUE = 2e-5
"""Difference of a drawn value on an axis from -1 to 1."""


def may_be(
    head: Head, outputs: np.ndarray, uniforms: np.ndarray, code: int, temperature: float = 1.0, **truncation: float
) -> bool:
    """Whether a code is what these outputs ``[O]`` and uniforms ``[draws]`` give, but for rounding."""
    outputs = np.asarray(outputs, np.float64)
    if isinstance(head, Categorical):
        return _in_cell(outputs, uniforms[0], code, temperature, **truncation)
    if isinstance(head, CoarseFine):
        assert head.weights is not None
        table, kernel, bias = (np.asarray(weight, np.float64) for weight in head.weights)
        high, low = divmod(code, 256)
        fine = np.maximum(outputs[256:] + table[high], 0) @ kernel + bias
        in_high = _in_cell(outputs[:256], uniforms[0], high, temperature, **truncation)
        return in_high and _in_cell(fine, uniforms[1], low, temperature, **truncation)
    assert isinstance(head, Mixture)
    logits, means, log_scales = np.split(outputs, 3)
    uniform = np.clip(np.float64(np.float32(uniforms[1])) + 2**-24, 0, 1 - 2**-24)
    quantile = np.log(uniform / (1 - uniform)) if head.distribution == "logistic" else ndtri(uniform)
    for component in range(head.components):
        if _in_cell(logits, uniforms[0], component, temperature):
            scale = np.exp(max(log_scales[component], head.log_scale_floor)) * temperature
            value = means[component] + scale * quantile
            error = _OF_A_VALUE * max(1, abs(value), scale * abs(quantile))
            low, high = (_code(head, edge) for edge in (value - error, value + error))
            if low <= code <= high:
                return True
    return False


def _code(head: Mixture, value: float) -> int:
    value = float(expand(value)) if head.axis == "mu_law" else value
    code = np.floor(value * (head.levels - 1) / 2 + head.levels % 2 / 2) + head.levels // 2
    return int(np.clip(code, 0, head.levels - 1))


def _in_cell(
    logits: np.ndarray,
    uniform: float,
    place: int,
    temperature: float,
    top_k: float | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
) -> bool:
    weights = np.exp((logits - logits.max()) / temperature)
    order = np.arange(len(weights))
    if (top_k, top_p, min_p) != (None, None, None):
        order = np.argsort(-weights, kind="stable")
        weights = weights[order]
        kept = len(weights) if top_k is None else int(top_k)
        if top_p is not None:
            kept = min(kept, 1 + int((np.cumsum(weights) < top_p * weights.sum()).sum()))
        if min_p is not None:
            kept = min(kept, int((weights >= min_p).sum()))
        weights = np.where(np.arange(len(weights)) < max(kept, 1), weights, 0)
    sums = np.concatenate([[0], np.cumsum(weights)]) / weights.sum()
    rank = int(np.flatnonzero(order == place)[0])
    return bool(sums[rank] - _OF_A_SUM <= uniform <= sums[rank + 1] + _OF_A_SUM)
