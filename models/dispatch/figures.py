"""Costs, peak, burden and access of a schedule, as plain formulas on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.curtailment import (
    discomfort_prices_eur_per_kwh,
    event_excess_kw,
    load_owners,
    sum_by_member,
)
from models.dispatch.facts import device_owners
from models.dispatch.reserve import reserves_kw

if TYPE_CHECKING:
    from models.dispatch.problem import BoolArray, DispatchProblem, FloatArray
    from models.dispatch.result import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleFigures:
    """What a schedule costs and whom."""

    cost_eur: float
    """F = sum_i (C_i + D_i) + k (P - P0) + price of missing the events' targets"""
    member_cost_eur: FloatArray
    """[N] C_i, without discomfort"""
    peak_kw: FloatArray
    """[Q]"""
    worst_burden_frac: float | None
    access_shortfall_kwh: FloatArray
    """[N] 0 for members that are not protected."""
    discomfort_eur: FloatArray
    """[N] D_i; empty without curtailable loads."""
    event_shortfall_kwh: FloatArray
    """[T] energy above the events' targets; empty without one."""


def measure_schedule(problem: DispatchProblem, schedule: Schedule) -> ScheduleFigures:
    """All figures of a schedule."""
    member_cost = member_costs_eur(problem, schedule)
    peak = peaks_kw(problem, schedule)
    peak_cost = problem.peak_charge_eur_per_kw * float((peak - problem.peak_floor_kw).sum())
    discomfort, missed_kwh = discomforts_eur(problem, schedule), event_shortfalls_kwh(problem, schedule)
    event_cost = float(discomfort.sum()) + problem.event_shortfall_eur_per_kwh * float(missed_kwh.sum())
    return ScheduleFigures(
        cost_eur=float(member_cost.sum()) + peak_cost + event_cost,
        member_cost_eur=member_cost,
        peak_kw=peak,
        worst_burden_frac=worst_burden_frac(problem, member_cost),
        access_shortfall_kwh=access_shortfalls_kwh(problem, schedule),
        discomfort_eur=discomfort,
        event_shortfall_kwh=missed_kwh,
    )


def member_costs_eur(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[N] C_i = sum_t h (p+ imp - p- exp + (pL + f) buy - pL sell) + wear + missing EV energy - end value.

    Discomfort is no money and stands apart.
    """
    local = problem.local_price_eur_per_kwh
    rate_eur_per_h = (
        schedule.import_kw * problem.import_price_eur_per_kwh
        - schedule.export_kw * problem.export_price_eur_per_kwh
        + schedule.buy_kw * (local + problem.network_fee_eur_per_kwh)
        - schedule.sell_kw * local
    )
    cost: FloatArray = rate_eur_per_h @ problem.step_h
    battery_owner, ev_owner, _ = device_owners(problem)
    wear = np.array([battery.wear_eur_per_kwh for battery in problem.batteries])
    value = np.array([battery.end_value_eur_per_kwh for battery in problem.batteries])
    price = np.array([ev.shortfall_eur_per_kwh for ev in problem.evs])
    np.add.at(cost, battery_owner, wear * (schedule.discharge_kw @ problem.step_h))
    np.subtract.at(cost, battery_owner, value * schedule.soc_kwh[:, -1])
    np.add.at(cost, ev_owner, price * schedule.ev_shortfall_kwh)
    return cost


def discomforts_eur(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[N] D_i = sum_t h price cut; empty without curtailable loads."""
    if not problem.curtailables:
        return np.zeros(0)
    discomfort: FloatArray = np.zeros(problem.demand_kw.shape[0])
    each_eur = discomfort_prices_eur_per_kwh(problem) * (schedule.curtailed_load_kw @ problem.step_h)
    np.add.at(discomfort, load_owners(problem), each_eur)
    return discomfort


def event_shortfalls_kwh(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[T] h excess: energy drawn above the events' targets; empty without one."""
    if not problem.event_target_kw.size:
        return np.zeros(0)
    excess_kw = event_excess_kw(problem, schedule.import_kw, schedule.export_kw)
    result: FloatArray = excess_kw * problem.step_h
    return result


def peaks_kw(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[Q] Largest community import of each billing period with its reserve; step 0 counts what is metered already."""
    net_kw = (schedule.import_kw - schedule.export_kw).sum(axis=0) + reserves_kw(problem)
    interval_h = float(problem.step_h[0]) + problem.metered_h
    net_kw[0] = (problem.step_h[0] * net_kw[0] + problem.metered_net_kwh.sum()) / interval_h
    peak = problem.peak_floor_kw.astype(np.float64).copy()
    grid = ~problem.is_islanded
    np.maximum.at(peak, problem.peak_period[grid], net_kw[grid])
    return peak


def worst_burden_frac(problem: DispatchProblem, member_cost_eur: FloatArray) -> float | None:
    """Rawls' z = max_i (c_i + C_i) / Y_i over members with an income."""
    known = np.isfinite(problem.income_eur)
    if not known.any():
        return None
    return float(((problem.billed_eur + member_cost_eur)[known] / problem.income_eur[known]).max())


def protected_members(problem: DispatchProblem) -> BoolArray:
    """[N] Members with an access constraint."""
    counts = problem.access_share_frac > 0.0 and problem.access_shortfall_eur_per_kwh > 0.0
    return problem.is_priority & counts


def access_shortfalls_kwh(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[N] alpha x consumption - renewable energy, over the period so far and the horizon, at least 0.

    Renewable: own PV less what left the meter, and the bought share of the pool's PV surplus, which protected members
    have first, in proportion to what they buy.
    """
    protected = protected_members(problem)
    step_h = problem.step_h
    surplus_kw = np.maximum(problem.pv_kw - problem.demand_kw, 0.0)
    pool_kw = np.minimum(schedule.sell_kw, surplus_kw).sum(axis=0)
    wanted_kw = schedule.buy_kw[protected].sum(axis=0)
    share = np.minimum(pool_kw / np.maximum(wanted_kw, 1e-9), 1.0)
    given_kw = schedule.export_kw + schedule.sell_kw
    own_kw = problem.pv_kw - schedule.curtailed_kw - given_kw
    renewable = problem.renewable_kwh + (own_kw + schedule.buy_kw * share) @ step_h
    used_kw = problem.demand_kw - sum_by_member(problem, schedule.curtailed_load_kw)
    _, ev_owner, run_owner = device_owners(problem)
    np.add.at(used_kw, ev_owner, schedule.ev_kw)
    np.add.at(used_kw, run_owner, schedule.run_kw)
    needed = problem.access_share_frac * (problem.consumption_kwh + used_kw @ step_h)
    result: FloatArray = np.where(protected, np.maximum(needed - renewable, 0.0), 0.0)
    return result
