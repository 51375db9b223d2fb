"""No battery charges and discharges at once in the control window, whatever it would earn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.arrays.program import write_program
from models.dispatch.audit import audit_plan
from models.dispatch.directions import find_burning, keep_directions
from models.dispatch.facts import derive_facts
from models.dispatch.layout import Layout, gather, locate
from models.dispatch.problem import DispatchProblem, FloatArray, RunData
from models.dispatch.result import Termination
from models.dispatch.solvers.protocol import LinearSolution
from models.dispatch.stages import StageRun
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import battery, clock, plain_problem, random_problem

BOTH = pytest.mark.parametrize("name", ["glpk", "highs"])
WANDERING = 698115856
"""Three batteries: forbidden to one, burning moves to another."""


def wandering(member: int) -> DispatchProblem:
    problem = random_problem(WANDERING, has_islands=True, is_tame=True)
    option_kw = np.zeros((1, problem.step_h.shape[0]))
    option_kw[0, :2] = 1.2
    return replace(problem, runs=(RunData(member=member, option_kw=option_kw),))


@BOTH
@pytest.mark.parametrize("member", [0, 1, 2])
def test_burning_that_moves_to_another_battery_is_forbidden_there_too(name: str, member: int) -> None:
    problem = wandering(member)
    plan = plan_of(problem, name, mip_gap=0.002)
    assert plan.is_usable
    assert [str(violation) for violation in audit_plan(problem, plan)] == []


@dataclass
class _Told:
    """A session that answers with points told beforehand and notes what was forbidden."""

    points: list[FloatArray | None]
    forbidden: list[list[int]]

    def set_column_bounds(self, columns: np.ndarray, _lower: FloatArray, upper: FloatArray) -> None:
        assert not upper.any()
        self.forbidden.append(sorted(columns.tolist()))

    def solve_relaxed(self, *, deadline_s: float) -> LinearSolution:
        assert deadline_s > 0.0
        return solution_of(self.points.pop(0))


def solution_of(x: FloatArray | None) -> LinearSolution:
    none = np.empty(0)
    return LinearSolution(
        termination=Termination.NO_SOLUTION if x is None else Termination.OPTIMAL,
        objective=0.0,
        bound=0.0,
        x=none if x is None else x,
        row_dual=none,
        reduced_cost=none,
    )


def run_of(points: list[FloatArray | None]) -> tuple[StageRun, _Told]:
    problem = plain_problem(exact_steps=2, batteries=(battery(0), battery(1)))
    facts = derive_facts(problem)
    written = write_program(problem, facts)
    told = _Told(points, [])
    run = StageRun(
        problem=problem,
        facts=facts,
        program=written.program,
        layout=locate(problem, written.columns, written.rows),
        session=told,  # type: ignore[arg-type]
        now_s=clock(),
        end_s=1.0,
        mip_gap=1e-4,
    )
    return run, told


def point(run: StageRun, power_in: FloatArray, power_out: FloatArray) -> FloatArray:
    x = np.zeros(run.program.columns)
    x[run.layout.charge] = power_in
    x[run.layout.discharge] = power_out
    return x


def powers(*places: tuple[int, int, float]) -> FloatArray:
    power_kw = np.zeros((2, 4))
    for b, step, size in places:
        power_kw[b, step] = size
    return power_kw


def columns_at(layout: Layout, *places: tuple[str, int, int]) -> list[int]:
    return sorted(int(getattr(layout, family)[b, step]) for family, b, step in places)


def test_a_tie_is_forbidden_as_well() -> None:
    run, told = run_of([])
    tie = point(run, powers((0, 1, 1.0)), powers((0, 1, 1.0)))
    told.points.append(np.zeros(run.program.columns))
    kept = keep_directions(run, solution_of(tie))
    assert told.forbidden == [columns_at(run.layout, ("discharge", 0, 1))]
    assert not find_burning(run.problem, run.layout, kept.x).any()


def test_where_burning_wanders_every_battery_gets_one_direction() -> None:
    run, told = run_of([])
    first = point(run, powers((0, 0, 1.0)), powers((0, 0, 0.5)))
    # 1.0 kW in at 95 % and 0.9 kW out at 90 %: the battery is emptied, so it may only discharge.
    second = point(run, powers((1, 1, 1.0)), powers((1, 1, 0.9)))
    told.points.extend([second, np.zeros(run.program.columns)])
    keep_directions(run, solution_of(first))
    everywhere = [("discharge", 0, 0), ("discharge", 0, 1), ("discharge", 1, 0), ("charge", 1, 1)]
    assert told.forbidden == [columns_at(run.layout, ("discharge", 0, 0)), columns_at(run.layout, *everywhere)]


def test_without_time_to_forbid_it_there_is_no_point_rather_than_a_wrong_one() -> None:
    run, told = run_of([None])
    burning = point(run, powers((0, 0, 1.0)), powers((0, 0, 0.5)))
    assert not keep_directions(run, solution_of(burning)).has_point
    assert len(told.forbidden) == 1


def test_beyond_the_control_window_nothing_is_forbidden() -> None:
    run, told = run_of([])
    tail = solution_of(point(run, powers((0, 2, 1.0)), powers((0, 2, 0.5))))
    assert keep_directions(run, tail) is tail
    assert told.forbidden == []


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_weights_never_make_a_battery_burn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    problem = random_problem(seed, is_tame=True)
    members = problem.weight.shape[0]
    weight = rng.choice([0.2, 5.0], members)
    problem = replace(problem, weight=weight / weight.mean(), equity_budget_frac=1.0)
    plan = plan_of(problem, "highs", mip_gap=1e-4)
    assert plan.schedule is not None
    facts = derive_facts(problem)
    written = write_program(problem, facts)
    layout = locate(problem, written.columns, written.rows)
    x = np.zeros(written.program.columns)
    x[layout.charge], x[layout.discharge] = plan.schedule.charge_kw, plan.schedule.discharge_kw
    assert gather(x, layout.charge) == pytest.approx(plan.schedule.charge_kw)
    assert not find_burning(problem, layout, x).any()
