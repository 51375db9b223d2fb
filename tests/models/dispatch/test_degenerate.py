"""Problems at the edge: each is solved, passes the audit, and means what it should."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from models.dispatch.problem import DispatchProblem, FloatArray
from models.dispatch.result import LimitKind, Termination
from tests.models.dispatch.planners import audited, plan_of
from tests.models.dispatch.random_problems import battery, car, plain_problem, random_problem

BOTH = pytest.mark.parametrize("name", ["glpk", "highs"])


def with_prices(problem: DispatchProblem, p_in: FloatArray, p_out: FloatArray) -> DispatchProblem:
    local = (p_in - problem.network_fee_eur_per_kwh + p_out) / 2.0
    return replace(
        problem, import_price_eur_per_kwh=p_in, export_price_eur_per_kwh=p_out, local_price_eur_per_kwh=local
    )


@BOTH
def test_a_negative_export_price_curtails_what_nobody_can_use(name: str) -> None:
    problem = plain_problem(members=1, demand_kw=np.ones((1, 4)), pv_kw=np.full((1, 4), 3.0))
    problem = with_prices(problem, np.full(4, 0.3), np.full(4, -0.1))
    schedule, _ = audited(problem, name)
    assert schedule.export_kw.max() == pytest.approx(0.0, abs=1e-6)
    assert schedule.curtailed_kw == pytest.approx(np.full((1, 4), 2.0))


@BOTH
def test_a_negative_import_price_fills_the_battery_in_one_direction(name: str) -> None:
    problem = plain_problem(members=2, exact_steps=4)
    problem = with_prices(problem, np.array([-0.2, -0.2, 0.3, 0.3]), np.full(4, -0.25))
    schedule, _ = audited(problem, name)
    assert np.minimum(schedule.charge_kw, schedule.discharge_kw).max() < 1e-6
    assert schedule.soc_kwh[0, 1] > 2.0


@BOTH
def test_a_feed_in_price_above_the_import_price_switches_sharing_off_and_keeps_to_one_side(name: str) -> None:
    problem = with_prices(plain_problem(members=3, exact_steps=4), np.full(4, 0.2), np.full(4, 0.4))
    schedule, _ = audited(problem, name)
    assert schedule.buy_kw.max() == 0.0
    both = np.minimum(schedule.import_kw, schedule.export_kw)
    assert both.max() < 1e-6


@BOTH
def test_zero_demand_and_no_sun_cost_nothing_but_the_stored_energy(name: str) -> None:
    problem = plain_problem(
        demand_kw=np.zeros((2, 4)),
        pv_kw=np.zeros((2, 4)),
        batteries=(battery(1, end_value_eur_per_kwh=0.5),),
    )
    schedule, figures = audited(problem, name)
    # Grid energy at 0.30 stored at 95 % is worth 0.475: the battery fills as far as its power allows.
    assert schedule.soc_kwh[0, -1] == pytest.approx(2.0 + 4 * 0.5 * 2.0 * 0.95 - 0.8, abs=1e-4)
    assert figures.cost_eur == pytest.approx(3.0 / 0.95 * 0.30 - 5.0 * 0.5, abs=1e-4)


@BOTH
def test_one_member_alone_gains_nothing_from_a_pool(name: str) -> None:
    schedule, figures = audited(plain_problem(members=1, batteries=(battery(0),)), name)
    assert schedule.buy_kw.max() == 0.0
    assert schedule.sell_kw.max() == 0.0
    assert figures.efficient_cost_eur <= figures.alone_cost_eur + 1e-9


@BOTH
def test_without_any_battery_the_pool_shares_what_it_can(name: str) -> None:
    problem = plain_problem(
        batteries=(),
        reference_battery_kw=np.empty((0, 4)),
        demand_kw=np.array([[2.0] * 4, [1.0] * 4]),
        pv_kw=np.array([[0.0] * 4, [2.0, 3.0, 4.0, 0.0]]),
    )
    schedule, _ = audited(problem, name)
    assert schedule.buy_kw[0] == pytest.approx([1.0, 2.0, 2.0, 0.0])
    assert schedule.export_kw[1] == pytest.approx([0.0, 0.0, 1.0, 0.0])


@BOTH
@pytest.mark.parametrize("start_kwh", [0.5, 5.0])
def test_batteries_at_their_limits_are_no_trouble(name: str, start_kwh: float) -> None:
    audited(plain_problem(batteries=(battery(1, soc_start_kwh=start_kwh),)), name)


@BOTH
@pytest.mark.parametrize("start_kwh, first_kwh", [(0.0, 0.5), (6.0, 5.0)])
def test_a_battery_outside_its_limits_is_brought_back(name: str, start_kwh: float, first_kwh: float) -> None:
    problem = plain_problem(
        pv_kw=np.zeros((2, 4)),
        batteries=(battery(1, soc_start_kwh=start_kwh, end_value_eur_per_kwh=0.3 if start_kwh > 5.0 else 0.0),),
    )
    schedule, _ = audited(problem, name)
    assert schedule.soc_kwh[0, 0] == pytest.approx(first_kwh, abs=1e-4)


@BOTH
def test_a_battery_far_outside_its_limits_comes_back_as_fast_as_its_power_allows(name: str) -> None:
    problem = plain_problem(batteries=(battery(1, soc_start_kwh=9.0, end_value_eur_per_kwh=1.0),))
    schedule, _ = audited(problem, name)
    assert schedule.soc_kwh[0, :3] == pytest.approx(9.0 - 0.5 * 2.0 / 0.9 * np.arange(1, 4), abs=1e-4)


@BOTH
def test_a_billing_period_that_ends_inside_the_horizon_has_a_peak_of_its_own_after_it(name: str) -> None:
    problem = plain_problem(
        steps=6,
        demand_kw=np.array([[1.0, 5.0, 1.0, 1.0, 4.0, 1.0], [0.5] * 6]),
        pv_kw=np.zeros((2, 6)),
        peak_charge_eur_per_kw=1.0,
        peak_floor_kw=np.array([2.0, 0.0]),
        peak_period=np.array([0, 0, 0, 1, 1, 1]),
    )
    _, figures = audited(problem, name)
    assert figures.peak_kw.shape == (2,)
    assert 2.0 <= figures.peak_kw[0] < 5.5
    assert figures.peak_kw[1] < 4.5


@BOTH
def test_energy_metered_in_the_running_interval_counts_towards_its_peak(name: str) -> None:
    problem = plain_problem(
        members=1,
        batteries=(),
        reference_battery_kw=np.empty((0, 4)),
        demand_kw=np.full((1, 4), 1.0),
        metered_net_kwh=np.array([2.0]),
        metered_h=0.5,
        peak_charge_eur_per_kw=1.0,
    )
    _, figures = audited(problem, name)
    # 2 kWh in the first half-hour and 0.5 kWh in the second: a mean of 2.5 kW.
    assert figures.peak_kw[0] == pytest.approx(2.5)


@BOTH
def test_a_demand_beyond_its_connection_is_served_and_reported(name: str) -> None:
    problem = plain_problem(member_import_limit_kw=np.array([1.5, 17.0]))
    plan = plan_of(problem, name)
    kinds = {limit.kind for limit in plan.softened}
    assert plan.is_usable
    assert kinds == {LimitKind.MEMBER_IMPORT}
    assert "import limit of member 0 exceeded by 0.500 kW in step 3" in plan.record.violated


@BOTH
def test_an_infeasible_limit_yields_a_plan_and_the_least_violation(name: str) -> None:
    problem = plain_problem(
        demand_kw=np.full((2, 4), 3.0),
        pv_kw=np.zeros((2, 4)),
        community_import_limit_kw=np.full(4, 5.0),
        batteries=(battery(1, soc_start_kwh=0.5),),
    )
    plan = plan_of(problem, name)
    assert plan.record.termination is Termination.OPTIMAL
    over = [limit for limit in plan.softened if limit.kind is LimitKind.COMMUNITY_IMPORT]
    assert [limit.step for limit in over] == [0, 1, 2, 3]
    assert [limit.size for limit in over] == pytest.approx([1.0] * 4, abs=1e-4)


@BOTH
def test_an_export_limit_curtails_the_surplus(name: str) -> None:
    problem = plain_problem(
        members=1,
        batteries=(),
        reference_battery_kw=np.empty((0, 4)),
        demand_kw=np.zeros((1, 4)),
        pv_kw=np.full((1, 4), 5.0),
        member_export_limit_kw=np.array([3.0]),
    )
    schedule, _ = audited(problem, name)
    assert schedule.export_kw[0] == pytest.approx([3.0] * 4)


@BOTH
def test_a_car_that_cannot_be_filled_in_time_is_short_by_what_is_missing(name: str) -> None:
    problem = plain_problem(
        evs=(car(energy_needed_kwh=30.0, departure_step=1),), reference_ev_kw=np.full((1, 4), np.nan)
    )
    schedule, _ = audited(problem, name)
    assert schedule.ev_kw[0] == pytest.approx([7.4, 7.4, 0.0, 0.0])
    assert schedule.ev_shortfall_kwh[0] == pytest.approx(30.0 - 7.4 * 0.9)


@BOTH
def test_trading_both_ways_beyond_the_control_window_does_not_exceed_a_connection(name: str) -> None:
    problem = random_problem(50047)
    schedule, _ = audited(problem, name, mip_gap=1e-4)
    tail = np.s_[:, problem.exact_steps :]
    taken_kw, given_kw = (schedule.import_kw + schedule.buy_kw)[tail], (schedule.export_kw + schedule.sell_kw)[tail]
    assert (given_kw - taken_kw).max() <= problem.member_export_limit_kw.max() + 1e-4
    # The relaxed sides are used: more is sold than the connection could carry by itself.
    assert given_kw.max() > problem.member_export_limit_kw.max() + 0.05
