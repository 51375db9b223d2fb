from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.figures import measure_schedule
from models.dispatch.problem import DispatchProblem, RunData
from models.dispatch.result import Plan
from models.domain.arrays import FloatArray
from models.explanation.alternative import Alternative, ask_car, ask_run
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import car, plain_problem, random_problem

DEAR_NOW = np.array([0.40, 0.40, 0.10, 0.10])
CHEAP_NOW = DEAR_NOW[::-1].copy()
STARTS = np.eye(3, 4) * 2.0
"""A run of one step and 2 kW, which may start in any of the first three."""


def alone(price: FloatArray, **changes: Any) -> DispatchProblem:
    """One home on four half hours, without sun or battery."""
    return plain_problem(
        members=1,
        demand_kw=np.full((1, 4), 0.5),
        pv_kw=np.zeros((1, 4)),
        batteries=(),
        import_price_eur_per_kwh=price,
        **changes,
    )


def with_car(price: FloatArray, **changes: Any) -> DispatchProblem:
    """The car needs 2.7 kWh in it, 3 kWh at the wall: less than half an hour at 7.4 kW."""
    return alone(price, evs=(car(energy_needed_kwh=2.7, departure_step=3, **changes),))


def test_a_car_that_waits_for_a_lower_price_would_cost_the_difference_if_it_charged_at_once() -> None:
    problem = with_car(DEAR_NOW)
    answer = ask_car(problem, plan_of(problem), 0, plan_of)
    assert answer is not None
    assert answer.asked is Alternative.CHARGE_AT_ONCE
    assert answer.power_kw == pytest.approx(0.0, abs=1e-6)
    assert answer.other_kw == pytest.approx(6.0, abs=1e-3)
    assert answer.extra_eur == pytest.approx(3.0 * (0.40 - 0.10), abs=1e-3)
    assert not answer.is_too_late


def test_a_car_that_charges_now_would_cost_the_difference_if_it_waited() -> None:
    problem = with_car(CHEAP_NOW, charge_limit_kw=7.4)
    problem = replace(problem, import_price_eur_per_kwh=np.array([0.10, 0.40, 0.40, 0.40]))
    answer = ask_car(problem, plan_of(problem), 0, plan_of)
    assert answer is not None
    assert answer.asked is Alternative.CHARGE_LATER
    assert answer.other_kw == 0.0
    assert answer.extra_eur == pytest.approx(3.0 * 0.30, abs=1e-3)


def test_a_car_that_has_to_leave_soon_would_be_too_late_if_it_waited() -> None:
    problem = alone(CHEAP_NOW, evs=(car(energy_needed_kwh=6.0, departure_step=1),))
    answer = ask_car(problem, plan_of(problem), 0, plan_of)
    assert answer is not None
    assert answer.is_too_late
    # It cannot wait at all where it leaves with this step.
    leaving = alone(CHEAP_NOW, evs=(car(energy_needed_kwh=3.0, departure_step=0),))
    assert ask_car(leaving, plan_of(leaving), 0, plan_of) is None


def test_a_home_that_cannot_give_the_car_its_full_power_charges_it_as_early_as_it_can() -> None:
    problem = replace(with_car(DEAR_NOW), member_import_limit_kw=np.array([4.0]))
    answer = ask_car(problem, plan_of(problem), 0, plan_of)
    assert answer is not None
    # 3 kWh at no more than 3.5 kW need two half hours.
    assert 2.4 < answer.other_kw < 3.51
    assert answer.extra_eur == pytest.approx(0.90, abs=1e-3)


def test_a_car_that_needs_nothing_has_no_alternative() -> None:
    problem = alone(DEAR_NOW, evs=(car(energy_needed_kwh=0.0, departure_step=3),))
    assert ask_car(problem, plan_of(problem), 0, plan_of) is None
    wanting = with_car(DEAR_NOW)
    assert ask_car(wanting, plan_of(wanting), 0, lambda _: None) is None


@pytest.mark.parametrize(
    "price, asked, other_kw", [(DEAR_NOW, Alternative.RUN_AT_ONCE, 2.0), (CHEAP_NOW, Alternative.RUN_LATER, 0.0)]
)
def test_an_appliance_is_asked_about_the_other_start(price: FloatArray, asked: Alternative, other_kw: float) -> None:
    starts = STARTS if asked is Alternative.RUN_AT_ONCE else STARTS[[0, 2]]
    problem = alone(price, runs=(RunData(member=0, option_kw=starts),))
    answer = ask_run(problem, plan_of(problem), 0, plan_of)
    assert answer is not None
    assert (answer.asked, answer.other_kw) == (asked, other_kw)
    assert answer.extra_eur == pytest.approx(1.0 * 0.30, abs=1e-6)


def test_an_appliance_at_the_last_time_that_was_allowed_has_no_alternative() -> None:
    problem = alone(CHEAP_NOW, runs=(RunData(member=0, option_kw=STARTS[:1]),))
    assert ask_run(problem, plan_of(problem), 0, plan_of) is None


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 200))
def test_another_time_is_never_worth_more_and_its_cost_is_that_of_the_schedule_found(seed: int) -> None:
    problem = replace(random_problem(seed, is_tame=True), equity_budget_frac=0.0)
    plan, found = plan_of(problem), []

    def solve(changed: DispatchProblem) -> Plan:
        found.append(plan_of(changed))
        return found[-1]

    asked = [ask_car(problem, plan, one, solve) for one in range(len(problem.evs))]
    asked += [ask_run(problem, plan, one, solve) for one in range(len(problem.runs))]
    assert plan.schedule is not None
    cost_eur = measure_schedule(problem, plan.schedule).cost_eur
    costs = [measure_schedule(problem, one.schedule).cost_eur for one in found if one.schedule is not None]
    for answer in asked:
        if answer is not None:
            # The tail's binaries are relaxed in both, so the plan may be a hair above the other one's worth.
            assert answer.extra_eur >= -0.02
            assert any(answer.extra_eur == other - cost_eur for other in costs)
