"""Whenever the time runs out: a plan that may be sent if there is one, and never an error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch import attempt
from models.dispatch.audit import audit_plan
from models.dispatch.planning import solve
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import LimitKind, Plan, Termination
from models.dispatch.solvers.protocol import LinearProgram, LinearSolution, SolverSession
from models.dispatch.stages import UNKNOWN_GAP_FRAC
from models.dispatch.violation import Violation
from tests.models.dispatch.planners import plan_of, solver
from tests.models.dispatch.random_problems import car, clock, plain_problem, random_problem

BOTH = pytest.mark.parametrize("name", ["glpk", "highs"])
MOST_SOLVES = 14
"""No problem of these tests needs more."""


class ImpatientSolver:
    """Its time is up after a number of solves."""

    name = "impatient"

    def __init__(self, name: str, solves: int) -> None:
        self._name, self._left = name, solves

    def open(self, program: LinearProgram) -> SolverSession:
        session: Any = solver(self._name).open(program)
        session.solve_relaxed = self._limit(session.solve_relaxed)
        session.solve_integer = self._limit(session.solve_integer)
        opened: SolverSession = session
        return opened

    def _limit(self, call: Callable[..., LinearSolution]) -> Callable[..., LinearSolution]:
        def limited(**options: float) -> LinearSolution:
            self._left -= 1
            return call(**options) if self._left >= 0 else nothing()

        return limited


def nothing() -> LinearSolution:
    none = np.empty(0)
    return LinearSolution(
        termination=Termination.NO_SOLUTION, objective=np.nan, bound=-np.inf, x=none, row_dual=none, reduced_cost=none
    )


def plan_within(problem: DispatchProblem, name: str, solves: int) -> Plan:
    impatient = ImpatientSolver(name, solves)
    return solve(problem, solver=impatient, deadline_s=60.0, mip_gap=1e-4, now_s=clock())


def islanded() -> DispatchProblem:
    return plain_problem(members=4, steps=8, is_islanded=np.arange(8) >= 4)


def wrong_way() -> DispatchProblem:
    return plain_problem(
        members=4,
        steps=8,
        import_price_eur_per_kwh=np.full(8, 0.2),
        export_price_eur_per_kwh=np.full(8, 0.4),
        local_price_eur_per_kwh=np.full(8, 0.29),
    )


def with_car() -> DispatchProblem:
    return plain_problem(
        members=4, steps=8, exact_steps=8, evs=(car(0, departure_step=6),), reference_ev_kw=np.full((1, 8), np.nan)
    )


def over_its_connection() -> DispatchProblem:
    return plain_problem(members=4, steps=8, member_import_limit_kw=np.array([1.2, 17.0, 17.0, 17.0]))


def over_the_communitys_limit() -> DispatchProblem:
    return plain_problem(
        members=4,
        steps=8,
        demand_kw=np.full((4, 8), 3.0),
        pv_kw=np.zeros((4, 8)),
        community_import_limit_kw=np.full(8, 5.0),
    )


def plain() -> DispatchProblem:
    return plain_problem(members=4, steps=8, weight=np.array([0.4, 0.6, 1.5, 1.5]))


@BOTH
@pytest.mark.parametrize("make", [plain, islanded, wrong_way, with_car, over_its_connection])
def test_a_plan_that_passes_the_audit_is_there_after_any_number_of_solves(
    name: str, make: Callable[[], DispatchProblem]
) -> None:
    problem = make()
    assert plan_within(problem, name, MOST_SOLVES).record.termination is Termination.OPTIMAL
    for solves in range(MOST_SOLVES):
        plan = plan_within(problem, name, solves)
        assert plan.is_usable, solves
        assert [str(violation) for violation in audit_plan(problem, plan)] == [], solves


@BOTH
def test_a_later_answer_is_never_dearer_than_the_rule(name: str) -> None:
    problem = with_car()
    plans = [plan_within(problem, name, solves) for solves in range(MOST_SOLVES)]
    costs_eur = [plan.figures.cost_eur for plan in plans if plan.figures is not None]
    assert len(costs_eur) == MOST_SOLVES
    assert costs_eur[-1] < costs_eur[0]
    assert max(costs_eur) == costs_eur[0]


@BOTH
def test_the_rule_is_the_last_resort_and_labelled_as_such(name: str) -> None:
    problem = plain()
    plan = plan_within(problem, name, 0)
    assert plan.figures is not None
    assert plan.record.termination is Termination.INCUMBENT
    assert plan.record.gap_frac == UNKNOWN_GAP_FRAC
    assert plan.figures.cost_eur == pytest.approx(plan.figures.alone_cost_eur)
    assert plan.figures.price_of_equity_eur == 0.0
    assert plan.schedule is not None
    assert plan.schedule.buy_kw.max() == 0.0


@BOTH
def test_the_rule_is_no_answer_where_it_breaks_a_limit_that_could_be_kept(name: str) -> None:
    problem = replace(with_car(), community_import_limit_kw=np.full(8, 7.0))
    assert plan_of(problem, name).softened == ()
    assert not plan_within(problem, name, 0).is_usable


@BOTH
def test_a_problem_without_a_way_to_keep_its_limits_gets_the_service_stages_schedule(name: str) -> None:
    problem = over_the_communitys_limit()
    terminations = []
    for solves in range(MOST_SOLVES):
        plan = plan_within(problem, name, solves)
        terminations.append(plan.record.termination)
        if plan.is_usable:
            assert [str(violation) for violation in audit_plan(problem, plan)] == []
            assert {limit.kind for limit in plan.softened} == {LimitKind.COMMUNITY_IMPORT}
            assert plan.record.violated[0].startswith("the community's import limit exceeded")
    assert terminations[0] is Termination.NO_SOLUTION
    assert Termination.INCUMBENT in terminations
    assert terminations[-1] is Termination.OPTIMAL


@BOTH
def test_what_cannot_be_kept_is_said_also_without_a_schedule(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = (Violation(rule="any", place="plan", size=1.0, unit="kW"),)
    monkeypatch.setattr(attempt, "audit_plan", lambda _problem, _plan: refused)
    plan = plan_within(over_the_communitys_limit(), name, 2)
    assert not plan.is_usable
    assert plan.record.violated
    assert "import limit exceeded" in plan.record.violated[0]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    solves=st.integers(0, 12),
    name=st.sampled_from(["glpk", "highs"]),
    has_islands=st.booleans(),
)
def test_no_random_problem_is_an_error_or_a_wrong_plan_at_any_deadline(
    seed: int, solves: int, name: str, *, has_islands: bool
) -> None:
    problem = random_problem(seed, has_islands=has_islands)
    plan = plan_within(problem, name, solves)
    if plan.is_usable:
        assert [str(violation) for violation in audit_plan(problem, plan)] == []
    else:
        assert plan.record.termination in (Termination.NO_SOLUTION, Termination.INFEASIBLE)
