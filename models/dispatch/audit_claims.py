"""Independent check of the limits that a plan says it cannot keep: each is exceeded by what it says, not less."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.result import LimitKind
from models.dispatch.violation import (
    ENERGY_TOLERANCE_KWH,
    POWER_TOLERANCE_KW,
    WORDED_AT_MOST,
    Violation,
    find_exceeding,
)

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem, FloatArray
    from models.dispatch.result import Plan, Schedule, SoftLimit

_COMMUNITY = (LimitKind.COMMUNITY_IMPORT, LimitKind.COMMUNITY_EXPORT)
_BATTERY = (LimitKind.BATTERY_LOW, LimitKind.BATTERY_HIGH)
UNLISTED = 2.0 * POWER_TOLERANCE_KW
"""What a plan need not list, and as much again for the solvers' tolerance [kW or kWh]."""


def _count_rows(problem: DispatchProblem, kind: LimitKind) -> int:
    if kind in _COMMUNITY:
        return 1
    if kind in _BATTERY:
        return len(problem.batteries)
    return len(problem.runs) if kind is LimitKind.RUN_SKIPPED else problem.demand_kw.shape[0]


def check_indices(problem: DispatchProblem, softened: tuple[SoftLimit, ...]) -> Iterator[Violation]:
    """Every claim names something that there is, and a size."""
    steps = problem.step_h.shape[0]
    for limit in softened:
        rows, is_community = _count_rows(problem, limit.kind), limit.kind in _COMMUNITY
        is_row = limit.index == -1 if is_community else 0 <= limit.index < rows
        is_step = limit.step == -1 if limit.kind is LimitKind.RUN_SKIPPED else 0 <= limit.step < steps
        if not (is_row and is_step and np.isfinite(limit.size) and limit.size > 0.0):
            place = f"{limit.kind} {limit.index}, step {limit.step}"
            yield Violation(rule="claimed limit", place=place, size=limit.size, unit="no such limit")


def add_up_claims(problem: DispatchProblem, softened: tuple[SoftLimit, ...], kind: LimitKind) -> FloatArray:
    """[rows, T] How far a limit is said to be exceeded; one row for the community."""
    claimed = np.zeros((_count_rows(problem, kind), problem.step_h.shape[0]))
    for limit in softened:
        if limit.kind is kind:
            claimed[max(limit.index, 0), limit.step] += limit.size
    return claimed


def find_flows_kw(problem: DispatchProblem, schedule: Schedule) -> tuple[FloatArray, FloatArray]:
    """[N, T] What each connection takes and gives.

    Beyond the control window a member may trade both ways at once, as sides are relaxed there; its connection carries
    the difference.
    """
    taken_kw, given_kw = schedule.import_kw + schedule.buy_kw, schedule.export_kw + schedule.sell_kw
    is_exact = np.arange(problem.step_h.shape[0]) < problem.exact_steps
    return np.where(is_exact, taken_kw, taken_kw - given_kw), np.where(is_exact, given_kw, given_kw - taken_kw)


def find_way_back_kwh(problem: DispatchProblem) -> tuple[FloatArray, FloatArray]:
    """[B, T] Lowest and highest state of charge of batteries on their way back into their limits.

    As fast as the battery's power and what its home leaves of the connection allow; without grid nothing is asked.
    """
    lowest = np.zeros((len(problem.batteries), problem.step_h.shape[0]))
    highest = lowest.copy()
    for b, battery in enumerate(problem.batteries):
        lowest[b], highest[b] = battery.soc_min_kwh, battery.soc_max_kwh
        if battery.soc_min_kwh <= battery.soc_start_kwh <= battery.soc_max_kwh:
            continue
        home_kw = problem.demand_kw[battery.member] - problem.pv_kw[battery.member]
        low, high = battery.soc_start_kwh, battery.soc_start_kwh
        for t, hours in enumerate(problem.step_h.tolist()):
            if not problem.is_islanded[t]:
                room_kw = float(problem.member_import_limit_kw[battery.member] - home_kw[t])
                low += hours * battery.charge_efficiency_frac * min(max(room_kw, 0.0), battery.charge_limit_kw)
                room_kw = float(problem.member_export_limit_kw[battery.member] + home_kw[t])
                power_kw = min(max(room_kw, 0.0), battery.discharge_limit_kw)
                high -= hours * power_kw / battery.discharge_efficiency_frac
            lowest[b, t], highest[b, t] = min(low, battery.soc_min_kwh), max(high, battery.soc_max_kwh)
    return lowest, highest


def check_claims(problem: DispatchProblem, schedule: Schedule, softened: tuple[SoftLimit, ...]) -> Iterator[Violation]:
    """No limit is said to be exceeded that is kept, and none by more than it is; demand left unserved is all listed."""
    net_kw = (schedule.import_kw - schedule.export_kw).sum(axis=0)[None, :]
    lowest_kwh, highest_kwh = find_way_back_kwh(problem)
    actual = {
        LimitKind.MEMBER_IMPORT: find_flows_kw(problem, schedule)[0] - problem.member_import_limit_kw[:, None],
        LimitKind.COMMUNITY_IMPORT: net_kw - problem.community_import_limit_kw,
        LimitKind.COMMUNITY_EXPORT: -net_kw - problem.community_export_limit_kw,
        LimitKind.BATTERY_LOW: lowest_kwh - schedule.soc_kwh,
        LimitKind.BATTERY_HIGH: schedule.soc_kwh - highest_kwh,
        LimitKind.UNSERVED: schedule.unserved_kw,
    }
    for kind, sizes in actual.items():
        claimed = add_up_claims(problem, softened, kind)
        unit = "kWh" if kind in _BATTERY else "kW"
        tolerance = ENERGY_TOLERANCE_KWH if kind in _BATTERY else POWER_TOLERANCE_KW
        yield from find_exceeding(f"claimed {kind}", "row", claimed - np.maximum(sizes, 0.0), tolerance, unit)
        if kind is LimitKind.UNSERVED:
            yield from find_exceeding("unserved, not listed", "member", sizes - claimed, UNLISTED)
    skipped = add_up_claims(problem, softened, LimitKind.RUN_SKIPPED).max(axis=1, initial=0.0)
    is_skipped = np.array(schedule.run_option) == -1
    yield from find_exceeding("claimed run_skipped", "run", np.abs(skipped - is_skipped), ENERGY_TOLERANCE_KWH, "share")


def check_words(plan: Plan) -> Iterator[Violation]:
    """The record's words are those of the limits, the first of them."""
    expected = tuple(str(limit) for limit in plan.softened[:WORDED_AT_MOST])
    if plan.record.violated != expected:
        found = next(iter(plan.record.violated), "nothing")
        yield Violation(rule="limits in words", place=found, size=float(len(plan.record.violated)), unit="entries")
