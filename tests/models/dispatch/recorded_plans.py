"""Solved problems of small random communities, and bundles of them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from devices.clock import real_s
from models.dispatch.bundle import Bundle, Settings, make_bundle
from models.dispatch.concealment import conceal
from models.dispatch.planning import solve
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from models.dispatch.solvers.glpk import GlpkSolver
from models.dispatch.solvers.highs import HighsSolver
from models.domain.arrays import freeze
from tests.benchmarks.random_community import RandomCommunity

SETTINGS = Settings(solver="glpk", mip_gap_frac=0.002, deadline_s=30.0)
INCOMES_EUR = (1877.53, 2310.17, 1411.91, 2987.23, 1623.71)
BILLS_EUR = (71.37, 43.19, 66.83, 38.57, 59.41)


def plain_problem(seed: int = 3, interval: int = 50) -> DispatchProblem:
    """Five members with a car, a washing machine, batteries, and planted incomes and bills."""
    problem = RandomCommunity(5, seed, has_extras=True).problem(interval)
    return replace(problem, income_eur=freeze(INCOMES_EUR), billed_eur=freeze(BILLS_EUR))


def solve_with(problem: DispatchProblem, solver: str = "glpk") -> Plan:
    chosen = HighsSolver() if solver == "highs" else GlpkSolver()
    return solve(problem, solver=chosen, deadline_s=30.0, mip_gap=SETTINGS.mip_gap_frac, now_s=real_s)


@lru_cache
def solved(seed: int = 3, interval: int = 50, solver: str = "glpk") -> tuple[DispatchProblem, Plan]:
    """A concealed problem and its plan."""
    problem = conceal(plain_problem(seed, interval))
    return problem, solve_with(problem, solver)


def hungry() -> DispatchProblem:
    """The same members under clouds: the community has to import."""
    problem = solved()[0]
    return replace(problem, pv_kw=0.2 * problem.pv_kw)


def bundle_of(problem: DispatchProblem, plan: Plan | None, decision_id: str = "1-20260612T1230Z-0") -> Bundle:
    return make_bundle(
        decision_id=decision_id,
        rung="optimal",
        settings=SETTINGS,
        versions={"commonwatt": "0.1.0", "numpy": "2.4"},
        problem=problem,
        plan=plan,
    )


def recorded(seed: int = 3, interval: int = 50) -> Bundle:
    return bundle_of(*solved(seed, interval))
