"""Weighted means of a home's past days by time of day: the seasonal part of a forecast."""

from __future__ import annotations

import numpy as np

from models.domain.arrays import FloatArray
from models.forecast.slots import DayTable


def weighted_days(table: DayTable, weights: FloatArray, spread_slots: float) -> tuple[FloatArray, FloatArray]:
    """Weighted sums over days, smoothed along the time of day.

    Args:
        table: History.
        weights: [R, D] weight of each past day for each of R results, >= 0.
        spread_slots: Standard deviation of a bell of neighbouring times of day [slots]; 0: none.

    Returns:
        [N, R, S] sums of weight times power [kW], and [N, R, S] sums of the weights of what is known.
    """
    sums, known = weights @ table.mean_kw, weights @ table.is_known
    if spread_slots > 0.0:
        return _smooth(sums, spread_slots), _smooth(known, spread_slots)
    return sums, known


def _smooth(sums: FloatArray, spread_slots: float) -> FloatArray:
    """Means over a bell of neighbouring times of day; midnight's neighbours are the same day's two ends."""
    columns = sums.shape[-1]
    apart = np.minimum(np.arange(columns), columns - np.arange(columns))
    bell = np.exp(-0.5 * (apart / spread_slots) ** 2)
    spectrum = np.fft.rfft(bell / bell.sum())
    smooth: FloatArray = np.fft.irfft(np.fft.rfft(sums, axis=-1) * spectrum, n=columns, axis=-1)
    # Rounding leaves traces of either sign where the sums are zero.
    return np.maximum(smooth, 0.0)
