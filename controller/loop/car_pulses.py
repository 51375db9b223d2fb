"""Beyond a plan's exact steps a car's power may lie below its least current: there it is sent in pulses."""

from __future__ import annotations

from models.dispatch.problem import DispatchProblem, EvData
from models.dispatch.result import Schedule
from models.domain.arrays import FloatArray

NEARLY = 0.999
"""A power this near to the least current is the least current: the solver's tolerance."""
ROOM_KW = 1e-6
"""Limits are kept to this [kW]."""


def pulse_cars(problem: DispatchProblem, schedule: Schedule) -> FloatArray:
    """[E, T] Power of each car, 0 or at least its least current in every step but the exact ones, which are so anyway.

    What the plan asks for below that is added up, and sent as a pulse of the least current as soon as half a pulse is
    due and the plan leaves room for it below the limits of home and community. So what is sent differs from what was
    planned by half a pulse at most wherever there is room; a pulse that finds none waits.
    """
    sent_kw = schedule.ev_kw.copy()
    room = _Room(problem, schedule)
    for row, ev in enumerate(problem.evs):
        least_kw, due_kwh = min(ev.charge_min_kw, ev.charge_limit_kw), 0.0
        for step in range(problem.exact_steps, problem.step_h.shape[0]):
            planned_kw, hours = float(schedule.ev_kw[row, step]), float(problem.step_h[step])
            if planned_kw >= NEARLY * least_kw:
                continue
            due_kwh += max(planned_kw, 0.0) * hours
            is_due = _is_there(ev, step) and 0.0 < least_kw * hours / 2 <= due_kwh
            sent_kw[row, step] = least_kw if is_due and room.has(ev.member, step, least_kw - planned_kw) else 0.0
            due_kwh -= float(sent_kw[row, step]) * hours
            room.take(ev.member, step, float(sent_kw[row, step]) - planned_kw)
    return sent_kw


def _is_there(ev: EvData, step: int) -> bool:
    return ev.arrival_step <= step <= ev.departure_step


class _Room:
    """What a plan leaves of the import limits, less what pulses have taken of it since."""

    def __init__(self, problem: DispatchProblem, schedule: Schedule) -> None:
        intake_kw = schedule.import_kw + schedule.buy_kw
        net_kw = (schedule.import_kw - schedule.export_kw).sum(axis=0)
        self._is_islanded = problem.is_islanded
        self._home_kw = problem.member_import_limit_kw[:, None] - intake_kw
        self._community_kw = problem.community_import_limit_kw - net_kw

    def has(self, member: int, step: int, more_kw: float) -> bool:
        room_kw = min(float(self._home_kw[member, step]), float(self._community_kw[step]))
        return not self._is_islanded[step] and more_kw <= room_kw + ROOM_KW

    def take(self, member: int, step: int, more_kw: float) -> None:
        self._home_kw[member, step] -= more_kw
        self._community_kw[step] -= more_kw
