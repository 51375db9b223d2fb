"""From interval means to a finer grid that keeps every interval's energy."""

from __future__ import annotations

import numpy as np

from models.domain.errors import ProfileError
from models.profiles.profiles import FloatArray


def refine(mean_kw: FloatArray, ratio: int) -> FloatArray:
    """Means over parts of each interval, along a straight line through the interval's mean.

    The slope is the central one, limited by the steps to both neighbours (the monotonised central limiter of
    B. van Leer, "Towards the ultimate conservative difference scheme. IV", Journal of Computational Physics 23, 1977),
    so nothing new is higher or lower than its neighbours, and an interval at zero stays at zero.

    Args:
        mean_kw: [N, T] means, >= 0 [kW].
        ratio: Parts of an interval.

    Returns:
        [N, T * ratio] means of the parts, >= 0; the mean of each interval's parts is the interval's mean [kW].

    Raises:
        ProfileError: The ratio is below 1.
    """
    if ratio < 1:
        raise ProfileError(f"ratio: found {ratio}, accepted are whole numbers from 1")
    slope_kw = np.zeros_like(mean_kw)
    if mean_kw.shape[1] > 2:
        step_kw = np.diff(mean_kw, axis=1)
        before, after = step_kw[:, :-1], step_kw[:, 1:]
        steepest = 2.0 * np.minimum(np.abs(before), np.abs(after))
        central = 0.5 * (before + after)
        slope_kw[:, 1:-1] = np.where(
            before * after > 0.0, np.sign(central) * np.minimum(np.abs(central), steepest), 0.0
        )
    # Rounding must not push a part below zero: half the slope never exceeds the mean.
    slope_kw = np.clip(slope_kw, -2.0 * mean_kw, 2.0 * mean_kw)
    middle = (np.arange(ratio) + 0.5) / ratio - 0.5
    parts = mean_kw[:, :, None] + slope_kw[:, :, None] * middle
    refined: FloatArray = np.maximum(parts, 0.0).reshape(len(mean_kw), -1)
    return refined
