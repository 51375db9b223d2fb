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
    homes, days, columns = table.mean_kw.shape
    flat = np.stack([table.mean_kw, table.is_known]).transpose(0, 1, 3, 2).reshape(2 * homes * columns, days)
    sums = (flat @ weights.T).reshape(2, homes, columns, len(weights)).transpose(0, 1, 3, 2)
    if spread_slots > 0.0:
        sums = sums @ _bell(columns, spread_slots)
    return sums[0], sums[1]


def _bell(columns: int, spread_slots: float) -> FloatArray:
    """[S, S] weights of neighbouring times of day; midnight's neighbours are the same day's ends."""
    apart = np.abs(np.arange(columns)[:, None] - np.arange(columns)[None, :])
    apart = np.minimum(apart, columns - apart)
    weights = np.exp(-0.5 * (apart / spread_slots) ** 2)
    normalised: FloatArray = weights / weights.sum(axis=0)
    return normalised
