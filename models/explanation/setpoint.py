"""Reason code of each setpoint, read off the plan that it comes from."""

from __future__ import annotations

import numpy as np

from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Schedule
from models.domain.setpoint import Reason

NOTICEABLE_KW = 0.05
"""Powers below this are the solver's tolerance and the meters' noise [kW]."""


def explain_battery(problem: DispatchProblem, schedule: Schedule, battery: int) -> Reason:
    """Reason for a battery's power in step 0."""
    member = problem.batteries[battery].member
    if schedule.charge_kw[battery, 0] > NOTICEABLE_KW:
        surplus_kw = float(np.sum(problem.pv_kw[:, 0] - schedule.curtailed_kw[:, 0] - problem.demand_kw[:, 0]))
        own_kw = float(problem.pv_kw[member, 0] - problem.demand_kw[member, 0])
        is_surplus = own_kw > NOTICEABLE_KW or surplus_kw > NOTICEABLE_KW
        return Reason.STORE_SURPLUS if is_surplus else Reason.CHARGE_CHEAP
    if schedule.discharge_kw[battery, 0] <= NOTICEABLE_KW:
        return Reason.IDLE
    if schedule.sell_kw[member, 0] > NOTICEABLE_KW:
        return Reason.SUPPLY_NEIGHBOURS
    if schedule.export_kw[member, 0] > NOTICEABLE_KW:
        return Reason.EXPORT_DEAR
    return Reason.SHAVE_PEAK if _is_at_peak(problem, schedule) else Reason.SUPPLY_HOME


def explain_ev(schedule: Schedule, ev: int) -> Reason:
    """Reason for a car's charging power in step 0."""
    if schedule.ev_kw[ev, 0] > NOTICEABLE_KW:
        return Reason.CHARGE_FOR_DEPARTURE
    return Reason.WAIT_FOR_CHEAPER if float(np.sum(schedule.ev_kw[ev])) > NOTICEABLE_KW else Reason.IDLE


def explain_run(schedule: Schedule, run: int) -> Reason:
    """Reason for starting an appliance now, or not yet."""
    return Reason.RUN_NOW if schedule.run_kw[run, 0] > NOTICEABLE_KW else Reason.WAIT_FOR_CHEAPER


def explain_curtailment(problem: DispatchProblem) -> Reason:
    """Reason for limiting PV generation in step 0."""
    is_price = float(problem.export_price_eur_per_kwh[0]) < 0.0
    return Reason.CURTAIL_PRICE if is_price else Reason.CURTAIL_LIMIT


def _is_at_peak(problem: DispatchProblem, schedule: Schedule) -> bool:
    """Whether step 0 is among those that set the period's peak."""
    if problem.peak_charge_eur_per_kw <= 0.0:
        return False
    net_kw = np.sum(schedule.import_kw - schedule.export_kw, axis=0)
    same_period = problem.peak_period == problem.peak_period[0]
    highest_kw = max(float(problem.peak_floor_kw[0]), float(np.max(net_kw[same_period])))
    return bool(net_kw[0] >= highest_kw - NOTICEABLE_KW)
