"""Steps without grid: what cannot be served is shared by need and weight, never by price."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.dispatch.audit import audit_plan
from models.dispatch.problem import DispatchProblem, RunData
from models.dispatch.result import LimitKind
from tests.models.dispatch.planners import audited, plan_of
from tests.models.dispatch.random_problems import battery, plain_problem, random_problem

BOTH = pytest.mark.parametrize("name", ["glpk", "highs"])


def islanded(problem: DispatchProblem, steps: list[int]) -> DispatchProblem:
    is_islanded = np.zeros(problem.step_h.shape, dtype=np.bool_)
    is_islanded[steps] = True
    return replace(problem, is_islanded=is_islanded)


@BOTH
def test_without_grid_nobody_imports_or_exports(name: str) -> None:
    schedule, _ = audited(islanded(plain_problem(members=3), [1, 2]), name)
    assert schedule.import_kw[:, 1:3].max() == 0.0
    assert schedule.export_kw[:, 1:3].max() == 0.0


@BOTH
def test_unserved_energy_is_shared_by_need_over_weight(name: str) -> None:
    problem = plain_problem(
        members=3,
        demand_kw=np.array([[1.0] * 4, [2.0] * 4, [1.0] * 4]),
        pv_kw=np.array([[0.0] * 4, [2.5] * 4, [0.0] * 4]),
        weight=np.array([0.5, 1.0, 1.5]),
        batteries=(),
        reference_battery_kw=np.empty((0, 4)),
    )
    plan = plan_of(islanded(problem, [0, 1, 2, 3]), name)
    assert plan.schedule is not None
    # 4 kW of need and 2.5 kW of sun: 1.5 kW go unserved, in proportion to 1/0.5, 2/1 and 1/1.5, at most all of it.
    shares = np.array([1.0 / 0.5, 2.0 / 1.0, 1.0 / 1.5])
    expected = 1.5 * shares / shares.sum()
    assert plan.schedule.unserved_kw[:, 0] == pytest.approx(expected, abs=1e-3)
    assert {limit.kind for limit in plan.softened} == {LimitKind.UNSERVED}


@BOTH
def test_prices_do_not_move_what_goes_unserved(name: str) -> None:
    problem = islanded(plain_problem(members=2, pv_kw=np.zeros((2, 4)), batteries=(battery(1),)), [1, 2])
    dear = replace(problem, local_price_eur_per_kwh=np.full(4, 5.0))
    cheap_plan, dear_plan = plan_of(problem, name), plan_of(dear, name)
    assert cheap_plan.schedule is not None
    assert dear_plan.schedule is not None
    cheap, costly = cheap_plan.schedule.unserved_kw @ problem.step_h, dear_plan.schedule.unserved_kw @ problem.step_h
    assert costly == pytest.approx(cheap, abs=1e-3)


@BOTH
def test_a_battery_is_filled_before_an_island_that_is_known(name: str) -> None:
    problem = plain_problem(
        steps=6,
        demand_kw=np.full((2, 6), 1.0),
        pv_kw=np.zeros((2, 6)),
        batteries=(battery(1, soc_start_kwh=0.5),),
    )
    schedule, _ = audited(islanded(problem, [4, 5]), name)
    # Two hours of 2 kW at 95 %: the 2 kWh that the island needs, at 90 % out of the battery.
    assert schedule.soc_kwh[0, 3] >= 0.5 + 2.0 / 0.9 - 1e-3
    assert schedule.unserved_kw.max() == pytest.approx(0.0, abs=1e-4)


@BOTH
def test_surplus_on_an_island_is_curtailed(name: str) -> None:
    problem = plain_problem(demand_kw=np.full((2, 4), 0.5), pv_kw=np.array([[0.0] * 4, [6.0] * 4]))
    schedule, _ = audited(islanded(problem, [2]), name)
    assert schedule.curtailed_kw[1, 2] > 0.0
    assert schedule.buy_kw[0, 2] == pytest.approx(0.5)


@BOTH
def test_the_surplus_of_a_home_whose_run_is_skipped_finds_its_way_out(name: str) -> None:
    problem = plain_problem(
        demand_kw=np.array([[1.0] * 4, [0.5] * 4]),
        pv_kw=np.array([[0.0] * 4, [0.0, 1.5, 1.5, 0.0]]),
        batteries=(),
        reference_battery_kw=np.empty((0, 4)),
        # The only start that is left falls on the island, where there is nothing to run it with.
        runs=(RunData(member=1, option_kw=np.array([[1.2, 1.2, 0.0, 0.0]])),),
    )
    problem = islanded(problem, [0])
    plan = plan_of(problem, name)
    assert plan.schedule is not None
    assert [str(violation) for violation in audit_plan(problem, plan)] == []
    assert plan.schedule.run_option.tolist() == [-1]
    assert plan.schedule.sell_kw[1, 1] == pytest.approx(1.0, abs=1e-4)


@BOTH
@pytest.mark.parametrize("seed", [500361, 501240])
def test_islands_that_leave_no_time_for_a_run_still_get_a_plan(name: str, seed: int) -> None:
    audited(random_problem(seed, has_islands=True), name)
