"""What the utility charges the community for its metered flows, to the last digit: integers all the way."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from models.settlement.arrays import BoolArray, FloatArray, IntArray
from models.settlement.prices import IntervalPrices
from models.settlement.sharing import SharedEnergy

WH_PER_KWH = 1000
PRICE_DIGITS = 9
"""Prices count to a billionth of the currency per kWh; finer digits are float error."""


def charge_community(energy: SharedEnergy, prices: IntervalPrices) -> Fraction:
    """The utility's tariff on the community's flows: p+ on what the grid delivered, p- on what it took, f on sharing.

    Exact: watt-hours are integers and prices decimal numbers of nine digits. Nothing is charged while the grid is away.

    Args:
        energy: shared energy of N members in T intervals.
        prices: prices of the T intervals.

    Returns:
        The charge as an exact fraction [currency].
    """
    grid = ~prices.is_islanded
    total = (
        _charge(energy.grid_import_wh.sum(axis=0), prices.import_eur_per_kwh, grid)
        - _charge(energy.grid_export_wh.sum(axis=0), prices.export_eur_per_kwh, grid)
        + _charge(energy.shared_wh, prices.fee_eur_per_kwh, grid)
    )
    return Fraction(total, WH_PER_KWH * 10**PRICE_DIGITS)


def to_minor(amount: Fraction | float, minor_per_unit: int = 100) -> int:
    """Round an amount to minor units of its currency, half to even."""
    return round(amount * minor_per_unit)


def _charge(amount_wh: IntArray, price: FloatArray, grid: BoolArray) -> int:
    # Python's integers: a year of a large community at nine digits would pass 2^63.
    scaled = np.rint(price * 10**PRICE_DIGITS).astype(np.int64)
    return sum(int(wh) * int(micro) for wh, micro, counts in zip(amount_wh, scaled, grid, strict=True) if bool(counts))
