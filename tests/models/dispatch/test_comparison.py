from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.dispatch.comparison import compare_plans, equity_objective_eur
from models.dispatch.result import LimitKind, SoftLimit
from tests.models.dispatch.recorded_plans import SETTINGS, solve_with, solved

CASES = [(1, 0), (2, 30), (3, 50), (5, 70)]


@pytest.mark.parametrize("seed, interval", CASES)
def test_the_same_solver_makes_the_same_plan_again(seed: int, interval: int) -> None:
    problem, plan = solved(seed, interval)
    comparison = compare_plans(problem, plan, solve_with(problem), mip_gap_frac=SETTINGS.mip_gap_frac)
    assert comparison.is_same_worth
    assert comparison.entries == ()


@pytest.mark.parametrize("seed, interval", CASES)
def test_the_other_solver_makes_a_plan_of_the_same_worth(seed: int, interval: int) -> None:
    problem, plan = solved(seed, interval)
    comparison = compare_plans(problem, plan, solve_with(problem, "highs"), mip_gap_frac=SETTINGS.mip_gap_frac)
    assert [worth.name for worth in comparison.worths if not worth.is_close] == []


def test_a_worse_plan_is_told_from_a_right_one() -> None:
    problem, plan = solved()
    figures = plan.figures
    assert figures is not None
    for change in (
        {"efficient_cost_eur": figures.efficient_cost_eur + 0.1},
        {"member_cost_eur": figures.member_cost_eur + 0.1},
        {"access_shortfall_kwh": figures.access_shortfall_kwh + 1.0},
        {"peak_kw": figures.peak_kw + 2.0},
        {"alone_cost_eur": figures.alone_cost_eur + 0.1},
        {"efficient_cost_eur": float("nan")},
    ):
        worse = replace(plan, figures=replace(figures, **change))
        assert not compare_plans(problem, plan, worse, mip_gap_frac=0.002).is_same_worth


def test_a_plan_that_exceeds_other_limits_is_not_the_same() -> None:
    problem, plan = solved()
    limit = SoftLimit(kind=LimitKind.COMMUNITY_IMPORT, index=-1, step=2, size=0.5)
    comparison = compare_plans(problem, plan, replace(plan, softened=(limit,)), mip_gap_frac=0.002)
    assert [worth.name for worth in comparison.worths if not worth.is_close] == ["limits exceeded, in sum"]


def test_the_largest_difference_of_each_array_is_named_with_its_place() -> None:
    problem, plan = solved()
    schedule = plan.schedule
    assert schedule is not None
    charge_kw, shortfall_kwh = schedule.charge_kw.copy(), schedule.ev_shortfall_kwh.copy()
    charge_kw[0, 3] += 0.5
    charge_kw[0, 4] += 0.1
    shortfall_kwh[0] += 2.0
    other = replace(plan, schedule=replace(schedule, charge_kw=charge_kw, ev_shortfall_kwh=shortfall_kwh))
    shortfall, charge = compare_plans(problem, plan, other, mip_gap_frac=0.002).entries
    assert (charge.quantity, charge.row, charge.step, charge.count) == ("charge_kw", 0, 3, 2)
    assert charge.resolved - charge.recorded == pytest.approx(0.5)
    assert (shortfall.quantity, shortfall.row, shortfall.step, shortfall.count) == ("ev_shortfall_kwh", 0, -1, 1)


def test_plans_without_schedules_cannot_be_compared() -> None:
    problem, plan = solved()
    with pytest.raises(ValueError, match="two plans with schedules"):
        compare_plans(problem, plan, replace(plan, schedule=None, figures=None), mip_gap_frac=0.002)


def test_the_equity_objective_is_the_sum_of_its_four_parts() -> None:
    problem, plan = solved()
    assert plan.figures is not None
    figures = replace(
        plan.figures,
        member_cost_eur=np.array([1.0, 2.0, 3.0, 4.0, 5.0]),
        peak_kw=problem.peak_floor_kw + 2.0,
        access_shortfall_kwh=np.array([0.0, 0.0, 1.5, 0.0, 0.0]),
        worst_burden_frac=0.02,
    )
    known = problem.income_eur[np.isfinite(problem.income_eur)]
    expected = float(problem.weight @ figures.member_cost_eur) + 0.5 * 2.0 + 0.5 * 1.5
    expected += problem.burden_price_frac * float(known.mean()) * 0.02
    assert equity_objective_eur(problem, figures) == pytest.approx(expected)
