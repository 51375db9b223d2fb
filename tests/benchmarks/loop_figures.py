"""What a course of the closed loop came to: energies by member and interval, and their cost, peak and burden."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controller.loop.account import PeriodAccount
from models.domain.arrays import FloatArray, IntArray
from models.domain.tariff import local_price
from models.settlement.prices import price_intervals
from models.settlement.provisional import settle_provisionally
from models.settlement.sharing import SharingKey, share_energy
from tests.benchmarks.loop_world import World

WH_PER_KWH = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Energies of N members in the K intervals of the window [kWh]."""

    import_kwh: FloatArray
    """[N, K] at each member's meter."""
    export_kwh: FloatArray
    """[N, K]"""
    discharge_kwh: FloatArray
    """[N, K] out of the batteries, at their terminals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowCost:
    """What the window cost the community, and whom most."""

    energy_eur: float
    """Grid import and export at the tariff, with the fee on shared energy."""
    wear_eur: float
    peak_kw: float
    """Largest interval mean of the community's net import, at least 0."""
    worst_burden_frac: float | None
    """Highest provisional bill over the income of the same days."""


def cost_window(world: World, flows: Flows) -> WindowCost:
    """Cost, peak and burden of the window, shared and billed by the product's provisional settlement."""
    site, span_h = world.site, world.interval_h
    starts = world.starts(world.start_utc, world.end_utc)
    tariff = world.prices.prices(starts, np.full(len(starts), span_h))
    prices = price_intervals(
        tariff.import_price_eur_per_kwh, tariff.export_price_eur_per_kwh, tariff.network_fee_eur_per_kwh
    )
    shared = share_energy(
        _whole_wh(flows.import_kwh),
        _whole_wh(flows.export_kwh),
        SharingKey(site.sharing.key),
        weight=np.ones(len(site.members)),
        need=[member.persons for member in site.members],
        is_open=prices.is_open,
    )
    billed_eur = settle_provisionally(shared, prices, local_price(tariff, site.tariff.local_price)).cost_eur.sum(axis=1)
    net_kw = (flows.import_kwh - flows.export_kwh).sum(axis=0) / span_h
    account = PeriodAccount(site, world.start_utc)
    burden = billed_eur / account.income_eur(world.end_utc, opened_utc=world.start_utc)
    wear = [max((battery.wear_eur_per_kwh for battery in member.batteries), default=0.0) for member in site.members]
    return WindowCost(
        energy_eur=float(billed_eur.sum()),
        wear_eur=float(np.array(wear) @ flows.discharge_kwh.sum(axis=1)),
        peak_kw=max(0.0, float(net_kw.max())),
        worst_burden_frac=float(np.nanmax(burden)) if np.isfinite(burden).any() else None,
    )


def _whole_wh(energy_kwh: FloatArray) -> IntArray:
    return np.round(WH_PER_KWH * energy_kwh).astype(np.int64)


def reduction_share(uncontrolled_kw: float, reached_kw: float, bound_kw: float) -> float | None:
    """Peak reduction reached as a share of the largest possible one; ``None`` where nothing can be reduced."""
    most_kw = uncontrolled_kw - bound_kw
    return (uncontrolled_kw - reached_kw) / most_kw if most_kw > 1e-6 else None
