"""Every figure that a plan reports about itself is refused when it is doctored."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.audit import audit_plan
from models.dispatch.audit_report import audit_burden
from models.dispatch.concealment import conceal, restate_burden
from models.dispatch.figures import measure_schedule
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import LimitKind, Plan, PlanFigures, Schedule, SoftLimit, Termination
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import battery, car, plain_problem, random_problem


@cache
def sound() -> tuple[DispatchProblem, Plan]:
    """Three members, a battery, a car that cannot be filled in time, a peak charge and protected members."""
    problem = plain_problem(
        members=3,
        steps=6,
        evs=(car(0, energy_needed_kwh=30.0, departure_step=1),),
        reference_ev_kw=np.full((1, 6), np.nan),
        weight=np.array([0.5, 1.5, 1.0]),
        peak_charge_eur_per_kw=1.0,
        burden_price_frac=0.5,
        is_priority=np.array([True, False, True]),
        access_share_frac=0.3,
        access_shortfall_eur_per_kwh=0.5,
        equity_budget_frac=0.1,
    )
    plan = plan_of(problem)
    assert audit_plan(problem, plan) == ()
    return problem, plan


def parts(plan: Plan) -> tuple[Schedule, PlanFigures]:
    assert plan.schedule is not None
    assert plan.figures is not None
    return plan.schedule, plan.figures


def rules(problem: DispatchProblem, plan: Plan) -> set[str]:
    return {violation.rule for violation in audit_plan(problem, plan)}


def remeasured(problem: DispatchProblem, plan: Plan, schedule: Schedule) -> Plan:
    """The plan with another schedule and the figures that go with it: nothing but the schedule is wrong."""
    found = measure_schedule(problem, schedule)
    figures = replace(
        parts(plan)[1],
        cost_eur=found.cost_eur,
        efficient_cost_eur=found.cost_eur,
        member_cost_eur=found.member_cost_eur,
        peak_kw=found.peak_kw,
        worst_burden_frac=found.worst_burden_frac,
        access_shortfall_kwh=found.access_shortfall_kwh,
    )
    return replace(plan, schedule=schedule, figures=figures, record=replace(plan.record, objective_eur=0.0))


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["alone_cost_eur", "alone_member_cost_eur", "efficient_cost_eur"]),
    size=st.floats(0.1, 50.0),
    sign=st.sampled_from([-1.0, 1.0]),
)
def test_a_cost_to_compare_with_that_was_moved_is_found(name: str, size: float, sign: float) -> None:
    problem, plan = sound()
    figures = parts(plan)[1]
    # The budget leaves F* some room downwards: what is beyond that and the gap is found.
    moved = size + (5.0 if name == "efficient_cost_eur" else 0.0)
    changed: dict[str, Any] = {name: getattr(figures, name) + sign * moved}
    assert audit_plan(problem, replace(plan, figures=replace(figures, **changed))) != ()


def test_stand_alone_costs_of_the_wrong_number_are_found_and_missing_ones_are_not_asked_for() -> None:
    problem, plan = sound()
    figures = parts(plan)[1]
    short = replace(figures, alone_member_cost_eur=figures.alone_member_cost_eur[:1])
    assert rules(problem, replace(plan, figures=short)) == {"reported stand-alone cost"}
    without = replace(figures, alone_member_cost_eur=np.zeros(0))
    assert audit_plan(problem, replace(plan, figures=without)) == ()
    assert without.members_above_alone == ()


def test_a_plan_that_spends_more_on_equity_than_its_budget_is_found() -> None:
    problem = replace(random_problem(28, is_tame=True), equity_budget_frac=0.5)
    plan = plan_of(problem)
    assert audit_plan(problem, plan) == ()
    figures = parts(plan)[1]
    spent_frac = figures.price_of_equity_eur / (figures.alone_cost_eur - figures.efficient_cost_eur)
    assert 0.1 < spent_frac <= 0.5001
    assert rules(replace(problem, equity_budget_frac=0.9 * spent_frac), plan) == {"equity's budget"}


@pytest.mark.parametrize("gap", [-0.1, 1.5, np.nan, np.inf])
def test_a_gap_that_is_none_is_found(gap: float) -> None:
    problem, plan = sound()
    assert "reported gap" in rules(problem, replace(plan, record=replace(plan.record, gap_frac=gap)))


@pytest.mark.parametrize("termination", [Termination.FAILED, Termination.INFEASIBLE, Termination.NO_SOLUTION])
def test_a_schedule_from_a_solve_that_ended_without_one_is_found(termination: Termination) -> None:
    problem, plan = sound()
    assert rules(problem, replace(plan, record=replace(plan.record, termination=termination))) == {"termination"}


@settings(max_examples=30, deadline=None)
@given(size=st.floats(0.05, 1000.0), sign=st.sampled_from([-1.0, 1.0]))
def test_an_objective_that_is_not_the_schedules_is_found(size: float, sign: float) -> None:
    problem, plan = sound()
    missing_eur = problem.access_shortfall_eur_per_kwh * float(parts(plan)[1].access_shortfall_kwh.sum())
    moved = plan.record.objective_eur + sign * size - (missing_eur if sign < 0.0 else 0.0)
    doctored = replace(plan, record=replace(plan.record, objective_eur=moved))
    assert rules(problem, doctored) == {"reported objective"}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000), has_islands=st.booleans())
def test_the_objective_of_every_plan_is_that_of_its_schedule(seed: int, *, has_islands: bool) -> None:
    problem = random_problem(seed, has_islands=has_islands)
    plan = plan_of(problem, mip_gap=1e-4)
    moved = replace(plan, record=replace(plan.record, objective_eur=plan.record.objective_eur + 1.0))
    assert "reported objective" not in rules(problem, plan)
    access_eur = problem.access_shortfall_eur_per_kwh * float(parts(plan)[1].access_shortfall_kwh.sum())
    assert access_eur > 1.0 or "reported objective" in rules(problem, moved) or moved.record.objective_eur == 0.0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_marginal_price_that_is_no_number_is_found(value: float) -> None:
    problem, plan = sound()
    assert plan.marginal_price_eur_per_kwh is not None
    prices = plan.marginal_price_eur_per_kwh.copy()
    prices[1, 2] = value
    assert rules(problem, replace(plan, marginal_price_eur_per_kwh=prices)) == {"marginal price"}
    assert rules(problem, replace(plan, marginal_price_eur_per_kwh=prices[:1])) == {"marginal price"}


@pytest.mark.parametrize("size", [-5.0, 5.0])
def test_a_cars_shortfall_is_what_is_missing_no_more_and_no_less(size: float) -> None:
    problem, plan = sound()
    schedule = parts(plan)[0]
    moved = replace(schedule, ev_shortfall_kwh=schedule.ev_shortfall_kwh + size)
    expected = "shortfall beyond what is missing, car 0" if size > 0.0 else "energy at departure, car 0"
    assert expected in rules(problem, remeasured(problem, plan, moved))


INVENTED = [
    SoftLimit(kind=LimitKind.MEMBER_IMPORT, index=0, step=0, size=9.0),
    SoftLimit(kind=LimitKind.COMMUNITY_IMPORT, index=-1, step=1, size=2.0),
    SoftLimit(kind=LimitKind.COMMUNITY_EXPORT, index=-1, step=5, size=2.0),
    SoftLimit(kind=LimitKind.BATTERY_LOW, index=0, step=3, size=1.0),
    SoftLimit(kind=LimitKind.BATTERY_HIGH, index=0, step=3, size=1.0),
    SoftLimit(kind=LimitKind.UNSERVED, index=2, step=0, size=3.0),
]


@pytest.mark.parametrize("limit", INVENTED, ids=lambda limit: str(limit.kind))
def test_a_limit_that_is_kept_but_said_to_be_exceeded_is_found(limit: SoftLimit) -> None:
    problem, plan = sound()
    record = replace(plan.record, violated=(str(limit),))
    assert rules(problem, replace(plan, softened=(limit,), record=record)) == {f"claimed {limit.kind}"}


@pytest.mark.parametrize(
    "limit",
    [
        SoftLimit(kind=LimitKind.MEMBER_IMPORT, index=3, step=0, size=1.0),
        SoftLimit(kind=LimitKind.MEMBER_IMPORT, index=-1, step=0, size=1.0),
        SoftLimit(kind=LimitKind.COMMUNITY_IMPORT, index=0, step=0, size=1.0),
        SoftLimit(kind=LimitKind.BATTERY_LOW, index=0, step=6, size=1.0),
        SoftLimit(kind=LimitKind.RUN_SKIPPED, index=0, step=-1, size=1.0),
        SoftLimit(kind=LimitKind.UNSERVED, index=0, step=0, size=np.nan),
        SoftLimit(kind=LimitKind.UNSERVED, index=0, step=0, size=-1.0),
    ],
    ids=str,
)
def test_a_claim_about_nothing_is_found_before_anything_is_computed(limit: SoftLimit) -> None:
    problem, plan = sound()
    assert rules(problem, replace(plan, softened=(limit,))) == {"claimed limit"}


def test_words_that_no_limit_stands_behind_are_found() -> None:
    problem, plan = sound()
    assert rules(problem, replace(plan, record=replace(plan.record, violated=("x",)))) == {"limits in words"}


def test_demand_left_unserved_is_all_listed() -> None:
    problem = plain_problem(members=3, pv_kw=np.zeros((3, 4)), is_islanded=np.array([False, False, True, True]))
    plan = plan_of(problem)
    assert audit_plan(problem, plan) == ()
    kept = tuple(limit for limit in plan.softened if limit.index != 0)
    assert len(kept) < len(plan.softened)
    silent = replace(plan, softened=kept, record=replace(plan.record, violated=tuple(map(str, kept))))
    assert rules(problem, silent) == {"unserved, not listed"}


@pytest.mark.parametrize("start_kwh, rule", [(9.0, "way back from above"), (0.0, "way back from below")])
def test_a_battery_that_stays_outside_its_limits_is_found(start_kwh: float, rule: str) -> None:
    problem = plain_problem(batteries=(battery(1, soc_start_kwh=start_kwh),))
    plan = plan_of(problem)
    assert audit_plan(problem, plan) == ()
    schedule, net_kw = parts(plan)[0], problem.demand_kw - problem.pv_kw
    none = np.zeros(net_kw.shape)
    idle = replace(
        schedule,
        charge_kw=np.zeros((1, 4)),
        discharge_kw=np.zeros((1, 4)),
        soc_kwh=np.full((1, 4), start_kwh),
        import_kw=np.maximum(net_kw, 0.0),
        export_kw=np.maximum(-net_kw, 0.0),
        buy_kw=none,
        sell_kw=none,
        curtailed_kw=none,
    )
    found = rules(problem, remeasured(problem, plan, idle))
    assert rule in found
    assert found <= {rule, "equity's budget"}


def test_a_worst_burden_that_was_restated_wrongly_is_found() -> None:
    problem, plan = sound()
    concealed = conceal(problem)
    restated = restate_burden(problem, restate_burden(concealed, plan))
    assert audit_burden(problem, restated) == ()
    figures = parts(restated)[1]
    assert figures.worst_burden_frac is not None
    wrong = replace(restated, figures=replace(figures, worst_burden_frac=figures.worst_burden_frac + 0.01))
    assert [violation.rule for violation in audit_burden(problem, wrong)] == ["reported burden"]
    none = replace(restated, figures=replace(figures, worst_burden_frac=None))
    assert [violation.rule for violation in audit_burden(problem, none)] == ["reported burden"]
    assert audit_burden(problem, replace(plan, schedule=None)) == ()
