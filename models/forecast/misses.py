"""What one-step forecasts of the community's net demand missed of late, and the reserve that covers most of it.

Errors of a step ahead count, not of a day ahead: what is seen coming is planned for again, while what a step brings
beyond its plan is on the meter before anything can answer. They follow the time of day (clouds by day, cooking in the
evening), so the reserve is a quantile of the errors near the same time of day.
"""

from __future__ import annotations

import numpy as np

from models.domain.arrays import FloatArray, freeze

QUANTILE = 0.95
"""Part of the errors that the reserve covers; by closed-loop courses (``docs/performance.md``)."""
WINDOW_H = 3.0
"""Errors this near in time of day count [h]."""
LEAST_ERRORS = 20
"""With fewer known errors near a time of day nothing is kept free."""
DAY_H = 24.0


def reserve_against(missed_kw: FloatArray, clock_h: FloatArray, ahead_clock_h: FloatArray) -> FloatArray:
    """Reserve of each step: the quantile of what net demand exceeded its forecast by, near that time of day.

    Args:
        missed_kw: [K] true less forecast net demand of past steps [kW]; NaN: unknown.
        clock_h: [K] their local time of day, 0 to 24 [h].
        ahead_clock_h: [T] local time of day of the steps to come [h].

    Returns:
        [T] >= 0 [kW]; 0 where too few errors are known.
    """
    is_known = np.isfinite(missed_kw)
    missed_kw, clock_h = missed_kw[is_known], clock_h[is_known]
    reserve_kw = np.zeros(len(ahead_clock_h))
    for step, at_h in enumerate(ahead_clock_h.tolist()):
        apart_h = np.abs((clock_h - at_h + DAY_H / 2) % DAY_H - DAY_H / 2)
        near_kw = missed_kw[apart_h <= WINDOW_H]
        if len(near_kw) >= LEAST_ERRORS:
            reserve_kw[step] = max(0.0, float(np.quantile(near_kw, QUANTILE)))
    return freeze(reserve_kw)
