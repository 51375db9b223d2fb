"""Which limits a schedule does not keep, and by how much: read from the schedule, whatever it came from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.result import LimitKind, SoftLimit
from models.dispatch.violation import WORDED_AT_MOST

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem, FloatArray
    from models.dispatch.result import Schedule

NOTICEABLE = 1e-4
"""A limit exceeded by less is the solvers' tolerance [kW or kWh]."""


def find_softened(problem: DispatchProblem, facts: Facts, schedule: Schedule) -> tuple[SoftLimit, ...]:
    """Limits that the schedule does not keep, largest first: all of them, as the audit grants no other.

    Args:
        problem: A validated problem.
        facts: What its data decide; a battery that started outside its limits is held to its way back.
        schedule: A schedule in which every member is on one side.
    """
    net_kw = (schedule.import_kw - schedule.export_kw).sum(axis=0)[None, :]
    taken_kw, given_kw = schedule.import_kw + schedule.buy_kw, schedule.export_kw + schedule.sell_kw
    # Sides are relaxed beyond the control window: a connection carries the difference.
    taken_kw[:, problem.exact_steps :] -= given_kw[:, problem.exact_steps :]
    beyond = {
        LimitKind.MEMBER_IMPORT: taken_kw - problem.member_import_limit_kw[:, None],
        LimitKind.BATTERY_LOW: facts.storage.soc_lower_kwh - schedule.soc_kwh,
        LimitKind.BATTERY_HIGH: schedule.soc_kwh - facts.storage.soc_upper_kwh,
        LimitKind.UNSERVED: schedule.unserved_kw,
        LimitKind.COMMUNITY_IMPORT: np.where(facts.has_grid, net_kw - problem.community_import_limit_kw, 0.0),
        LimitKind.COMMUNITY_EXPORT: np.where(facts.has_grid, -net_kw - problem.community_export_limit_kw, 0.0),
    }
    found = [limit for kind, sizes in beyond.items() for limit in _list(kind, sizes)]
    found.extend(
        SoftLimit(kind=LimitKind.RUN_SKIPPED, index=int(run), step=-1, size=1.0)
        for run in np.flatnonzero(schedule.run_option < 0)
    )
    return tuple(sorted(found, key=lambda limit: -limit.size))


def keep_given(facts: Facts, softened: tuple[SoftLimit, ...]) -> tuple[SoftLimit, ...]:
    """Those that no schedule could have kept: connections of positions given by the data, and unserved demand."""
    return tuple(
        limit
        for limit in softened
        if limit.kind is LimitKind.UNSERVED
        or (limit.kind is LimitKind.MEMBER_IMPORT and not facts.is_flexible[limit.index, limit.step])
    )


def word_limits(softened: tuple[SoftLimit, ...]) -> tuple[str, ...]:
    """In words, for a record."""
    return tuple(str(limit) for limit in softened[:WORDED_AT_MOST])


def _list(kind: LimitKind, sizes: FloatArray) -> list[SoftLimit]:
    is_community = kind in (LimitKind.COMMUNITY_IMPORT, LimitKind.COMMUNITY_EXPORT)
    return [
        SoftLimit(kind=kind, index=-1 if is_community else int(row), step=int(step), size=float(sizes[row, step]))
        for row, step in np.argwhere(sizes > NOTICEABLE)
    ]
