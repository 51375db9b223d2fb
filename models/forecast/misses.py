"""What one-step forecasts of the community's net demand missed of late, and the reserve that covers most of it.

Errors of a step ahead count, not of a day ahead: what is seen coming is planned for again, while what a step brings
beyond its plan is on the meter before anything can answer. They follow the time of day (clouds by day, cooking in the
evening), so the reserve is a quantile of the errors near the same time of day.
"""

from __future__ import annotations

import numpy as np

from models.domain.arrays import FloatArray, IntArray, freeze

QUANTILE = 0.95
"""Part of the errors that the reserve covers; by closed-loop courses (``docs/performance.md``)."""
WINDOW_H = 3.0
"""Errors this near in time of day count [h]."""
LEAST_ERRORS = 20
"""With fewer known errors near a time of day nothing is kept free."""
LEAST_HOURS = 5
"""Nor where they happened in fewer hours: errors of neighbouring minutes are one error."""
DAY_H = 24.0


def reserve_against(
    missed_kw: FloatArray, clock_h: FloatArray, ahead_clock_h: FloatArray, *, of_hour: IntArray
) -> FloatArray:
    """Reserve of each step: the quantile of what net demand exceeded its forecast by, near that time of day.

    Args:
        missed_kw: [K] true less forecast net demand of past steps [kW]; NaN: unknown.
        clock_h: [K] their local time of day, 0 to 24 [h].
        ahead_clock_h: [T] local time of day of the steps to come [h].
        of_hour: [K] number of the hour that each happened in, counted on over days.

    Returns:
        [T] >= 0 [kW]; 0 where too few errors, or errors of too few hours, are known.
    """
    is_known = np.isfinite(missed_kw)
    missed_kw, clock_h, of_hour = missed_kw[is_known], clock_h[is_known], of_hour[is_known]
    reserve_kw = np.zeros(len(ahead_clock_h))
    for step, at_h in enumerate(ahead_clock_h.tolist()):
        apart_h = np.abs((clock_h - at_h + DAY_H / 2) % DAY_H - DAY_H / 2)
        is_near = apart_h <= WINDOW_H
        near_kw = missed_kw[is_near]
        if len(near_kw) >= LEAST_ERRORS and len(np.unique(of_hour[is_near])) >= LEAST_HOURS:
            reserve_kw[step] = max(0.0, float(np.quantile(near_kw, QUANTILE)))
    return freeze(reserve_kw)
