"""Limits that give way: listed in full, worded up to a bound, and read from the schedule itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.audit import audit_plan
from models.dispatch.facts import derive_facts
from models.dispatch.problem import DispatchProblem, RunData
from models.dispatch.result import LimitKind
from models.dispatch.rule import follow_rule
from models.dispatch.soft_limits import find_softened, keep_given, word_limits
from models.dispatch.violation import WORDED_AT_MOST
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import battery, plain_problem, random_problem

BOTH = pytest.mark.parametrize("name", ["glpk", "highs"])


def without_batteries(members: int, steps: int, **changes: object) -> DispatchProblem:
    return plain_problem(
        members=members, steps=steps, batteries=(), reference_battery_kw=np.empty((0, steps)), **changes
    )


@BOTH
def test_a_small_excess_is_listed_beside_hundreds_of_larger_shortages(name: str) -> None:
    problem = without_batteries(
        40,
        12,
        exact_steps=4,
        pv_kw=np.zeros((40, 12)),
        demand_kw=np.full((40, 12), 2.0),
        is_islanded=np.arange(12) >= 4,
        member_import_limit_kw=np.append(1.5, np.full(39, 17.0)),
    )
    plan = plan_of(problem, name, mip_gap=0.002)
    assert [str(violation) for violation in audit_plan(problem, plan)] == []
    by_kind = {kind: [limit for limit in plan.softened if limit.kind is kind] for kind in LimitKind}
    assert len(by_kind[LimitKind.UNSERVED]) == 40 * 8
    assert [(limit.index, limit.step) for limit in by_kind[LimitKind.MEMBER_IMPORT]] == [(0, 0), (0, 1), (0, 2), (0, 3)]
    assert len(plan.record.violated) == WORDED_AT_MOST
    assert [limit.size for limit in plan.softened] == sorted((limit.size for limit in plan.softened), reverse=True)


@BOTH
def test_more_members_over_their_connection_than_a_record_has_words_for_are_no_reason_to_refuse(name: str) -> None:
    problem = without_batteries(
        30, 12, pv_kw=np.zeros((30, 12)), demand_kw=np.full((30, 12), 2.0), member_import_limit_kw=np.full(30, 1.5)
    )
    plan = plan_of(problem, name)
    assert audit_plan(problem, plan) == ()
    assert len(plan.softened) == 360


def test_only_what_no_schedule_could_keep_is_granted_to_the_rule() -> None:
    problem = plain_problem(
        members=3,
        demand_kw=np.array([[2.0] * 4, [2.0] * 4, [2.0] * 4]),
        pv_kw=np.zeros((3, 4)),
        member_import_limit_kw=np.array([1.5, 1.5, 17.0]),
        community_import_limit_kw=np.full(4, 1.0),
        batteries=(battery(1, soc_start_kwh=0.5),),
    )
    facts = derive_facts(problem)
    found = find_softened(problem, facts, follow_rule(problem))
    assert {limit.kind for limit in found} == {LimitKind.MEMBER_IMPORT, LimitKind.COMMUNITY_IMPORT}
    given_ = keep_given(facts, found)
    assert {(limit.kind, limit.index) for limit in given_} == {(LimitKind.MEMBER_IMPORT, 0)}
    assert word_limits(given_)[0] == "import limit of member 0 exceeded by 0.500 kW in step 0"


def test_a_battery_on_its_way_back_is_no_exceeded_limit() -> None:
    problem = plain_problem(batteries=(battery(1, soc_start_kwh=9.0),))
    plan = plan_of(problem)
    assert plan.schedule is not None
    assert plan.schedule.soc_kwh[0, 0] > 5.0
    assert plan.softened == ()
    lazy = replace(plan.schedule, soc_kwh=plan.schedule.soc_kwh + 0.25)
    kinds = {(limit.kind, round(limit.size, 3)) for limit in find_softened(problem, derive_facts(problem), lazy)}
    assert kinds == {(LimitKind.BATTERY_HIGH, 0.25)}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000), name=st.sampled_from(["glpk", "highs"]), has_islands=st.booleans())
def test_every_claim_has_the_size_that_the_schedule_shows(seed: int, name: str, *, has_islands: bool) -> None:
    problem = random_problem(seed, has_islands=has_islands)
    plan = plan_of(problem, name, mip_gap=1e-4)
    assert plan.schedule is not None
    s = plan.schedule
    net_kw = s.import_kw + s.buy_kw - s.export_kw - s.sell_kw
    over_kw = net_kw - problem.member_import_limit_kw[:, None]
    for limit in plan.softened:
        if limit.kind is LimitKind.MEMBER_IMPORT:
            assert limit.size == pytest.approx(over_kw[limit.index, limit.step], abs=1e-6)
        if limit.kind is LimitKind.UNSERVED:
            assert limit.size == pytest.approx(plan.schedule.unserved_kw[limit.index, limit.step], abs=1e-9)
    claimed = {(limit.index, limit.step) for limit in plan.softened if limit.kind is LimitKind.MEMBER_IMPORT}
    assert claimed == {(int(i), int(t)) for i, t in np.argwhere(over_kw > 1e-4)}


@BOTH
def test_a_run_is_not_dropped_for_an_excess_that_is_far_off(name: str) -> None:
    option_kw = np.array([[0.0, 0.0, 0.0, 3.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0, 3.0, 3.0]])
    problem = without_batteries(
        2,
        6,
        exact_steps=2,
        demand_kw=np.full((2, 6), 1.0),
        pv_kw=np.zeros((2, 6)),
        runs=(RunData(member=0, option_kw=option_kw),),
        community_import_limit_kw=np.full(6, 4.5),
    )
    plan = plan_of(problem, name)
    assert plan.schedule is not None
    assert plan.schedule.run_option[0] >= 0
    assert {limit.kind for limit in plan.softened} == {LimitKind.COMMUNITY_IMPORT}
    near = replace(problem, exact_steps=6)
    assert plan_of(near, name).softened[0].kind is LimitKind.RUN_SKIPPED
