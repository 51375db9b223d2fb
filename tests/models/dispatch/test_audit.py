"""The audit refuses every schedule that is not what it says."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.audit import audit_plan
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import LimitKind, Plan, PlanFigures, Schedule
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import plain_problem, random_problem

SEEDS = (1, 2, 4, 5, 9)
POWERS = [field.name for field in fields(Schedule) if field.name.endswith("_kw")]


@cache
def sound(seed: int) -> tuple[DispatchProblem, Plan]:
    problem = random_problem(seed, is_tame=True)
    plan = plan_of(problem)
    assert audit_plan(problem, plan) == ()
    return problem, plan


def schedule_of(plan: Plan) -> Schedule:
    assert plan.schedule is not None
    return plan.schedule


def figures_of(plan: Plan) -> PlanFigures:
    assert plan.figures is not None
    return plan.figures


@settings(max_examples=150, deadline=None)
@given(seed=st.sampled_from(SEEDS), data=st.data(), size=st.floats(0.01, 5.0), sign=st.sampled_from([-1.0, 1.0]))
def test_a_power_that_is_changed_alone_is_found(seed: int, data: st.DataObject, size: float, sign: float) -> None:
    problem, plan = sound(seed)
    present = [name for name in POWERS if getattr(schedule_of(plan), name).size]
    name = data.draw(st.sampled_from(present))
    values = getattr(schedule_of(plan), name).copy()
    values.flat[data.draw(st.integers(0, values.size - 1))] += sign * size
    broken = replace(plan, schedule=replace(schedule_of(plan), **{name: values}))
    assert audit_plan(problem, broken) != ()


@settings(max_examples=60, deadline=None)
@given(seed=st.sampled_from(SEEDS), data=st.data(), value=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_a_value_that_is_no_number_is_found(seed: int, data: st.DataObject, value: float) -> None:
    problem, plan = sound(seed)
    name = data.draw(st.sampled_from([name for name in POWERS if getattr(schedule_of(plan), name).size]))
    values = getattr(schedule_of(plan), name).copy()
    values.flat[data.draw(st.integers(0, values.size - 1))] = value
    broken = replace(plan, schedule=replace(schedule_of(plan), **{name: values}))
    assert [violation.rule for violation in audit_plan(problem, broken)] == ["finite"]


@settings(max_examples=40, deadline=None)
@given(seed=st.sampled_from(SEEDS), data=st.data(), size=st.floats(0.01, 10.0))
def test_a_reported_figure_that_is_wrong_is_found(seed: int, data: st.DataObject, size: float) -> None:
    problem, plan = sound(seed)
    figures = figures_of(plan)
    name = data.draw(
        st.sampled_from(["cost_eur", "member_cost_eur", "peak_kw", "access_shortfall_kwh", "worst_burden_frac"])
    )
    value = getattr(figures, name)
    changed: dict[str, Any] = {name: size if value is None else value + size}
    broken = replace(plan, figures=replace(figures, **changed))
    assert any(violation.rule.startswith("reported") for violation in audit_plan(problem, broken))


def test_an_array_of_the_wrong_shape_is_found_before_anything_is_computed() -> None:
    problem, plan = sound(1)
    broken = replace(plan, schedule=replace(schedule_of(plan), import_kw=np.zeros((1, 1))))
    assert {violation.rule for violation in audit_plan(problem, broken)} == {"shape"}


def test_a_plan_without_a_schedule_is_refused() -> None:
    problem, plan = sound(1)
    assert audit_plan(problem, replace(plan, schedule=None)) != ()
    assert audit_plan(problem, replace(plan, figures=None)) != ()


@pytest.mark.parametrize(
    "changes, rule",
    [
        ({"import_kw": 3.0, "export_kw": 3.0}, "takes and gives at once"),
        ({"buy_kw": 1.0, "sell_kw": 1.0}, "takes and gives at once"),
        ({"curtailed_kw": 50.0, "import_kw": 50.0}, "curtailed beyond PV"),
        ({"unserved_kw": 1.0, "import_kw": -1.0}, "unserved beyond demand"),
        ({"import_kw": 50.0, "export_kw": 50.0}, "import limit"),
        ({"import_kw": 50.0, "export_kw": 50.0}, "export limit"),
    ],
)
def test_changes_that_keep_the_balance_are_found_by_their_own_rule(changes: dict[str, float], rule: str) -> None:
    problem = plain_problem()
    plan = plan_of(problem)
    schedule = schedule_of(plan)
    moved = {}
    for name, size in changes.items():
        moved[name] = getattr(schedule, name).copy()
        moved[name][0, 0] += size
    broken = replace(plan, schedule=replace(schedule, **moved))
    assert rule in {violation.rule for violation in audit_plan(problem, broken)}


def test_charging_and_discharging_at_once_is_found_in_the_control_window() -> None:
    problem = plain_problem()
    plan = plan_of(problem)
    schedule = schedule_of(plan)
    charge, discharge = schedule.charge_kw.copy(), schedule.discharge_kw.copy()
    charge[0, 0] += 1.0
    discharge[0, 0] += 1.0
    broken = replace(plan, schedule=replace(schedule, charge_kw=charge, discharge_kw=discharge))
    assert "charges and discharges at once" in {violation.rule for violation in audit_plan(problem, broken)}


def test_a_limit_may_give_way_by_what_the_plan_says_and_no_more() -> None:
    problem = plain_problem(member_import_limit_kw=np.array([1.5, 17.0]))
    plan = plan_of(problem)
    assert audit_plan(problem, plan) == ()
    silent = replace(plan, softened=(), record=replace(plan.record, violated=()))
    assert {violation.rule for violation in audit_plan(problem, silent)} == {"import limit"}
    halved = tuple(replace(limit, size=limit.size / 2.0) for limit in plan.softened)
    assert all(limit.kind is LimitKind.MEMBER_IMPORT for limit in halved)
    assert audit_plan(problem, replace(plan, softened=halved)) != ()


def test_a_violation_reads_as_a_sentence() -> None:
    problem = plain_problem(member_import_limit_kw=np.array([1.5, 17.0]))
    plan = replace(plan_of(problem), softened=())
    found = [one for one in audit_plan(problem, plan) if one.rule == "import limit"][-1]
    assert str(found) == "import limit at member 0, step 3: off by 0.5 kW"
