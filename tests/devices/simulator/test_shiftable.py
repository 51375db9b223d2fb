from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.members import ShiftableLoad
from devices.simulator.shiftable import ApplianceState, SimulatedAppliance
from models.profiles.profiles import ShiftableRun
from tests.devices.simulator.village import START, WASH, WASHER, at, make_run


def make_appliance(
    *runs: ShiftableRun, waits: bool = True, start_min: float = 0.0, state: ApplianceState | None = None
) -> SimulatedAppliance:
    return SimulatedAppliance(
        ShiftableLoad.model_validate(WASHER),
        runs,
        origin_utc=START,
        waits_for_start=waits,
        start_s=start_min * 60.0,
        state=state,
    )


def follow(appliance: SimulatedAppliance, minute: float, held_kw: float | None = None) -> float:
    appliance.follow(held_kw, minute * 60.0)
    return appliance.power_kw


def test_without_a_controller_a_run_starts_on_request_and_runs_through() -> None:
    appliance = make_appliance(make_run(10, 300), waits=False)
    assert appliance.next_event_s == 600.0
    assert follow(appliance, 10) == 2.0
    assert appliance.next_event_s == 4200.0
    assert follow(appliance, 69.9) == 2.0
    assert follow(appliance, 70) == 0.0
    assert (appliance.runs_finished, appliance.next_event_s) == (1, math.inf)


def test_with_a_controller_it_waits_for_its_start() -> None:
    appliance = make_appliance(make_run(10, 300))
    assert follow(appliance, 10) == 0.0
    assert follow(appliance, 60, held_kw=0.0) == 0.0
    assert follow(appliance, 90, held_kw=2.0) == 2.0
    assert appliance.next_event_s == 9000.0


def test_a_forgotten_run_starts_by_itself_just_in_time() -> None:
    appliance = make_appliance(make_run(10, 300))
    follow(appliance, 10)
    assert appliance.next_event_s == 240 * 60.0
    assert follow(appliance, 239.9) == 0.0
    assert follow(appliance, 240, held_kw=0.0) == 2.0


def test_nothing_stops_a_run_under_way() -> None:
    appliance = make_appliance(make_run(10, 300), waits=False)
    follow(appliance, 10)
    assert follow(appliance, 30, held_kw=0.0) == 2.0


def test_a_request_during_a_run_waits_until_it_is_over() -> None:
    appliance = make_appliance(make_run(0, 300), make_run(30, 400), waits=False)
    assert follow(appliance, 30) == 2.0
    assert follow(appliance, 60) == 2.0
    assert (appliance.runs_finished, appliance.next_event_s) == (1, 7200.0)


@given(st.floats(0.0, 400.0), st.floats(60.0, 400.0), st.lists(st.floats(0.0, 900.0), max_size=10))
def test_every_run_ends_in_time_whatever_the_controller_says(
    requested_min: float, window_min: float, waits_said_min: list[float]
) -> None:
    run = make_run(requested_min, requested_min + window_min)
    appliance = make_appliance(run)
    moments = sorted({*(minute * 60.0 for minute in waits_said_min)})
    now_s = 0.0
    while appliance.next_event_s < math.inf:
        due_s = appliance.next_event_s
        for said_s in (moment for moment in moments if now_s <= moment < due_s):
            appliance.follow(0.0, said_s)
        appliance.follow(0.0, due_s)
        now_s = due_s
    assert appliance.runs_finished == 1
    assert now_s <= (run.latest_end_utc - START).total_seconds() + 1e-3


def test_a_start_is_refused_where_nothing_is_asked_for() -> None:
    appliance = make_appliance(make_run(10, 300))
    assert appliance.refusal(2.0, 0.0) == "no run is asked for, accepted 0 kW"
    assert appliance.refusal(0.0, 0.0) is None
    assert appliance.refusal(2.0, 600.0) is None


@pytest.mark.parametrize("power_kw", [-1.0, 2.5])
def test_powers_outside_wait_and_start_are_refused(power_kw: float) -> None:
    assert f"found {power_kw:g} kW" in str(make_appliance(make_run(0, 300)).refusal(power_kw, 0.0))


def test_it_reports_request_and_run_with_the_time_they_need() -> None:
    appliance = make_appliance(make_run(10, 300))
    follow(appliance, 10)
    waiting = appliance.reading(WASH, at(10), 1)
    assert (waiting.is_requested, waiting.is_running, waiting.remaining_s) == (True, False, 3600.0)
    assert waiting.latest_end_utc == at(300)
    follow(appliance, 20, held_kw=2.0)
    running = appliance.reading(WASH, at(50), 2)
    assert (running.is_requested, running.is_running, running.remaining_s) == (False, True, 1800.0)
    follow(appliance, 80)
    idle = appliance.reading(WASH, at(80), 3)
    assert (idle.is_requested, idle.is_running, idle.remaining_s, idle.latest_end_utc) == (False, False, None, None)


def test_a_run_under_way_goes_on_where_its_state_is_carried() -> None:
    runs = (make_run(10, 300), make_run(200, 600))
    first = make_appliance(*runs, waits=False)
    follow(first, 10)
    second = make_appliance(*runs, start_min=40, state=first.state())
    assert (second.power_kw, second.next_event_s) == (2.0, 4200.0)
    assert follow(second, 70) == 0.0
    assert follow(second, 200) == 0.0
    assert second.requested(200 * 60.0) == runs[1]


def test_a_fresh_appliance_leaves_out_runs_that_would_have_begun_before() -> None:
    appliance = make_appliance(make_run(-120, 50), make_run(-30, 200))
    assert appliance.requested(0.0) == make_run(-30, 200)
