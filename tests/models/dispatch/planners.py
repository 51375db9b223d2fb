"""Plans small problems in tests."""

from __future__ import annotations

from functools import cache
from typing import Any

from models.dispatch.audit import audit_plan
from models.dispatch.planning import solve
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan, PlanFigures, Schedule
from models.dispatch.solvers.glpk import GlpkSolver
from models.dispatch.solvers.highs import HighsSolver
from models.dispatch.solvers.protocol import Solver
from tests.models.dispatch.random_problems import clock

MIP_GAP = 1e-6


@cache
def solver(name: str) -> Solver:
    return HighsSolver() if name == "highs" else GlpkSolver()


def plan_of(problem: DispatchProblem, name: str = "glpk", **options: Any) -> Plan:
    given: dict[str, Any] = {"deadline_s": 60.0, "mip_gap": MIP_GAP, "now_s": clock()}
    return solve(problem, solver=solver(name), **(given | options))


def audited(problem: DispatchProblem, name: str = "glpk", **options: Any) -> tuple[Schedule, PlanFigures]:
    """Schedule and figures of a plan that passes the audit."""
    plan = plan_of(problem, name, **options)
    assert [str(violation) for violation in audit_plan(problem, plan)] == []
    assert plan.schedule is not None
    assert plan.figures is not None
    return plan.schedule, plan.figures
