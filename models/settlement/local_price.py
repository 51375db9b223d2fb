"""Price inside the community, between what importing costs and what exporting earns."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from models.settlement.arrays import FloatArray


def price_mid_market(
    import_price_eur_per_kwh: ArrayLike, export_price_eur_per_kwh: ArrayLike, network_fee_eur_per_kwh: ArrayLike
) -> FloatArray:
    """Mid-market rate pL = (p+ - f + p-) / 2 [currency/kWh]: buyer and seller gain the same on each kWh."""
    local = np.asarray(import_price_eur_per_kwh, dtype=np.float64) - np.asarray(network_fee_eur_per_kwh)
    return np.asarray((local + np.asarray(export_price_eur_per_kwh)) / 2.0)


def price_by_supply_demand(
    import_price_eur_per_kwh: ArrayLike,
    export_price_eur_per_kwh: ArrayLike,
    network_fee_eur_per_kwh: ArrayLike,
    supply_demand_ratio: ArrayLike,
) -> FloatArray:
    """Supply-demand price pL = p- + (p+ - f - p-) (1 - SDR) [currency/kWh], the ratio clipped to [0, 1].

    With no supply pL is the import price less fee, with supply for all it is the export price.
    """
    floor = np.asarray(export_price_eur_per_kwh, dtype=np.float64)
    span = np.asarray(import_price_eur_per_kwh, dtype=np.float64) - np.asarray(network_fee_eur_per_kwh) - floor
    return np.asarray(floor + span * (1.0 - np.clip(supply_demand_ratio, 0.0, 1.0)))


def relate_supply_to_demand(surplus_kwh: ArrayLike, need_kwh: ArrayLike) -> FloatArray:
    """Supply-demand ratio SDR = surplus / need, clipped to [0, 1]; 1 where nobody needs anything."""
    surplus, need = np.broadcast_arrays(
        np.asarray(surplus_kwh, dtype=np.float64), np.asarray(need_kwh, dtype=np.float64)
    )
    ratio = np.divide(surplus, need, out=np.ones(surplus.shape), where=need > 0.0)
    return np.asarray(np.clip(ratio, 0.0, 1.0))
