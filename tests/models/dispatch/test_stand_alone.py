"""Who pays more in a plan than alone is recorded, member by member."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.audit_figures import bill_members_eur
from models.dispatch.bundle import decode, encode
from models.dispatch.result import PlanFigures
from models.dispatch.rule import follow_rule
from models.domain.errors import BundleError
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import random_problem
from tests.models.dispatch.recorded_plans import recorded

WORSE_OFF = {6: (1,), 17: (2,), 28: (1,)}
"""Seeds, and the members to which regard for others costs more than being in saves."""


def figures_of(seed: int) -> PlanFigures:
    plan = plan_of(replace(random_problem(seed, is_tame=True), equity_budget_frac=0.5))
    assert plan.figures is not None
    return plan.figures


@pytest.mark.parametrize("seed", sorted(WORSE_OFF))
def test_members_that_pay_more_than_alone_are_named(seed: int) -> None:
    figures = figures_of(seed)
    assert figures.members_above_alone == WORSE_OFF[seed]
    (member,) = WORSE_OFF[seed]
    assert figures.member_cost_eur[member] > figures.alone_member_cost_eur[member] + 1e-3


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_stand_alone_costs_are_those_of_the_self_consumption_rule(seed: int) -> None:
    problem = random_problem(seed, is_tame=True)
    plan = plan_of(problem, "highs")
    assert plan.figures is not None
    assert plan.figures.alone_member_cost_eur == pytest.approx(bill_members_eur(problem, follow_rule(problem)))
    above = plan.figures.member_cost_eur > plan.figures.alone_member_cost_eur + 1e-3
    assert plan.figures.members_above_alone == tuple(np.flatnonzero(above))


def test_a_bundle_keeps_stand_alone_costs_and_reads_one_from_before_they_were_kept() -> None:
    bundle = recorded()
    assert bundle.plan is not None
    assert bundle.plan.figures is not None
    again = decode(encode(bundle)).plan
    assert again is not None
    assert again.figures is not None
    np.testing.assert_array_equal(again.figures.alone_member_cost_eur, bundle.plan.figures.alone_member_cost_eur)
    old = replace(bundle.plan.figures, alone_member_cost_eur=np.zeros(0))
    read = decode(encode(replace(bundle, plan=replace(bundle.plan, figures=old)))).plan
    assert read is not None
    assert read.figures is not None
    assert read.figures.members_above_alone == ()


def test_a_bundle_with_the_stand_alone_costs_of_some_is_refused() -> None:
    bundle = recorded()
    assert bundle.plan is not None
    assert bundle.plan.figures is not None
    some = replace(bundle.plan.figures, alone_member_cost_eur=np.zeros(2))
    with pytest.raises(BundleError, match=r"plan.figures.alone_member_cost_eur: found shape \(2,\); accepted: \(5,\)"):
        decode(encode(replace(bundle, plan=replace(bundle.plan, figures=some))))
