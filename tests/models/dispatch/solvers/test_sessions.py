"""Both solvers behind the protocol: the same words for the same ends."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest
import swiglpk as glp

from models.dispatch.result import Termination
from models.dispatch.solvers.protocol import Basis, BasisStatus, LinearProgram, Objective
from models.domain.errors import ProblemError
from tests.models.dispatch.planners import solver

BOTH = pytest.mark.parametrize("name", ["glpk", "highs"])


def knapsack() -> LinearProgram:
    """max 5a + 4b + 3c with 2a + 3b + c <= 5, 4a + b + 2c <= 11, 3a + 4b + 2c <= 8, in [0, 3]: optimum 13."""
    matrix = np.array([[2.0, 3.0, 1.0], [4.0, 1.0, 2.0], [3.0, 4.0, 2.0]])
    return LinearProgram(
        indptr=np.array([0, 3, 6, 9]),
        indices=np.array([0, 1, 2] * 3),
        values=matrix.T.ravel().copy(),
        row_lower=np.full(3, -np.inf),
        row_upper=np.array([5.0, 11.0, 8.0]),
        column_lower=np.zeros(3),
        column_upper=np.full(3, 3.0),
        is_integer=np.array([True, True, True]),
        objectives=MappingProxyType({Objective.COST: (np.array([-5.0, -4.0, -3.0]), 1.0)}),
        row_names=("first", "second", "third"),
        column_names=("a", "b", "c"),
        budget_row=-1,
    )


@BOTH
def test_the_relaxed_optimum_comes_with_its_duals(name: str) -> None:
    session = solver(name).open(knapsack())
    session.set_objective(*knapsack().objectives[Objective.COST])
    solution = session.solve_relaxed(deadline_s=5.0)
    assert solution.termination is Termination.OPTIMAL
    assert solution.objective == pytest.approx(-12.0)
    assert solution.x == pytest.approx([2.0, 0.0, 1.0])
    assert solution.row_dual == pytest.approx([-1.0, 0.0, -1.0])
    assert solution.reduced_cost == pytest.approx([0.0, 3.0, 0.0])


@BOTH
def test_branching_ends_within_the_gap(name: str) -> None:
    session = solver(name).open(knapsack())
    session.set_objective(np.array([-5.0, -4.0, -3.5]), 0.0)
    session.solve_relaxed(deadline_s=5.0)
    solution = session.solve_integer(deadline_s=5.0, gap_eur=1e-6)
    assert solution.termination is Termination.OPTIMAL
    assert solution.x == pytest.approx(np.round(solution.x))
    assert solution.bound <= solution.objective + 1e-6
    assert solution.row_dual.size == 0


@BOTH
def test_changed_bounds_and_sides_are_solved_from_the_last_basis(name: str) -> None:
    session = solver(name).open(knapsack())
    session.set_objective(*knapsack().objectives[Objective.COST])
    session.solve_relaxed(deadline_s=5.0)
    session.set_column_bounds(np.array([0]), np.array([1.0]), np.array([1.0]))
    assert session.solve_relaxed(deadline_s=5.0).x[0] == pytest.approx(1.0)
    session.set_row_bounds(np.array([0]), np.array([-np.inf]), np.array([2.0]))
    solution = session.solve_relaxed(deadline_s=5.0)
    assert solution.x == pytest.approx([1.0, 0.0, 0.0], abs=1e-9)
    assert solution.objective == pytest.approx(-4.0)


@BOTH
def test_what_cannot_be_is_infeasible(name: str) -> None:
    session = solver(name).open(
        replace(knapsack(), row_lower=np.array([100.0, -np.inf, -np.inf]), row_upper=np.full(3, np.inf))
    )
    session.set_objective(np.ones(3), 0.0)
    solution = session.solve_relaxed(deadline_s=5.0)
    assert solution.termination is Termination.INFEASIBLE
    assert not solution.has_point


@BOTH
def test_crossed_bounds_are_no_solution_and_no_crash(name: str) -> None:
    session = solver(name).open(knapsack())
    session.set_objective(np.ones(3), 0.0)
    session.set_row_bounds(np.array([0]), np.array([3.0]), np.array([1.0]))
    assert not session.solve_relaxed(deadline_s=5.0).has_point


@BOTH
def test_a_basis_read_back_is_the_one_given(name: str) -> None:
    session, again = solver(name).open(knapsack()), solver(name).open(knapsack())
    for each in (session, again):
        each.set_objective(*knapsack().objectives[Objective.COST])
    session.solve_relaxed(deadline_s=5.0)
    basis = session.read_basis()
    again.start_from(basis)
    assert again.solve_relaxed(deadline_s=5.0).objective == pytest.approx(-12.0)
    assert again.read_basis().column.tolist() == basis.column.tolist()
    assert again.read_basis().row.tolist() == basis.row.tolist()


@BOTH
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e12])
@pytest.mark.parametrize("field", ["values", "column_lower", "column_upper"])
def test_a_coefficient_that_is_no_usable_number_never_reaches_the_solver(name: str, value: float, field: str) -> None:
    program = knapsack()
    spoiled = getattr(program, field).copy()
    spoiled[1] = value
    with pytest.raises(ProblemError, match="linear program"):
        solver(name).open(replace(program, **{field: spoiled}))


@BOTH
def test_a_price_that_is_nan_is_refused_by_name(name: str) -> None:
    objectives = {Objective.EQUITY: (np.array([1.0, np.nan, 1.0]), 0.0)}
    with pytest.raises(ProblemError, match="objective equity at b: nan"):
        solver(name).open(replace(knapsack(), objectives=objectives))


@BOTH
def test_a_side_that_is_nan_is_refused_by_name(name: str) -> None:
    with pytest.raises(ProblemError, match="row_upper at second: nan"):
        solver(name).open(replace(knapsack(), row_upper=np.array([5.0, np.nan, 8.0])))


@BOTH
def test_the_gap_means_the_same_where_the_objective_is_near_zero(name: str) -> None:
    costs = np.array([-5.0, -4.0, -3.5])
    matrix = np.array([[2.0, 3.0, 1.0], [4.0, 1.0, 2.0], [3.0, 4.0, 2.0]])
    session = solver(name).open(knapsack())
    session.set_objective(costs, 0.0)
    # Shifted so that the relaxed optimum is zero: a gap relative to it would allow anything, or nothing.
    session.set_objective(costs, -session.solve_relaxed(deadline_s=5.0).objective)
    relaxed = session.solve_relaxed(deadline_s=5.0)
    solution = session.solve_integer(deadline_s=5.0, gap_eur=1e-3)
    whole = [np.array([a, b, c]) for a in range(4) for b in range(4) for c in range(4)]
    kept = [point for point in whole if (matrix @ point <= knapsack().row_upper).all()]
    best = min(float(costs @ point) for point in kept) - min(float(costs @ solution.x), 0.0)
    assert relaxed.objective == pytest.approx(0.0, abs=1e-9)
    assert best == pytest.approx(0.0, abs=1e-3)


def twins() -> LinearProgram:
    """min -a - 2b with a + b <= 4, 2a + 2b <= 6, in [0, 5]: optimum -6; a and b are one column."""
    return LinearProgram(
        indptr=np.array([0, 2, 4]),
        indices=np.array([0, 1, 0, 1]),
        values=np.array([1.0, 2.0, 1.0, 2.0]),
        row_lower=np.full(2, -np.inf),
        row_upper=np.array([4.0, 6.0]),
        column_lower=np.zeros(2),
        column_upper=np.full(2, 5.0),
        is_integer=np.zeros(2, dtype=np.bool_),
        objectives=MappingProxyType({Objective.COST: (np.array([-1.0, -2.0]), 0.0)}),
        row_names=("first", "second"),
        column_names=("a", "b"),
        budget_row=-1,
    )


BOTH_BASIC = Basis(
    column=np.full(2, int(BasisStatus.BASIC), dtype=np.int64), row=np.full(2, int(BasisStatus.UPPER), dtype=np.int64)
)
"""Two equal columns: singular."""


class _Simplex:
    """GLPK's simplex, counted; some return codes are told beforehand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *told: int) -> None:
        self.codes: list[int] = []
        self.limits_ms: list[int] = []
        self._told, self._simplex = list(told), glp.glp_simplex
        monkeypatch.setattr("models.dispatch.solvers.glpk.glp.glp_simplex", self)

    def __call__(self, problem: object, control: object) -> int:
        self.limits_ms.append(control.tm_lim)  # type: ignore[attr-defined]
        self.codes.append(self._told.pop(0) if self._told else int(self._simplex(problem, control)))
        return self.codes[-1]


