"""Indices of inequality over members. Missing members are NaN and left out; ``None`` means undefined, never zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

FIRST_SHOWN_DAY = 7
"""Day of a billing period from which on indices of its burdens are shown: before, a single invoice dominates them."""


def present(values: ArrayLike) -> FloatArray:
    """The values that are known, in their order.

    Raises:
        ValueError: A value is infinite.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    known = array[~np.isnan(array)]
    if np.any(np.isinf(known)):
        raise ValueError("an index of inequality needs finite values (NaN for missing), found infinity")
    return known


def measure_gini(values: ArrayLike) -> float | None:
    """Gini coefficient G = sum_ij |x_i - x_j| / (2 n^2 mean).

    Range: 0 (all equal) to 1 - 1/n (one has everything). All zero: 0. Negative values count as 0, so that the range
    holds. Missing (NaN): left out. No value at all: ``None``.
    """
    array = np.sort(np.maximum(present(values), 0.0))
    if not array.size:
        return None
    total = float(array.sum())
    if total == 0.0:
        return 0.0
    rank = np.arange(1, array.size + 1)
    # The sorted form of the double sum; clipped because float sums of equal values may end at -1e-17.
    return max(0.0, float(((2 * rank - array.size - 1) * array).sum()) / (array.size * total))


def measure_jain(values: ArrayLike) -> float | None:
    """Jain's index J = (sum x)^2 / (n sum x^2).

    Range: 1/n (one has everything) to 1 (all equal). All zero: 1. Negative values count as 0. Missing (NaN): left out.
    No value at all: ``None``.
    """
    array = np.maximum(present(values), 0.0)
    if not array.size:
        return None
    largest = float(array.max())
    if largest == 0.0:
        return 1.0
    scaled = array / largest
    return float(scaled.sum() ** 2 / (scaled.size * (scaled**2).sum()))


def measure_theil(values: ArrayLike) -> float | None:
    """Theil's T = mean((x/m) ln(x/m)) with m the mean, and 0 ln 0 = 0.

    Range: 0 (all equal) to ln n (one has everything). All zero: 0. Negative values count as 0. Missing (NaN): left
    out. No value at all: ``None``.
    """
    array = np.maximum(present(values), 0.0)
    if not array.size:
        return None
    mean = float(array.mean())
    if mean == 0.0:
        return 0.0
    ratio = array[array > 0.0] / mean
    return max(0.0, float((ratio * np.log(ratio)).sum() / array.size))


def find_worst(values: ArrayLike) -> float | None:
    """Highest value: the worst-off member's burden.

    Range: that of the values. Zero and negative values count as they are. Missing (NaN): left out. No value: ``None``.
    Always shown beside the Gini, which waste can lower.
    """
    array = present(values)
    return float(array.max()) if array.size else None
