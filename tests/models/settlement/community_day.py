"""A seeded day of a made-up community: metered flows as a self-consumption rule leaves them."""

from __future__ import annotations

import numpy as np

from models.settlement.arrays import FloatArray
from models.settlement.coalition_day import BatteryDay, CoalitionDay, EvDay
from models.settlement.prices import IntervalPrices, price_intervals
from models.settlement.settle_day import SettlementTerms
from models.settlement.shapley import Weighting
from models.settlement.sharing import SharedEnergy, SharingKey, share_energy
from models.settlement.solidarity import SolidarityRule


def price_day(steps: int, *, fee: float = 0.03, export: float = 0.08) -> IntervalPrices:
    hour = np.arange(steps) * 24.0 / steps
    imports = np.where((hour >= 17) & (hour < 21), 0.42, np.where(hour < 6, 0.22, 0.30))
    return price_intervals(imports, export, fee)


def draw_demand(members: int, steps: int, rng: np.random.Generator) -> FloatArray:
    """[N, T] kWh with a morning and an evening peak."""
    hour = np.arange(steps) * 24.0 / steps
    shape = 0.3 + 0.4 * np.exp(-(((hour - 7.5) / 1.5) ** 2)) + 0.8 * np.exp(-(((hour - 19) / 2.5) ** 2))
    noise = rng.lognormal(0.0, 0.5, (members, steps)) * rng.uniform(0.5, 2.0, (members, 1))
    return np.maximum(0.05, shape * noise) * 24.0 / steps


def draw_pv(members: int, steps: int, rng: np.random.Generator) -> FloatArray:
    """[N, T] kWh; 45 % of members have PV under the same clouds."""
    hour = np.arange(steps) * 24.0 / steps
    sun = (
        np.maximum(0.0, np.cos((hour - 13) / 12 * np.pi)) ** 1.3 * (np.abs(hour - 13) < 6) * rng.uniform(0.5, 1, steps)
    )
    size = np.where(rng.random(members) < 0.45, rng.uniform(2.0, 6.0, members), 0.0)
    return size[:, None] * sun * 24.0 / steps


def meter_day(
    members: int, rng: np.random.Generator, *, steps: int = 96, prices: IntervalPrices | None = None
) -> CoalitionDay:
    """Most PV owners have a battery that follows its home's surplus; some members charge a car in the evening."""
    step_h = 24.0 / steps
    demand, pv = draw_demand(members, steps, rng), draw_pv(members, steps, rng)
    net = demand - pv
    batteries, cars = [], []
    for member in range(members):
        if pv[member].any() and rng.random() < 0.8:
            battery = _follow_surplus(member, net[member], step_h, rng)
            net[member] += battery.charged_kwh - battery.discharged_kwh
            batteries.append(battery)
        if rng.random() < 0.15:
            first, last = int(0.75 * steps), steps - 1
            charged = np.zeros(steps)
            charged[first : first + max(1, int(1 / step_h))] = 3.7 * step_h
            net[member] += charged
            cars.append(
                EvDay(member=member, charge_limit_kw=7.4, charged_kwh=charged, first_step=first, last_step=last)
            )
    metered_wh = np.rint(net * 1000.0).astype(np.int64)
    return CoalitionDay(
        step_h=step_h,
        prices=price_day(steps) if prices is None else prices,
        import_wh=np.maximum(metered_wh, 0),
        export_wh=np.maximum(-metered_wh, 0),
        pv_wh=np.rint(pv * 1000.0),
        curtailed_wh=np.zeros((members, steps)),
        import_limit_kw=np.full(members, 17.0),
        export_limit_kw=np.full(members, 17.0),
        batteries=tuple(batteries),
        evs=tuple(cars),
    )


def _follow_surplus(member: int, net: FloatArray, step_h: float, rng: np.random.Generator) -> BatteryDay:
    capacity, power, efficiency = rng.uniform(5.0, 14.0), rng.uniform(3.0, 5.0), 0.95
    soc = start = 0.3 * capacity
    charged, discharged = np.zeros(net.size), np.zeros(net.size)
    for step, need in enumerate(net):
        if need < 0.0:
            charged[step] = max(0.0, min(-need, power * step_h, (capacity - soc) / efficiency))
        else:
            discharged[step] = max(0.0, min(need, power * step_h, (soc - 0.05 * capacity) * efficiency))
        soc += efficiency * charged[step] - discharged[step] / efficiency
    return BatteryDay(
        member=member,
        charge_limit_kw=power,
        discharge_limit_kw=power,
        soc_min_kwh=0.05 * capacity,
        soc_max_kwh=capacity,
        soc_start_kwh=start,
        charge_efficiency_frac=efficiency,
        discharge_efficiency_frac=efficiency,
        wear_eur_per_kwh=0.01,
        charged_kwh=charged,
        discharged_kwh=discharged,
    )


def share_day(day: CoalitionDay) -> SharedEnergy:
    members = day.shape[0]
    return share_energy(
        np.asarray(day.import_wh),
        np.asarray(day.export_wh),
        SharingKey.EQUITY,
        weight=np.ones(members),
        need=np.ones(members),
        is_open=day.prices.is_open,
    )


def draw_terms(
    members: int, seed: int = 1, *, sigma: float = 0.1, weighting: Weighting = Weighting.PROPORTIONAL
) -> SettlementTerms:
    rng = np.random.default_rng(seed)
    weight = rng.uniform(0.2, 5.0, members)
    return SettlementTerms(
        key=SharingKey.EQUITY,
        weighting=weighting,
        weight=weight / weight.mean(),
        need=np.ones(members),
        static_share=None,
        solidarity=SolidarityRule(
            solidarity_frac=sigma,
            support_cap_frac=0.3,
            billed_eur=np.zeros(members),
            income_eur=rng.uniform(30.0, 150.0, members),
            reference_eur=np.full(members, np.inf),
        ),
        carried_loss_eur=np.zeros(members),
    )
