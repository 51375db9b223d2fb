"""From a point of the linear program to a schedule, and to the limits it could not keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.dispatch.facts import SIGN_KW
from models.dispatch.layout import NONE, Layout, gather
from models.dispatch.result import LimitKind, Schedule, SoftLimit

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem, FloatArray, IntArray

NOTICEABLE = 1e-4
"""A limit exceeded by less is the solvers' tolerance [kW or kWh]."""
LISTED_AT_MOST = 200
"""Bound on the list of softened limits; the largest come first."""


def read_schedule(problem: DispatchProblem, facts: Facts, layout: Layout, x: FloatArray) -> Schedule:
    """Schedule of a point; what fixed positions do not trade they import or export."""

    def power(columns: IntArray) -> FloatArray:
        return np.maximum(gather(x, columns), 0.0)

    buy_kw, sell_kw = power(layout.pool_buy), power(layout.pool_sell)
    is_fixed, fixed_kw = ~facts.is_flexible, facts.fixed_kw
    import_kw = power(layout.grid_import) + power(layout.excess)
    export_kw = power(layout.grid_export)
    import_kw = np.where(is_fixed, np.maximum(np.maximum(fixed_kw, 0.0) - buy_kw, 0.0), import_kw)
    export_kw = np.where(is_fixed, np.maximum(np.maximum(-fixed_kw, 0.0) - sell_kw, 0.0), export_kw)
    return Schedule(
        import_kw=import_kw,
        export_kw=export_kw,
        buy_kw=buy_kw,
        sell_kw=sell_kw,
        unserved_kw=power(layout.unserved),
        **read_devices(problem, layout, x),
    )


def read_devices(problem: DispatchProblem, layout: Layout, x: FloatArray) -> dict[str, Any]:
    """The parts of a schedule that belong to devices, by field name."""
    option, run_kw = _read_runs(problem, layout, x)
    return {
        "curtailed_kw": np.maximum(gather(x, layout.curtail), 0.0),
        "charge_kw": np.maximum(gather(x, layout.charge), 0.0),
        "discharge_kw": np.maximum(gather(x, layout.discharge), 0.0),
        "soc_kwh": gather(x, layout.soc),
        "ev_kw": np.maximum(gather(x, layout.ev_charge), 0.0),
        "ev_shortfall_kwh": _ev_shortfalls(problem, layout, x),
        "run_option": option,
        "run_kw": run_kw,
    }


def _ev_shortfalls(problem: DispatchProblem, layout: Layout, x: FloatArray) -> FloatArray:
    """[E] Missing at departure, from the charging itself."""
    efficiency = np.array([ev.charge_efficiency_frac for ev in problem.evs])
    needed = np.array([ev.energy_needed_kwh for ev in problem.evs])
    stored = efficiency * (np.maximum(gather(x, layout.ev_charge), 0.0) @ problem.step_h)
    result: FloatArray = np.maximum(needed - stored, 0.0)
    return result


def _read_runs(problem: DispatchProblem, layout: Layout, x: FloatArray) -> tuple[IntArray, FloatArray]:
    option = np.full(len(problem.runs), -1, dtype=np.int64)
    run_kw = np.zeros((len(problem.runs), problem.step_h.shape[0]))
    share = np.where(layout.start == NONE, 0.0, gather(x, layout.start))
    for index, run in enumerate(problem.runs):
        if share[index].max() > 0.5:
            option[index] = int(share[index].argmax())
            run_kw[index] = run.option_kw[option[index]]
    return option, run_kw


def read_softened(problem: DispatchProblem, facts: Facts, layout: Layout, x: FloatArray) -> tuple[SoftLimit, ...]:
    """Limits that the point does not keep, largest first."""
    found: list[SoftLimit] = []
    fixed = np.where(facts.is_flexible, 0.0, facts.natural_intake_kw - problem.member_import_limit_kw[:, None])
    found.extend(_list(LimitKind.MEMBER_IMPORT, np.maximum(fixed, gather(x, layout.excess))))
    found.extend(_list(LimitKind.BATTERY_LOW, gather(x, layout.below)))
    found.extend(_list(LimitKind.BATTERY_HIGH, gather(x, layout.above)))
    found.extend(_list(LimitKind.UNSERVED, gather(x, layout.unserved)))
    found.extend(_list(LimitKind.COMMUNITY_IMPORT, gather(x, layout.over_import)[None, :]))
    found.extend(_list(LimitKind.COMMUNITY_EXPORT, gather(x, layout.over_export)[None, :]))
    skipped = gather(x, layout.skipped)
    found.extend(
        SoftLimit(kind=LimitKind.RUN_SKIPPED, index=int(s), step=-1, size=float(skipped[s]))
        for s in np.flatnonzero(skipped > SIGN_KW + NOTICEABLE)
    )
    return tuple(sorted(found, key=lambda limit: -limit.size)[:LISTED_AT_MOST])


def _list(kind: LimitKind, sizes: FloatArray) -> list[SoftLimit]:
    is_community = kind in (LimitKind.COMMUNITY_IMPORT, LimitKind.COMMUNITY_EXPORT)
    return [
        SoftLimit(kind=kind, index=-1 if is_community else int(row), step=int(step), size=float(sizes[row, step]))
        for row, step in np.argwhere(sizes > NOTICEABLE)
    ]
