"""From a proposed step to weights that the by-law allows: step limit, bounds, and a mean of exactly 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.domain.arrays import BoolArray, FloatArray, freeze
from models.domain.errors import PolicyError


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """Weights with mean 1 within their bounds, and how they came about."""

    weight: FloatArray
    """[N] read-only."""
    scale: float
    """s: the factor on the weights before they were held to their bounds."""
    is_at_bound: BoolArray
    """[N] the weight was held to its least or largest value."""


def limit_step(log_weight_step: FloatArray, max_log_step: float) -> FloatArray:
    """[N] the steps, none larger than the limit in either direction.

    Raises:
        PolicyError: a step is not finite.
    """
    if not np.isfinite(log_weight_step).all():
        raise PolicyError("log_weight_step: found a value that is not finite")
    return np.clip(log_weight_step, -max_log_step, max_log_step)


def project_weights(weight: FloatArray, weight_min: float, weight_max: float) -> Projection:
    """The weights ``clip(s w, w_min, w_max)`` with the s for which their mean is 1.

    The mean is a rising, piecewise linear function of s with kinks where a weight leaves its least or reaches its
    largest value; the piece that crosses 1 is found among the sorted kinks and solved exactly.

    Args:
        weight: [N] > 0 and finite, N >= 1.
        weight_min: least weight, at most 1.
        weight_max: largest weight, at least 1.

    Raises:
        PolicyError: a weight is not positive and finite, or the bounds do not enclose 1.
    """
    if weight.size == 0 or not (np.isfinite(weight) & (weight > 0.0)).all():
        raise PolicyError("weights must be positive and finite, at least one")
    if not 0.0 < weight_min <= 1.0 <= weight_max:
        raise PolicyError(f"weight bounds {weight_min:g} and {weight_max:g} do not enclose 1")
    # Scaling changes nothing of the result but keeps kinks of very unequal weights finite.
    relative = weight / weight.max()
    scale = _solve_scale(relative, weight_min, weight_max)
    projected = np.clip(scale * relative, weight_min, weight_max)
    is_at_bound = (projected <= weight_min) | (projected >= weight_max)
    is_at_bound.setflags(write=False)
    return Projection(weight=freeze(projected), scale=float(scale / weight.max()), is_at_bound=is_at_bound)


def _solve_scale(weight: FloatArray, weight_min: float, weight_max: float) -> float:
    leaves_least, reaches_most = weight_min / weight, weight_max / weight
    kinks = np.concatenate([leaves_least, reaches_most])
    order = np.argsort(kinks, kind="stable")
    kinks = kinks[order]
    slope = np.cumsum(np.concatenate([weight, -weight])[order])
    # Sum of the weights at each kink, starting with all at their least.
    total = weight.size * weight_min + np.concatenate([[0.0], np.cumsum(slope[:-1] * np.diff(kinks))])
    piece = max(int(np.searchsorted(total, weight.size, side="left")) - 1, 0)
    middle = (kinks[piece] + kinks[min(piece + 1, kinks.size - 1)]) / 2.0
    is_free = (leaves_least < middle) & (middle < reaches_most)
    at_least, at_most = np.count_nonzero(leaves_least >= middle), np.count_nonzero(reaches_most <= middle)
    free = float(weight[is_free].sum())
    # Without a free weight the mean is 1 all along the piece, or as near as rounding leaves it.
    return float((weight.size - at_least * weight_min - at_most * weight_max) / free) if free > 0.0 else float(middle)
