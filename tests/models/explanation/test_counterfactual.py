from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.dispatch.figures import measure_schedule
from models.dispatch.problem import DispatchProblem
from models.dispatch.result import Plan
from models.domain.setpoint import Reason
from models.explanation.counterfactual import MOTIVES, Motive, ask_in_turn, ask_without, take_out
from tests.models.dispatch.planners import plan_of
from tests.models.dispatch.random_problems import battery, plain_problem, random_problem


def peaky() -> DispatchProblem:
    """One home, a high demand now, a battery whose energy is worth as much later; the peak costs 1 EUR/kW."""
    return plain_problem(
        members=1,
        demand_kw=np.array([[3.0, 0.5, 0.5, 0.5]]),
        pv_kw=np.zeros((1, 4)),
        batteries=(battery(0, end_value_eur_per_kwh=0.29),),
        peak_charge_eur_per_kw=1.0,
        peak_floor_kw=np.array([1.0]),
    )


def test_without_the_peak_charge_the_battery_would_have_stayed_idle() -> None:
    problem = peaky()
    answer = ask_without(Motive.PEAK_CHARGE, problem, plan_of(problem), 0, plan_of)
    assert answer is not None
    assert answer.power_kw < -1.0
    assert answer.other_kw == pytest.approx(0.0, abs=1e-6)
    assert not answer.is_same
    # Each kW less saves 1 EUR of peak charge; what is given up for it costs a little more than importing.
    used_kwh = 0.5 * -answer.power_kw
    given_up = used_kwh * (0.29 / 0.9 + 0.01 - 0.30)
    assert answer.saved_eur == pytest.approx(-answer.power_kw * 1.0 - given_up, abs=1e-3)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 200), motive=st.sampled_from(list(Motive)))
def test_the_saving_is_the_difference_of_two_measured_costs_and_never_a_loss(seed: int, motive: Motive) -> None:
    problem = replace(random_problem(seed, is_tame=True), equity_budget_frac=0.0)
    if not problem.batteries:
        return
    plan, plans = plan_of(problem), []

    def solve(changed: DispatchProblem) -> Plan:
        plans.append(plan_of(changed))
        return plans[-1]

    answer = ask_without(motive, problem, plan, 0, solve)
    assert answer is not None
    assert plan.schedule is not None
    assert plans[0].schedule is not None
    difference = (
        measure_schedule(problem, plans[0].schedule).cost_eur - measure_schedule(problem, plan.schedule).cost_eur
    )
    assert answer.saved_eur == difference
    # The tail's binaries are relaxed in both, so the plan may be a hair above the other one's worth.
    assert answer.saved_eur >= -0.02


def test_a_solver_without_an_answer_gives_no_comparison() -> None:
    problem = peaky()
    assert ask_without(Motive.SHARING, problem, plan_of(problem), 0, lambda _: None) is None


def test_taking_out_a_motive_changes_nothing_else() -> None:
    problem = replace(plain_problem(), import_price_eur_per_kwh=np.array([0.1, 0.2, 0.3, 0.4]))
    flat = take_out(Motive.PRICE_CHANGES, problem)
    assert flat.import_price_eur_per_kwh == pytest.approx([0.25] * 4)
    assert flat.demand_kw is problem.demand_kw
    alone = plan_of(take_out(Motive.SHARING, problem))
    assert alone.schedule is not None
    assert not alone.schedule.buy_kw.any()
    assert set(MOTIVES) < set(Reason)


def test_a_motive_that_changes_nothing_is_followed_by_the_others_until_one_decides() -> None:
    problem = replace(peaky(), import_price_eur_per_kwh=np.array([0.30, 0.31, 0.30, 0.31]))
    answers = ask_in_turn(Motive.PRICE_CHANGES, problem, plan_of(problem), 0, plan_of)
    assert [answer.without for answer in answers] == [Motive.PRICE_CHANGES, Motive.PEAK_CHARGE]
    assert [answer.is_same for answer in answers] == [True, False]
    # The one that decides is asked first: no other solution is needed.
    assert len(ask_in_turn(Motive.PEAK_CHARGE, problem, plan_of(problem), 0, plan_of)) == 1
    assert ask_in_turn(Motive.PEAK_CHARGE, problem, plan_of(problem), 0, lambda _: None) == ()


def test_motives_that_the_problem_does_not_have_are_not_asked_about() -> None:
    problem = replace(peaky(), peak_charge_eur_per_kw=0.0)
    answers = ask_in_turn(Motive.PRICE_CHANGES, problem, plan_of(problem), 0, plan_of)
    # One home, one price, no peak charge: only what was asked for is left.
    assert [answer.without for answer in answers] == [Motive.PRICE_CHANGES]
