"""Provisional money of each interval: shared energy at the local price, the rest at the utility's tariff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.settlement.arrays import EnergyArray, FloatArray, finite, freeze
from models.settlement.prices import IntervalPrices
from models.settlement.sharing import SharedEnergy

WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvisionalMoney:
    """What each interval costs each member before the day is settled; positive = the member pays."""

    cost_eur: FloatArray
    """[N, T] with sharing at the local price [currency]."""
    alone_eur: FloatArray
    """[N, T] what the member's own supplier charges without sharing [currency]."""

    @property
    def benefit_eur(self) -> FloatArray:
        """[N, T] saved by sharing [currency]."""
        return self.alone_eur - self.cost_eur


def charge_suppliers(import_wh: EnergyArray, export_wh: EnergyArray, prices: IntervalPrices) -> FloatArray:
    """What suppliers charge for metered energy: p+ E+ - p- E-, nothing while the grid is away.

    Args:
        import_wh: [..., T] import [Wh].
        export_wh: [..., T] export [Wh].
        prices: prices of the T intervals.

    Returns:
        [..., T] cost [currency].
    """
    cost = (import_wh * prices.import_eur_per_kwh - export_wh * prices.export_eur_per_kwh) / WH_PER_KWH
    return np.where(prices.is_islanded, 0.0, cost)


def settle_provisionally(
    energy: SharedEnergy, prices: IntervalPrices, local_price_eur_per_kwh: FloatArray
) -> ProvisionalMoney:
    """Split money by interval: who receives pays pL + f, who supplies gets pL, the rest is at p+ and p-.

    The sum over members equals the utility's tariff on the community's flows, fee included. While the grid is away
    shared energy has the islanded price and no fee, and the rest (a tolerance of meters, as nobody supplied it) none.

    Args:
        energy: shared energy of N members in T intervals.
        prices: prices of these intervals.
        local_price_eur_per_kwh: [T] price inside the community before the fee [currency/kWh].

    Raises:
        SettlementError: A price is missing or not finite.
    """
    steps = energy.import_wh.shape[1]
    local = finite("local_price_eur_per_kwh", local_price_eur_per_kwh, (steps,))
    paid = np.where(prices.is_islanded, prices.islanded_eur_per_kwh, local + prices.fee_eur_per_kwh)
    earned = np.where(prices.is_islanded, prices.islanded_eur_per_kwh, local)
    grid = charge_suppliers(energy.grid_import_wh, energy.grid_export_wh, prices)
    shared = (energy.received_wh * paid - energy.supplied_wh * earned) / WH_PER_KWH
    money = ProvisionalMoney(
        cost_eur=grid + shared, alone_eur=charge_suppliers(energy.import_wh, energy.export_wh, prices)
    )
    freeze(money.cost_eur)
    freeze(money.alone_eur)
    return money
