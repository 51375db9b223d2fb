"""Prices of the intervals to settle, the same for all members."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from models.settlement.arrays import BoolArray, FloatArray, finite, freeze


@dataclass(frozen=True, slots=True, kw_only=True)
class IntervalPrices:
    """One tariff for all members; made by ``price_intervals``, arrays are read-only."""

    import_eur_per_kwh: FloatArray
    """[T] p+, may be negative [currency/kWh]."""
    export_eur_per_kwh: FloatArray
    """[T] p-, may be negative or above p+ [currency/kWh]."""
    fee_eur_per_kwh: FloatArray
    """[T] network fee f on shared energy, >= 0 [currency/kWh]."""
    is_islanded: BoolArray
    """[T] intervals without grid."""
    islanded_eur_per_kwh: float
    """Price of shared energy while the grid is away [currency/kWh]."""

    @property
    def is_open(self) -> BoolArray:
        """[T] where sharing is on: p+ - f >= p-, or the grid is away."""
        pays = self.import_eur_per_kwh - self.fee_eur_per_kwh >= self.export_eur_per_kwh - 1e-12
        return pays | self.is_islanded

    @property
    def margin_eur_per_kwh(self) -> FloatArray:
        """[T] gain of a shared kWh, g = max(0, p+ - f - p-); 0 while the grid is away [currency/kWh]."""
        margin = self.import_eur_per_kwh - self.fee_eur_per_kwh - self.export_eur_per_kwh
        return np.where(self.is_islanded, 0.0, np.maximum(margin, 0.0))


def price_intervals(
    import_eur_per_kwh: ArrayLike,
    export_eur_per_kwh: ArrayLike,
    fee_eur_per_kwh: ArrayLike = 0.0,
    *,
    is_islanded: ArrayLike = False,
    islanded_eur_per_kwh: float = 0.0,
) -> IntervalPrices:
    """Prices of T intervals, checked.

    Args:
        import_eur_per_kwh: [T] import price p+ [currency/kWh].
        export_eur_per_kwh: [T] or scalar export price p- [currency/kWh].
        fee_eur_per_kwh: [T] or scalar network fee f [currency/kWh].
        is_islanded: [T] or scalar, intervals without grid.
        islanded_eur_per_kwh: price of shared energy in these [currency/kWh].

    Raises:
        SettlementError: A price is missing (another number of intervals) or not finite.
    """
    shape = (int(np.size(import_eur_per_kwh)),)
    prices = IntervalPrices(
        import_eur_per_kwh=finite("import_eur_per_kwh", import_eur_per_kwh, shape).copy(),
        export_eur_per_kwh=finite("export_eur_per_kwh", _widened(export_eur_per_kwh, shape), shape).copy(),
        fee_eur_per_kwh=finite("fee_eur_per_kwh", _widened(fee_eur_per_kwh, shape), shape).copy(),
        is_islanded=np.array(_widened(is_islanded, shape), dtype=np.bool_),
        islanded_eur_per_kwh=float(finite("islanded_eur_per_kwh", islanded_eur_per_kwh, ())),
    )
    for array in (prices.import_eur_per_kwh, prices.export_eur_per_kwh, prices.fee_eur_per_kwh, prices.is_islanded):
        freeze(array)
    return prices


def _widened(values: ArrayLike, shape: tuple[int, ...]) -> ArrayLike:
    return np.broadcast_to(values, shape) if np.ndim(values) == 0 else values
