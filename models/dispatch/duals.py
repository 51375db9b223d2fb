"""What the equity stage's limits are worth at a plan: its linear program, the plan's integers fixed, solved once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.dispatch.arrays.program import write_program
from models.dispatch.facts import derive_facts
from models.dispatch.result import Termination
from models.dispatch.solvers.protocol import Objective

if TYPE_CHECKING:
    from models.dispatch.problem import DispatchProblem, FloatArray, IntArray
    from models.dispatch.result import Plan, PlanFigures, Schedule
    from models.dispatch.solvers.protocol import LinearProgram, Solver

BUDGET_SLACK_FRAC = 1e-6
"""As in the stages: the solvers' tolerances must not make the budget infeasible."""
DUAL_NOISE = 1e-7
"""Duals below this are the solvers' tolerance."""


def measure_duals(
    problem: DispatchProblem, plan: Plan, solver: Solver, *, deadline_s: float
) -> dict[str, float] | None:
    """Duals of the rows and reduced costs of the columns, by the model's names; those that are 0 are left out.

    Args:
        problem: A validated problem.
        plan: A plan with a schedule.
        solver: GLPK or HiGHS behind the protocol.
        deadline_s: Time for it [s].

    Returns:
        None where the plan exceeds limits (its soft model has other rows), or the program has no optimum in time.
    """
    if plan.schedule is None or plan.figures is None or plan.softened or problem.is_islanded.any():
        return None
    program = write_program(problem, derive_facts(problem)).program
    session = solver.open(program)
    try:
        columns, values = _read_integers(problem, plan.schedule, program)
        session.set_column_bounds(columns, values, values)
        upper = np.array([_budget_eur(problem, plan.figures) - program.objectives[Objective.COST][1]])
        session.set_row_bounds(np.array([program.budget_row]), np.array([-np.inf]), upper)
        session.set_objective(*program.objectives[Objective.EQUITY])
        solution = session.solve_relaxed(deadline_s=deadline_s)
    finally:
        session.close()
    if solution.termination is not Termination.OPTIMAL:
        return None
    pairs = [
        *zip(program.row_names, solution.row_dual, strict=True),
        *zip(program.column_names, solution.reduced_cost, strict=True),
    ]
    return {name: float(value) for name, value in pairs if abs(value) > DUAL_NOISE}


def _budget_eur(problem: DispatchProblem, figures: PlanFigures) -> float:
    """F* + eps max(0, F_alone - F*), and at least what the plan costs."""
    gain_eur = max(0.0, figures.alone_cost_eur - figures.efficient_cost_eur)
    budget_eur = figures.efficient_cost_eur + problem.equity_budget_frac * gain_eur
    budget_eur = max(budget_eur, figures.cost_eur)
    return budget_eur + BUDGET_SLACK_FRAC * max(1.0, abs(budget_eur))


def _read_integers(problem: DispatchProblem, schedule: Schedule, program: LinearProgram) -> tuple[IntArray, FloatArray]:
    """Integer columns, and the value that the schedule gives them."""
    option = np.zeros((len(problem.runs), max((run.option_kw.shape[0] for run in problem.runs), default=0)))
    started = np.flatnonzero(schedule.run_option >= 0)
    option[started, schedule.run_option[started]] = 1.0
    least_kw = np.array([ev.charge_min_kw for ev in problem.evs])[:, None]
    choices = {
        "side": schedule.import_kw + schedule.buy_kw >= schedule.export_kw + schedule.sell_kw,
        "direction": schedule.charge_kw >= schedule.discharge_kw,
        "ev_on": schedule.ev_kw >= 0.5 * least_kw,
        "start": option,
    }
    columns = np.flatnonzero(program.is_integer).astype(np.int64)
    values = np.zeros(columns.shape)
    for number, column in enumerate(columns):
        family, _, inside = program.column_names[int(column)].partition("[")
        row, place = (int(part) for part in inside.rstrip("]").split(","))
        values[number] = choices[family][row, place]
    return columns, values
