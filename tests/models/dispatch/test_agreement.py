"""Two solvers, two programs of the efficiency stage and two writers agree on random problems."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.audit import audit_plan
from models.dispatch.bridge import compile_problem
from models.dispatch.result import Plan
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import random_problem

SEEDS = st.integers(0, 100_000)
GAP = 1e-4


def tolerance_eur(plan: Plan) -> float:
    """Twice the gap of an objective, and the slack of a bound taken from a stage."""
    assert plan.figures is not None
    size = max(abs(plan.figures.cost_eur), abs(plan.record.objective_eur), plan.figures.alone_cost_eur, 1.0)
    return 4.0 * GAP * size + 1e-4


def assert_same(left: Plan, right: Plan) -> None:
    assert left.figures is not None
    assert right.figures is not None
    allowed = tolerance_eur(right)
    assert abs(left.figures.efficient_cost_eur - right.figures.efficient_cost_eur) <= allowed
    assert abs(left.record.objective_eur - right.record.objective_eur) <= allowed


@settings(max_examples=30)
@given(seed=SEEDS)
def test_glpk_and_highs_agree(seed: int) -> None:
    problem = random_problem(seed, is_tame=True)
    assert_same(plan_of(problem, "glpk", mip_gap=GAP), plan_of(problem, "highs", mip_gap=GAP))


@settings(max_examples=20)
@given(seed=SEEDS)
def test_the_small_program_and_the_whole_one_have_the_same_efficient_cost(seed: int) -> None:
    problem = random_problem(seed, is_tame=True)
    assert_same(plan_of(problem, mip_gap=GAP), plan_of(problem, mip_gap=GAP, has_shortcut=False))


@settings(max_examples=8)
@given(seed=SEEDS)
def test_planning_by_way_of_pyomo_gives_the_same_plan(seed: int) -> None:
    problem = random_problem(seed, is_tame=True)
    assert_same(plan_of(problem, mip_gap=GAP), plan_of(problem, mip_gap=GAP, writer=compile_problem))


@settings(max_examples=40)
@given(seed=SEEDS, name=st.sampled_from(["glpk", "highs"]), has_islands=st.booleans())
def test_every_random_problem_gets_a_plan_that_passes_the_audit(seed: int, name: str, *, has_islands: bool) -> None:
    problem = random_problem(seed, has_islands=has_islands)
    plan = plan_of(problem, name, mip_gap=GAP)
    assert plan.is_usable
    assert [str(violation) for violation in audit_plan(problem, plan)] == []


@settings(max_examples=10)
@given(seed=SEEDS)
def test_the_same_problem_gets_the_same_answer_to_the_last_bit(seed: int) -> None:
    problem = random_problem(seed)
    first, second = plan_of(problem), plan_of(problem)
    assert first.schedule is not None
    assert second.schedule is not None
    assert first.schedule.charge_kw.tobytes() == second.schedule.charge_kw.tobytes()
    assert first.schedule.buy_kw.tobytes() == second.schedule.buy_kw.tobytes()
