"""From a point of the linear program to a schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from models.dispatch.curtailment import event_excess_kw
from models.dispatch.layout import NONE, Layout, gather
from models.dispatch.result import Schedule

if TYPE_CHECKING:
    from models.dispatch.facts import Facts
    from models.dispatch.problem import DispatchProblem, FloatArray, IntArray


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
        event_excess_kw=event_excess_kw(problem, import_kw, export_kw),
        **read_devices(problem, layout, x),
    )


def read_devices(problem: DispatchProblem, layout: Layout, x: FloatArray) -> dict[str, Any]:
    """The parts of a schedule that belong to devices, by field name."""
    option, run_kw = _read_runs(problem, layout, x)
    cut_kw = np.maximum(gather(x, layout.cut), 0.0)
    return {
        "curtailed_load_kw": cut_kw if problem.curtailables else np.zeros((0, 0)),
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
