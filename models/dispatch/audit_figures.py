"""The figures of a schedule once more, member by member and step by step, for the audit.

Written from the definitions, in another way than ``figures`` and without anything of the model: a mistake would have to
be made twice, alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem, FloatArray
    from models.dispatch.result import Schedule


def bill_members_eur(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[N] Energy [kWh] from and to grid and pool, each at its price, and what the member's devices cost."""
    hours = problem.step_h
    grid = (schedule.import_kw * hours) @ problem.import_price_eur_per_kwh
    grid = grid - (schedule.export_kw * hours) @ problem.export_price_eur_per_kwh
    pool = ((schedule.buy_kw - schedule.sell_kw) * hours) @ problem.local_price_eur_per_kwh
    fee = (schedule.buy_kw * hours) @ problem.network_fee_eur_per_kwh
    bill: FloatArray = grid + pool + fee
    for b, battery in enumerate(problem.batteries):
        given_kwh = float((schedule.discharge_kw[b] * hours).sum())
        change_kwh = float((schedule.charge_kw[b] * hours).sum()) * battery.charge_efficiency_frac
        left_kwh = battery.soc_start_kwh + change_kwh - given_kwh / battery.discharge_efficiency_frac
        bill[battery.member] += battery.wear_eur_per_kwh * given_kwh - battery.end_value_eur_per_kwh * left_kwh
    for e, ev in enumerate(problem.evs):
        bill[ev.member] += ev.shortfall_eur_per_kwh * float(schedule.ev_shortfall_kwh[e])
    return bill


def find_community_cost_eur(
    problem: DispatchProblem, schedule: Schedule, bill_eur: FloatArray, peak_kw: FloatArray
) -> float:
    """F from the members' bills [N] and the peaks [Q]: with the peak charge, discomfort and missed targets."""
    cost_eur = float(bill_eur.sum() + problem.peak_charge_eur_per_kw * (peak_kw - problem.peak_floor_kw).sum())
    excess_kw = find_event_excess_kw(problem, schedule)
    missed_kwh = float((excess_kw * problem.step_h[: excess_kw.shape[0]]).sum())
    cost_eur += problem.event_shortfall_eur_per_kwh * missed_kwh
    return cost_eur + float(find_discomforts_eur(problem, schedule).sum())


def find_discomforts_eur(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[N] What each member's held-back energy is worth to it; empty without curtailable loads."""
    worth = np.zeros(problem.demand_kw.shape[0] if problem.curtailables else 0)
    for c, load in enumerate(problem.curtailables):
        for t, hours in enumerate(problem.step_h.tolist()):
            worth[load.member] += hours * float(schedule.curtailed_load_kw[c, t]) * load.discomfort_eur_per_kwh
    return worth


def find_event_excess_kw(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[T] What is drawn above the target of an event, where the grid is there; empty without an event."""
    excess = np.zeros(problem.event_target_kw.shape)
    for t, target_kw in enumerate(problem.event_target_kw.tolist()):
        if np.isfinite(target_kw) and not problem.is_islanded[t]:
            net_kw = float(schedule.import_kw[:, t].sum()) - float(schedule.export_kw[:, t].sum())
            excess[t] = net_kw - target_kw if net_kw > target_kw else 0.0
    return excess


def find_peaks_kw(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[Q] The largest mean import of any interval of each billing period, with its reserve; at least its floor."""
    peaks = [float(floor) for floor in problem.peak_floor_kw]
    for t, hours in enumerate(problem.step_h.tolist()):
        if problem.is_islanded[t]:
            continue
        energy_kwh = float(schedule.import_kw[:, t].sum() - schedule.export_kw[:, t].sum()) * hours
        if problem.peak_reserve_kw.size:
            energy_kwh += float(problem.peak_reserve_kw[t]) * hours
        if t == 0:
            energy_kwh += float(problem.metered_net_kwh.sum())
            hours += problem.metered_h  # noqa: PLW2901  # the whole interval, of which step 0 is the rest
        period = int(problem.peak_period[t])
        peaks[period] = max(peaks[period], energy_kwh / hours)
    return np.array(peaks)


def find_worst_burden(problem: DispatchProblem, bill_eur: FloatArray) -> float | None:
    """The highest (billed so far + bill of the horizon) / income."""
    known = [i for i, income in enumerate(problem.income_eur.tolist()) if np.isfinite(income)]
    burdens = [float((problem.billed_eur[i] + bill_eur[i]) / problem.income_eur[i]) for i in known]
    return max(burdens, default=None)


def find_missing_access_kwh(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[N] What each protected member's renewable energy falls short of its share of consumption."""
    missing = np.zeros(problem.demand_kw.shape[0])
    if problem.access_share_frac <= 0.0 or problem.access_shortfall_eur_per_kwh <= 0.0:
        return missing
    members = [int(i) for i in np.flatnonzero(problem.is_priority)]
    served = np.zeros(problem.step_h.shape)
    for t in range(problem.step_h.shape[0]):
        spare_kw = problem.pv_kw[:, t] - problem.demand_kw[:, t]
        offered = float(np.where(spare_kw > 0.0, np.minimum(schedule.sell_kw[:, t], spare_kw), 0.0).sum())
        wanted = sum(float(schedule.buy_kw[i, t]) for i in members)
        served[t] = 1.0 if wanted <= max(offered, 0.0) else max(offered, 0.0) / wanted
    for i in members:
        used_kw = problem.demand_kw[i].copy()
        for e, ev in enumerate(problem.evs):
            used_kw += schedule.ev_kw[e] if ev.member == i else 0.0
        for s, run in enumerate(problem.runs):
            used_kw += schedule.run_kw[s] if run.member == i else 0.0
        for c, load in enumerate(problem.curtailables):
            used_kw -= schedule.curtailed_load_kw[c] if load.member == i else 0.0
        own_kw = problem.pv_kw[i] - schedule.curtailed_kw[i] - schedule.export_kw[i] - schedule.sell_kw[i]
        renewable_kwh = (
            float(((own_kw + schedule.buy_kw[i] * served) * problem.step_h).sum()) + problem.renewable_kwh[i]
        )
        used_kwh = float((used_kw * problem.step_h).sum()) + problem.consumption_kwh[i]
        missing[i] = max(problem.access_share_frac * used_kwh - renewable_kwh, 0.0)
    return missing
