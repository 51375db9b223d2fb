"""Every member by itself: the self-consumption rule, simulated. What cooperating is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.curtailment import event_excess_kw
from models.dispatch.result import Schedule

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem, FloatArray

SAME_KW = 1e-6
"""Powers that differ by less are the same [kW]."""


def follow_rule(problem: DispatchProblem) -> Schedule:
    """Schedule in which nobody shares and nobody plans.

    Cars charge on arrival at full power, runs start at their first option, batteries store the home's own surplus and
    serve its own deficit, and the rest is imported or exported. A surplus beyond the export limit is curtailed; without
    grid a deficit stays unserved. Nobody holds a load back for an event, and what that misses has its price.
    """
    steps = problem.step_h.shape[0]
    ev_kw, shortfall_kwh = _charge_on_arrival(problem)
    run_kw = np.array([run.option_kw[0] for run in problem.runs]).reshape(len(problem.runs), steps)
    net_kw = problem.demand_kw - problem.pv_kw
    for ev, power in zip(problem.evs, ev_kw, strict=True):
        net_kw[ev.member] += power
    for run, power in zip(problem.runs, run_kw, strict=True):
        net_kw[run.member] += power
    charge_kw, discharge_kw, soc_kwh = _serve_own_home(problem, net_kw)
    for battery, power in zip(problem.batteries, charge_kw - discharge_kw, strict=True):
        net_kw[battery.member] += power
    island = problem.is_islanded[None, :]
    deficit_kw, surplus_kw = np.maximum(net_kw, 0.0), np.maximum(-net_kw, 0.0)
    export_kw = np.where(island, 0.0, np.minimum(surplus_kw, problem.member_export_limit_kw[:, None]))
    import_kw = np.where(island, 0.0, deficit_kw)
    none = np.zeros(problem.demand_kw.shape)
    return Schedule(
        import_kw=import_kw,
        export_kw=export_kw,
        buy_kw=none,
        sell_kw=none,
        curtailed_kw=surplus_kw - export_kw,
        unserved_kw=np.where(island, deficit_kw, 0.0),
        charge_kw=charge_kw,
        discharge_kw=discharge_kw,
        soc_kwh=soc_kwh,
        ev_kw=ev_kw,
        ev_shortfall_kwh=shortfall_kwh,
        run_option=np.zeros(len(problem.runs), dtype=np.int64),
        run_kw=run_kw,
        curtailed_load_kw=np.zeros((len(problem.curtailables), steps if problem.curtailables else 0)),
        event_excess_kw=event_excess_kw(problem, import_kw, export_kw),
    )


def is_rule(problem: DispatchProblem, schedule: Schedule) -> bool:
    """Whether a schedule of the problem moves and limits every device as the rule does."""
    rule = follow_rule(problem)
    return all(
        np.allclose(found, expected, atol=SAME_KW)
        for found, expected in (
            (schedule.charge_kw - schedule.discharge_kw, rule.charge_kw - rule.discharge_kw),
            (schedule.ev_kw, rule.ev_kw),
            (schedule.run_kw, rule.run_kw),
            (schedule.curtailed_kw, rule.curtailed_kw),
            (schedule.curtailed_load_kw, rule.curtailed_load_kw),
        )
    )


def _charge_on_arrival(problem: DispatchProblem) -> tuple[FloatArray, FloatArray]:
    """[E, T] power and [E] energy missing at departure."""
    power_kw = np.zeros((len(problem.evs), problem.step_h.shape[0]))
    missing_kwh = np.array([ev.energy_needed_kwh for ev in problem.evs], dtype=np.float64)
    for index, ev in enumerate(problem.evs):
        for step in range(ev.arrival_step, ev.departure_step + 1):
            if problem.is_islanded[step]:
                continue
            stored_kwh_per_kw = ev.charge_efficiency_frac * float(problem.step_h[step])
            if missing_kwh[index] > 0.0:
                wanted_kw = max(float(missing_kwh[index]) / stored_kwh_per_kw, ev.charge_min_kw)
                power_kw[index, step] = min(ev.charge_limit_kw, wanted_kw)
            missing_kwh[index] = max(missing_kwh[index] - stored_kwh_per_kw * power_kw[index, step], 0.0)
    return power_kw, missing_kwh


def _serve_own_home(problem: DispatchProblem, net_kw: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """[B, T] charging, discharging, state of charge; a home's batteries take turns."""
    charge_kw = np.zeros((len(problem.batteries), problem.step_h.shape[0]))
    discharge_kw, soc_kwh = charge_kw.copy(), charge_kw.copy()
    rest_kw = net_kw.copy()
    for index, battery in enumerate(problem.batteries):
        soc = battery.soc_start_kwh
        for step, hours in enumerate(problem.step_h.tolist()):
            net = float(rest_kw[battery.member, step])
            room_kw = max(battery.soc_max_kwh - soc, 0.0) / (battery.charge_efficiency_frac * hours)
            stock_kw = max(soc - battery.soc_min_kwh, 0.0) * battery.discharge_efficiency_frac / hours
            charge = min(max(-net, 0.0), battery.charge_limit_kw, room_kw)
            discharge = min(max(net, 0.0), battery.discharge_limit_kw, stock_kw)
            soc += hours * (battery.charge_efficiency_frac * charge - discharge / battery.discharge_efficiency_frac)
            charge_kw[index, step], discharge_kw[index, step], soc_kwh[index, step] = charge, discharge, soc
            rest_kw[battery.member, step] += charge - discharge
    return charge_kw, discharge_kw, soc_kwh
