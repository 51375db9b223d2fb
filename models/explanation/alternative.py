"""What it would cost to charge a car or run an appliance at once, or later: the same problem with that choice made."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from models.dispatch.figures import measure_schedule
from models.dispatch.problem import DispatchProblem, EvData
from models.dispatch.result import Plan, Schedule
from models.explanation.setpoint import NOTICEABLE_KW

NOTICEABLE_KWH = 0.05
"""Less energy than this missing at departure is the solver's tolerance [kWh]."""
MOST_TRIES = 4
"""Solutions that are tried for a car whose home or community cannot give it its full power at once."""

Solve = Callable[[DispatchProblem], Plan | None]
"""Solver; ``None`` where it found nothing usable."""


class Alternative(StrEnum):
    """What is asked of a car or an appliance instead of what was planned."""

    CHARGE_AT_ONCE = "charge_at_once"
    CHARGE_LATER = "charge_later"
    RUN_AT_ONCE = "run_at_once"
    RUN_LATER = "run_later"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlternativeAnswer:
    """A plan beside the same plan with another choice made for one device."""

    asked: Alternative
    power_kw: float
    """As planned for step 0 [kW]."""
    other_kw: float
    """In step 0 of the other plan [kW]."""
    extra_eur: float
    """What the other plan costs the community more over the whole horizon [EUR]."""
    is_too_late: bool = False
    """A car that would leave without energy that the plan gives it; the extra cost holds a price for that."""


def ask_car(problem: DispatchProblem, plan: Plan, car: int, solve: Solve) -> AlternativeAnswer | None:
    """Ask what it would cost to charge at once a car that waits, or to let one wait that charges.

    Args:
        problem: The problem of the plan.
        plan: Its plan.
        car: Which car is asked about.
        solve: Solver.

    Returns:
        The comparison; ``None`` where there is nothing to compare.
    """
    schedule, own = plan.schedule, problem.evs[car]
    is_charged = schedule is not None and bool(np.any(schedule.ev_kw[car] > NOTICEABLE_KW))
    # A car that is still to come has no choice now.
    if schedule is None or not is_charged or own.arrival_step > 0:
        return None
    planned_missing_kwh = float(schedule.ev_shortfall_kwh[car])
    if schedule.ev_kw[car, 0] > NOTICEABLE_KW:
        if own.departure_step == 0:
            return None
        other = _schedule_of(solve(_with_car(problem, car, replace(own, arrival_step=1))))
        asked = Alternative.CHARGE_LATER
    else:
        other = _charge_at_once(problem, car, planned_missing_kwh, solve)
        asked = Alternative.CHARGE_AT_ONCE
    if other is None:
        return None
    return AlternativeAnswer(
        asked=asked,
        power_kw=float(schedule.ev_kw[car, 0]),
        other_kw=float(other.ev_kw[car, 0]),
        extra_eur=_find_extra_eur(problem, schedule, other),
        is_too_late=float(other.ev_shortfall_kwh[car]) > planned_missing_kwh + NOTICEABLE_KWH,
    )


def ask_run(problem: DispatchProblem, plan: Plan, run: int, solve: Solve) -> AlternativeAnswer | None:
    """Ask what it would cost to start at once an appliance that waits, or later one that starts.

    Args:
        problem: The problem of the plan.
        plan: Its plan.
        run: Which run is asked about.
        solve: Solver.

    Returns:
        The comparison; ``None`` where there is no other start, or nothing to compare.
    """
    if plan.schedule is None:
        return None
    is_planned_now = bool(plan.schedule.run_kw[run, 0] > NOTICEABLE_KW)
    options = problem.runs[run].option_kw
    wanted = options[(options[:, 0] > NOTICEABLE_KW) != is_planned_now]
    if not len(wanted):
        return None
    runs = list(problem.runs)
    runs[run] = replace(runs[run], option_kw=wanted)
    other = _schedule_of(solve(replace(problem, runs=tuple(runs))))
    if other is None:
        return None
    return AlternativeAnswer(
        asked=Alternative.RUN_LATER if is_planned_now else Alternative.RUN_AT_ONCE,
        power_kw=float(plan.schedule.run_kw[run, 0]),
        other_kw=float(other.run_kw[run, 0]),
        extra_eur=_find_extra_eur(problem, plan.schedule, other),
    )


def _charge_at_once(problem: DispatchProblem, car: int, missing_kwh: float, solve: Solve) -> Schedule | None:
    """The schedule of a car that has to be done as early as its power, and the connections, allow."""
    for deadline in _list_deadlines(problem, problem.evs[car]):
        other = _schedule_of(solve(_with_car(problem, car, replace(problem.evs[car], departure_step=deadline))))
        if (
            other is not None
            and other.ev_kw[car, 0] > NOTICEABLE_KW
            and float(other.ev_shortfall_kwh[car]) <= missing_kwh + NOTICEABLE_KWH
        ):
            return other
    return None


def _list_deadlines(problem: DispatchProblem, own: EvData) -> Iterator[int]:
    """First step by whose end the car can have all it needs, and some after it."""
    full_kwh = np.cumsum(problem.step_h) * own.charge_limit_kw * own.charge_efficiency_frac
    first = int(np.searchsorted(full_kwh, own.energy_needed_kwh - NOTICEABLE_KWH))
    yield from range(min(first, own.departure_step), min(first + MOST_TRIES, own.departure_step + 1))


def _with_car(problem: DispatchProblem, car: int, data: EvData) -> DispatchProblem:
    return replace(problem, evs=(*problem.evs[:car], data, *problem.evs[car + 1 :]))


def _schedule_of(plan: Plan | None) -> Schedule | None:
    return None if plan is None else plan.schedule


def _find_extra_eur(problem: DispatchProblem, planned: Schedule, other: Schedule) -> float:
    return measure_schedule(problem, other).cost_eur - measure_schedule(problem, planned).cost_eur
