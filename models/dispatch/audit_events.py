"""Independent check of what a plan does for demand-response events: loads held back, targets missed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.audit_figures import find_event_excess_kw
from models.dispatch.violation import ENERGY_TOLERANCE_KWH, POWER_TOLERANCE_KW, Violation, find_exceeding

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem, FloatArray
    from models.dispatch.result import Schedule


def add_up_cuts_kw(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[N, T] Held back from the curtailable loads of each member."""
    total = np.zeros(problem.demand_kw.shape)
    for c, load in enumerate(problem.curtailables):
        total[load.member] += schedule.curtailed_load_kw[c]
    return total


def check_events(problem: DispatchProblem, schedule: Schedule) -> Iterator[Violation]:
    """Loads held back no more than is open, wanted and left of the day; excess as it comes from the nets."""
    s = schedule
    for c, load in enumerate(problem.curtailables):
        where, cut_kw = f"load {c}", s.curtailed_load_kw[c]
        beyond = cut_kw - np.where(load.is_open, load.wanted_kw, 0.0)
        yield from find_exceeding("held back beyond what is wanted", f"{where}, step", beyond, POWER_TOLERANCE_KW)
        energy_kwh = cut_kw * problem.step_h
        by_day = np.array([float(energy_kwh[load.day == day].sum()) for day in range(load.limit_kwh.shape[0])])
        over = by_day - load.limit_kwh
        yield from find_exceeding(
            "held back beyond the day's limit", f"{where}, day", over, ENERGY_TOLERANCE_KWH, "kWh"
        )
    tolerance = POWER_TOLERANCE_KW * max(1.0, np.sqrt(problem.demand_kw.shape[0]))
    off = np.abs(s.event_excess_kw - find_event_excess_kw(problem, s))
    yield from find_exceeding("excess above the event's target", "step", off, tolerance)
