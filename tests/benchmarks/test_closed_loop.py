"""The closed-loop benchmark measures what it says: its bounds are bounds, its courses serve, its parts sum."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.dispatch.figures import measure_schedule
from models.dispatch.solvers.highs import HighsSolver
from models.profiles.profiles import EvSession
from tests.benchmarks.closed_loop import Judged, Optimum, find_optimum, judge, with_fine_steps, without_equity
from tests.benchmarks.loop_course import RollingLoop
from tests.benchmarks.loop_figures import cost_window, reduction_share
from tests.benchmarks.loop_foresight import Foresight, find_ev, needed_until, with_true_interval, with_true_powers
from tests.benchmarks.loop_hindsight import (
    HindsightError,
    flows_of,
    least_peak_kw,
    pose_hindsight,
    present_sessions,
    remaining_kwh,
    serve_alike,
)
from tests.benchmarks.loop_world import World, build_world, ceil_to, ceil_to_delta, snap

QUARTER = timedelta(minutes=15)


@pytest.fixture(scope="module")
def world() -> World:
    """A night: cars charge, batteries take cheap energy, and no appliance is asked for before the end."""
    day = build_world(3, 1, 2)
    end_utc = day.start_utc + timedelta(hours=5)
    return replace(day, end_utc=end_utc, after_utc=end_utc + timedelta(hours=2))


@pytest.fixture(scope="module")
def optimum(world: World) -> Optimum:
    return find_optimum(world, limit_s=10.0)


@pytest.fixture(scope="module")
def judged(world: World, optimum: Optimum) -> Judged:
    return judge(world, optimum, RollingLoop(world, HighsSolver(), Foresight.PERFECT).run())


@given(st.integers(-(10**6), 10**6))
def test_a_span_is_rounded_up_to_the_next_whole_interval(seconds: int) -> None:
    span = timedelta(seconds=seconds)
    rounded = ceil_to_delta(span, QUARTER)
    assert not rounded % QUARTER
    assert timedelta(0) <= rounded - span < QUARTER


def test_a_moment_on_the_grid_stays_where_it_is() -> None:
    moment = datetime(2026, 5, 12, 10, 15, tzinfo=UTC)
    assert ceil_to(moment, QUARTER) == moment
    assert ceil_to(moment + timedelta(seconds=1), QUARTER) == moment + QUARTER


def test_cars_and_runs_of_the_world_lie_on_the_grid_and_can_be_served(world: World) -> None:
    assert world.profile.ev_sessions
    assert world.profile.runs
    for session in world.profile.ev_sessions:
        _, ev = find_ev(world, session)
        hours = (session.departure_utc - session.arrival_utc) / timedelta(hours=1)
        assert session.arrival_utc == ceil_to(session.arrival_utc, QUARTER)
        assert session.departure_utc == ceil_to(session.departure_utc, QUARTER)
        assert session.energy_needed_kwh <= hours * ev.charge_limit_kw * ev.charge_efficiency_frac
    for run in world.profile.runs:
        assert run.requested_utc == ceil_to(run.requested_utc, QUARTER)
        assert run.requested_utc + timedelta(seconds=run.duration_s) <= run.latest_end_utc


def test_a_car_that_leaves_within_its_first_interval_is_left_out(world: World) -> None:
    session = world.profile.ev_sessions[0]
    brief = replace(
        session,
        arrival_utc=session.arrival_utc + timedelta(minutes=1),
        departure_utc=session.arrival_utc + timedelta(minutes=29),
    )
    assert not snap(world.site, replace(world.profile, ev_sessions=(brief,))).ev_sessions


def test_what_can_be_charged_after_the_horizon_is_not_needed_before_it(world: World) -> None:
    session = world.profile.ev_sessions[0]
    _, ev = find_ev(world, session)
    an_hour_kwh = ev.charge_limit_kw * ev.charge_efficiency_frac
    before_end = session.departure_utc - timedelta(hours=1)
    assert needed_until(session, ev, session.departure_utc, 50.0) == 50.0
    assert needed_until(session, ev, before_end, 50.0) == pytest.approx(50.0 - an_hour_kwh)
    assert needed_until(session, ev, session.arrival_utc - timedelta(days=3), 50.0) == 0.0


def test_the_optimum_costs_what_its_schedule_costs(world: World, optimum: Optimum) -> None:
    problem = pose_hindsight(world, world.start_utc, world.after_utc, world.history.end_states)
    figures = measure_schedule(problem, optimum.hindsight.schedule)
    assert figures.cost_eur == pytest.approx(optimum.hindsight.cost_eur, abs=1e-4)
    assert optimum.hindsight.bound_eur <= optimum.hindsight.cost_eur + 1e-6


def test_the_settlement_bills_a_window_as_the_problem_prices_it(world: World, optimum: Optimum) -> None:
    problem = pose_hindsight(world, world.start_utc, world.after_utc, world.history.end_states)
    schedule, window = optimum.hindsight.schedule, slice(0, 20)
    energy_kw = (
        schedule.import_kw * problem.import_price_eur_per_kwh
        - schedule.export_kw * problem.export_price_eur_per_kwh
        + schedule.buy_kw * problem.network_fee_eur_per_kwh
    )
    cost = cost_window(world, flows_of(world, problem, schedule, 20))
    # Metered energies are whole watt-hours.
    assert cost.energy_eur == pytest.approx(0.25 * energy_kw[:, window].sum(), abs=0.05)
    assert cost.peak_kw <= optimum.peak_kw + 1e-6


def test_a_rolling_course_serves_every_car_and_does_not_beat_the_optimum(optimum: Optimum, judged: Judged) -> None:
    assert judged.course.ev_missed_kwh == pytest.approx(0.0, abs=1e-3)
    assert judged.course.plans == {"optimal": 20}
    slack_eur = optimum.hindsight.cost_eur - optimum.hindsight.bound_eur
    assert judged.cost_eur >= optimum.cost_eur - slack_eur - 0.02


def test_no_course_has_a_peak_below_the_least_possible(judged: Judged) -> None:
    assert judged.window.peak_kw >= judged.peak_bound_kw - 1e-3


def test_the_least_peak_rises_with_the_energy_that_has_to_be_left(world: World, judged: Judged) -> None:
    problem = pose_hindsight(world, world.start_utc, world.end_utc, world.history.end_states)
    served = serve_alike(world, problem, world.history.end_states, judged.course.end_states)
    empty = np.array([battery.soc_min_kwh for battery in served.batteries])
    full = np.array([battery.soc_max_kwh for battery in served.batteries])
    low, high = (least_peak_kw(served, soc_kwh, limit_s=20.0) for soc_kwh in (empty, full))
    assert low <= judged.peak_bound_kw + 1e-6
    assert high > low


def test_energy_that_no_battery_can_hold_is_refused(world: World) -> None:
    problem = pose_hindsight(world, world.start_utc, world.end_utc, world.history.end_states)
    early = replace(problem, batteries=tuple(replace(one, charge_limit_kw=0.0) for one in problem.batteries))
    with pytest.raises(HindsightError, match="least peak ended with infeasible"):
        least_peak_kw(early, np.array([one.soc_max_kwh for one in early.batteries]), limit_s=20.0)


def test_a_span_over_two_billing_periods_is_refused(world: World) -> None:
    late_utc = world.start_utc + timedelta(days=21)
    with pytest.raises(HindsightError, match="two billing periods"):
        pose_hindsight(world, world.start_utc, late_utc, world.history.end_states)


def test_a_car_that_is_not_there_yet_needs_all_its_energy(world: World) -> None:
    for session in present_sessions(world, world.start_utc, world.end_utc):
        left_kwh = remaining_kwh(session, world.history.end_states, world.start_utc)
        if session.arrival_utc > world.start_utc:
            assert left_kwh == session.energy_needed_kwh
        assert 0.0 <= left_kwh <= session.energy_needed_kwh + 1e-9


def test_a_session_that_nothing_is_known_of_needs_nothing(world: World) -> None:
    past = EvSession(
        member_id=world.profile.ev_sessions[0].member_id,
        asset_id=world.profile.ev_sessions[0].asset_id,
        arrival_utc=world.start_utc - timedelta(days=5),
        departure_utc=world.start_utc + timedelta(hours=1),
        energy_needed_kwh=9.0,
    )
    assert remaining_kwh(past, world.history.end_states, world.start_utc) == 0.0


def test_with_the_interval_known_only_its_own_step_is_true_and_nothing_is_kept_free(world: World) -> None:
    loop = RollingLoop(world, HighsSolver(), Foresight.FORECAST)
    usual = loop.look_ahead(world.start_utc)
    known, true = with_true_interval(world, usual), with_true_powers(world, usual)
    for which in ("demand", "pv"):
        found, forecast, truth = (getattr(one, which).mean_kw for one in (known, usual, true))
        assert np.array_equal(found[:, 0], truth[:, 0])
        assert np.array_equal(found[:, 1:], forecast[:, 1:])
    assert not np.array_equal(usual.demand.mean_kw[:, 0], true.demand.mean_kw[:, 0])
    assert usual.peak_reserve_kw.any()
    assert not known.peak_reserve_kw.any()
    assert not true.peak_reserve_kw.any()


def test_no_price_opens_an_event_so_that_every_course_serves_the_same_demand(world: World) -> None:
    assert any(member.curtailable_loads for member in build_world(6, 1, 2).site.members)
    loop = RollingLoop(world, HighsSolver(), Foresight.PERFECT)
    assert loop.look_ahead(world.start_utc).events == ()


def test_the_share_of_a_reduction_is_one_at_the_bound_and_none_where_nothing_can_be_reduced() -> None:
    assert reduction_share(10.0, 4.0, 4.0) == 1.0
    assert reduction_share(10.0, 10.0, 4.0) == 0.0
    assert reduction_share(4.0, 4.0, 4.0) is None


def test_the_variants_change_the_site_only_in_what_they_name(world: World) -> None:
    plain, fine = without_equity(world).site, with_fine_steps(world).site
    assert plain.by_law.equity_budget_frac == 0.0
    assert plain.members == fine.members == world.site.members
    assert (fine.horizon.fine_steps, fine.horizon.coarse_steps) == (96, 0)
    assert fine.by_law == world.site.by_law
