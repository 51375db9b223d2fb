from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.facts import derive_facts
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import battery, plain_problem, random_problem


def test_a_position_is_flexible_only_where_something_can_move_it() -> None:
    facts = derive_facts(plain_problem(members=2))
    assert not facts.is_flexible[0].any()
    assert facts.is_flexible[1].all()


def test_the_side_is_open_only_where_the_battery_can_turn_the_sign() -> None:
    problem = plain_problem(
        demand_kw=np.array([[1.0] * 4, [0.5, 1.0, 5.0, 0.5]]), pv_kw=np.array([[0.0] * 4, [0.0, 4.0, 0.0, 0.5]])
    )
    assert derive_facts(problem).is_open[1].tolist() == [True, False, False, True]


def test_sharing_is_off_where_the_fee_eats_the_difference() -> None:
    problem = plain_problem(
        network_fee_eur_per_kwh=np.array([0.02, 0.22, 0.23, 0.02]), pv_kw=np.full((2, 4), 4.0) * [[0], [1]]
    )
    assert derive_facts(problem).is_pool.tolist() == [True, True, False, True]


def test_curtailment_is_a_choice_only_where_it_could_pay() -> None:
    problem = plain_problem(export_price_eur_per_kwh=np.array([0.08, -0.01, 0.08, 0.08]))
    assert (derive_facts(problem).curtail_limit_kw > 0.0).any(axis=0).tolist() == [False, True, False, False]
    tight = plain_problem(member_export_limit_kw=np.array([17.0, 2.5]))
    assert (derive_facts(tight).curtail_limit_kw[1] > 0.0).tolist() == [True, False, False, False]


def test_an_empty_battery_cannot_discharge_in_the_first_step() -> None:
    storage = derive_facts(plain_problem(batteries=(battery(1, soc_start_kwh=0.5),))).storage
    assert storage.discharge_limit_kw[0, 0] == 0.0
    # What one step of charging at 2 kW brings, out again at 90 %.
    assert storage.discharge_limit_kw[0, 1] == pytest.approx(0.95 * 0.9 * 2.0)


def test_a_full_battery_cannot_charge_in_the_first_step() -> None:
    storage = derive_facts(plain_problem(batteries=(battery(1, soc_start_kwh=5.0),))).storage
    assert storage.charge_limit_kw[0, 0] == 0.0
    assert not storage.starts_outside[0]


def test_the_way_back_is_bounded_by_power_and_by_the_room_of_the_connection() -> None:
    problem = plain_problem(
        pv_kw=np.zeros((2, 4)),
        batteries=(battery(1, soc_start_kwh=0.0, soc_min_kwh=2.0),),
        member_import_limit_kw=np.array([17.0, 2.0]),
    )
    storage = derive_facts(problem).storage
    room_kw = 2.0 - problem.demand_kw[1]
    assert storage.soc_lower_kwh[0] == pytest.approx(
        np.minimum(2.0, np.cumsum(0.5 * 0.95 * np.clip(room_kw, 0.0, 2.0)))
    )
    assert storage.starts_outside[0]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_no_member_left_out_of_the_burden_rows_bears_the_highest_burden(seed: int) -> None:
    problem = replace(random_problem(seed, is_tame=True), burden_price_frac=0.5)
    facts = derive_facts(problem)
    plan = plan_of(problem, "highs", mip_gap=1e-3)
    known = np.isfinite(problem.income_eur)
    if not known.any():
        assert not facts.is_burden.any()
        return
    assert plan.figures is not None
    burden = np.where(known, (problem.billed_eur + plan.figures.member_cost_eur) / problem.income_eur, -np.inf)
    assert burden[facts.is_burden].max() >= burden.max() - 1e-6


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 100_000))
def test_every_plan_keeps_within_the_tightest_bounds(seed: int) -> None:
    problem = random_problem(seed, is_tame=True)
    facts = derive_facts(problem)
    plan = plan_of(problem, "highs", mip_gap=1e-3)
    assert plan.schedule is not None
    assert (plan.schedule.charge_kw <= facts.storage.charge_limit_kw + 1e-6).all()
    assert (plan.schedule.discharge_kw <= facts.storage.discharge_limit_kw + 1e-6).all()
    assert (plan.schedule.import_kw + plan.schedule.buy_kw <= facts.intake_limit_kw + 1e-6).all()
    assert (plan.schedule.export_kw + plan.schedule.sell_kw <= facts.outlet_limit_kw + 1e-6).all()
