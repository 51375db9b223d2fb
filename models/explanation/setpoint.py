"""Why each setpoint is as it is, read off the plan that it comes from: reason code, limits met, marginal price."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import numpy as np

from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan, Schedule
from models.domain.demand_response import DemandEvent, EventSource, find_open_steps
from models.domain.interval import PlanSteps
from models.domain.setpoint import Reason

NOTICEABLE_KW = 0.05
"""Powers below this are the solver's tolerance and the meters' noise [kW]."""
CLOSE = 1e-4
"""A limit is met when no more than this is left [kW or kWh]."""


class LimitMet(StrEnum):
    """Limits that hold a device's power in step 0. Bounded vocabulary: these become field names."""

    FULL_POWER = "full_power"
    """The battery or car can take or give no more."""
    BATTERY_FULL = "battery_full"
    BATTERY_EMPTY = "battery_empty"
    """Down to the least that it has to keep."""
    MEMBER_IMPORT = "member_import"
    """The home's connection can draw no more."""
    MEMBER_EXPORT = "member_export"
    COMMUNITY_IMPORT = "community_import"
    COMMUNITY_EXPORT = "community_export"


def find_battery_limits(problem: DispatchProblem, schedule: Schedule, battery: int) -> tuple[LimitMet, ...]:
    """Limits that a battery's step 0 meets, those of its home and of the community included."""
    own = problem.batteries[battery]
    charge_kw, discharge_kw = schedule.charge_kw[battery, 0], schedule.discharge_kw[battery, 0]
    soc_kwh = schedule.soc_kwh[battery, 0]
    is_full_power = _is_met(charge_kw, own.charge_limit_kw) or _is_met(discharge_kw, own.discharge_limit_kw)
    met = {
        LimitMet.FULL_POWER: is_full_power,
        LimitMet.BATTERY_FULL: soc_kwh >= own.soc_max_kwh - CLOSE,
        LimitMet.BATTERY_EMPTY: soc_kwh <= own.soc_min_kwh + CLOSE,
    }
    return (*(limit for limit, is_met in met.items() if is_met), *find_shared_limits(problem, schedule, own.member))


def find_ev_limits(problem: DispatchProblem, schedule: Schedule, ev: int) -> tuple[LimitMet, ...]:
    """Limits that a car's step 0 meets."""
    own = problem.evs[ev]
    is_full_power = _is_met(schedule.ev_kw[ev, 0], own.charge_limit_kw)
    return (
        *((LimitMet.FULL_POWER,) if is_full_power else ()),
        *find_shared_limits(problem, schedule, own.member),
    )


def find_shared_limits(problem: DispatchProblem, schedule: Schedule, member: int) -> tuple[LimitMet, ...]:
    """Limits of a home's connection and of the community's that step 0 meets."""
    taken_kw = schedule.import_kw[member, 0] + schedule.buy_kw[member, 0]
    given_kw = schedule.export_kw[member, 0] + schedule.sell_kw[member, 0]
    net_kw = float(np.sum(schedule.import_kw[:, 0] - schedule.export_kw[:, 0]))
    has_grid = not problem.is_islanded[0]
    met = {
        LimitMet.MEMBER_IMPORT: _is_met(taken_kw, problem.member_import_limit_kw[member]),
        LimitMet.MEMBER_EXPORT: _is_met(given_kw, problem.member_export_limit_kw[member]),
        LimitMet.COMMUNITY_IMPORT: has_grid and _is_met(net_kw, problem.community_import_limit_kw[0]),
        LimitMet.COMMUNITY_EXPORT: has_grid and _is_met(-net_kw, problem.community_export_limit_kw[0]),
    }
    return tuple(limit for limit, is_met in met.items() if is_met)


def find_marginal_price(plan: Plan, member: int) -> float | None:
    """Cost to the community of one more kWh at a member now: a dual with integers fixed [EUR/kWh]."""
    price = plan.marginal_price_eur_per_kwh
    value = None if price is None else float(price[member, 0])
    return value if value is not None and np.isfinite(value) else None


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


def explain_hold_back(events: Iterable[DemandEvent], step: PlanSteps) -> Reason:
    """Reason for holding a load back in a step: somebody asked for it, or else the day's prices did."""
    asked = [event for event in events if event.source is EventSource.MQTT]
    return Reason.HOLD_BACK_EVENT if find_open_steps(asked, step).any() else Reason.HOLD_BACK_PRICE


def _is_at_peak(problem: DispatchProblem, schedule: Schedule) -> bool:
    """Whether step 0 is among those that set the period's peak."""
    if problem.peak_charge_eur_per_kw <= 0.0:
        return False
    net_kw = np.sum(schedule.import_kw - schedule.export_kw, axis=0)
    same_period = problem.peak_period == problem.peak_period[0]
    highest_kw = max(float(problem.peak_floor_kw[0]), float(np.max(net_kw[same_period])))
    return bool(net_kw[0] >= highest_kw - NOTICEABLE_KW)


def _is_met(power_kw: float, limit_kw: float) -> bool:
    return bool(power_kw >= limit_kw - CLOSE and power_kw > NOTICEABLE_KW)
