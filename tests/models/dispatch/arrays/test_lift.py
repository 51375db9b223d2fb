"""From the small program's optimum to a basis of the whole one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.arrays.efficient import is_separable, write_efficient
from models.dispatch.arrays.lift import lift_basis, share_out
from models.dispatch.arrays.program import write_program
from models.dispatch.facts import derive_facts
from models.dispatch.result import Termination
from models.dispatch.solvers.protocol import Basis, BasisStatus, Objective
from tests.benchmarks.random_community import RandomCommunity
from tests.models.dispatch.planners import solver
from tests.models.dispatch.random_problems import plain_problem


@pytest.mark.parametrize("name", ["glpk", "highs"])
@pytest.mark.parametrize("interval", [0, 30, 48, 72])
@pytest.mark.parametrize("has_extras", [False, True])
@pytest.mark.parametrize("has_events", [False, True])
def test_the_lifted_basis_is_one_and_ends_at_the_same_optimum(
    name: str, interval: int, *, has_extras: bool, has_events: bool
) -> None:
    problem = RandomCommunity(20, seed=3, has_extras=has_extras, has_events=has_events).problem(interval)
    facts = derive_facts(problem)
    assert is_separable(problem, facts)
    small, whole = write_efficient(problem, facts), write_program(problem, facts)
    first = solver(name).open(small.program)
    first.set_objective(*small.program.objectives[Objective.EFFICIENCY])
    efficient = first.solve_relaxed(deadline_s=10.0)
    basis = lift_basis(problem, facts, small, efficient.x, first.read_basis(), whole)
    assert basis is not None
    basics = (basis.column == BasisStatus.BASIC).sum() + (basis.row == BasisStatus.BASIC).sum()
    assert basics == whole.program.rows
    lifted, cold = solver(name).open(whole.program), solver(name).open(whole.program)
    for session in (lifted, cold):
        session.set_objective(*whole.program.objectives[Objective.EFFICIENCY])
    lifted.start_from(basis)
    optimum = lifted.solve_relaxed(deadline_s=10.0)
    assert optimum.termination is Termination.OPTIMAL
    assert optimum.objective == pytest.approx(efficient.objective, abs=1e-6)
    assert optimum.objective == pytest.approx(cold.solve_relaxed(deadline_s=10.0).objective, abs=1e-6)


def test_a_basis_that_is_none_costs_time_and_not_the_answer() -> None:
    problem = plain_problem(members=4)
    program = write_program(problem, derive_facts(problem)).program
    nonsense = Basis(
        column=np.full(program.columns, int(BasisStatus.BASIC)), row=np.full(program.rows, int(BasisStatus.LOWER))
    )
    session, cold = solver("glpk").open(program), solver("glpk").open(program)
    for each in (session, cold):
        each.set_objective(*program.objectives[Objective.EQUITY])
    session.start_from(nonsense)
    expected = cold.solve_relaxed(deadline_s=10.0).objective
    assert session.solve_relaxed(deadline_s=10.0).objective == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(
    wanted=st.lists(st.floats(0.0, 5.0), min_size=1, max_size=8),
    quota=st.floats(0.0, 20.0),
    seed=st.integers(0, 1000),
)
def test_the_pool_serves_by_weight_never_more_than_there_is(wanted: list[float], quota: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight, wanted_kw = rng.uniform(0.2, 5.0, len(wanted)), np.array(wanted)
    served, marginal = share_out(weight, wanted_kw, quota, np.ones(len(wanted), bool), np.zeros(len(wanted), bool))
    assert wanted_kw[served].sum() <= quota + 1e-9
    assert not served[marginal]
    rationed = ~served & (wanted_kw > 0.0)
    rationed[marginal] = False
    if served[wanted_kw > 0.0].any() and rationed.any():
        assert weight[served & (wanted_kw > 0.0)].min() >= weight[rationed].max()