def test_a_singular_basis_is_rebuilt_and_solved_again(monkeypatch: pytest.MonkeyPatch) -> None:
    session = solver("glpk").open(twins())
    session.set_objective(*twins().objectives[Objective.COST])
    session.start_from(BOTH_BASIC)
    simplex = _Simplex(monkeypatch)
    solution = session.solve_relaxed(deadline_s=5.0)
    assert simplex.codes == [glp.GLP_ESING, 0]
    assert solution.termination is Termination.OPTIMAL
    assert solution.objective == pytest.approx(-6.0)
    assert solution.x == pytest.approx([0.0, 3.0])


def test_a_basis_that_cannot_be_repaired_is_a_failure_after_three_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    session = solver("glpk").open(twins())
    session.set_objective(*twins().objectives[Objective.COST])
    simplex = _Simplex(monkeypatch, *[glp.GLP_ESING] * 5)
    solution = session.solve_relaxed(deadline_s=5.0)
    assert len(simplex.codes) == 3
    assert solution.termination is Termination.FAILED
    assert not solution.has_point


def test_a_repaired_solve_gets_what_is_left_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    session = solver("glpk").open(twins())
    session.set_objective(*twins().objectives[Objective.COST])
    passed_s = iter([0.0, 2.0, 4.5])
    monkeypatch.setattr("models.dispatch.solvers.glpk.glp.glp_difftime", lambda _now, _then: next(passed_s))
    simplex = _Simplex(monkeypatch, glp.GLP_ESING, glp.GLP_ECOND)
    assert session.solve_relaxed(deadline_s=5.0).termination is Termination.OPTIMAL
    assert simplex.limits_ms == [5000, 3000, 500]


def test_no_attempt_begins_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    session = solver("glpk").open(twins())
    session.set_objective(*twins().objectives[Objective.COST])
    passed_s = iter([0.0, 5.5])
    monkeypatch.setattr("models.dispatch.solvers.glpk.glp.glp_difftime", lambda _now, _then: next(passed_s))
    simplex = _Simplex(monkeypatch, glp.GLP_ESING)
    solution = session.solve_relaxed(deadline_s=5.0)
    assert len(simplex.codes) == 1
    assert solution.termination is Termination.NO_SOLUTION
