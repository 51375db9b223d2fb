from __future__ import annotations

from datetime import timedelta

import pytest

from devices.simulator.home import Home
from devices.simulator.home_state import CONTROLLED, UNCONTROLLED, HomeBehaviour
from tests.devices.simulator.one_home import HOURS, KWH, constant, energy, make_home
from tests.devices.simulator.village import (
    BAT,
    BATTERY,
    CAR,
    EV,
    METER,
    PV,
    START,
    WASH,
    WASHER,
    at,
    make_member,
    make_run,
    make_session,
    make_setpoint,
    make_site,
)


def test_a_battery_stores_the_surplus_until_it_is_full_and_then_the_home_exports() -> None:
    home = make_home(constant(1.0, 3.0), soc_kwh=8.1, batteries=[BATTERY])
    home.advance_to(HOURS * 3600.0)
    # 1.9 kWh of room take 2 kWh at 95 %: one hour at 2 kW of surplus.
    assert energy(home, 0, 60).export_kwh == pytest.approx(0.0, abs=KWH)
    assert energy(home, 60, 120).export_kwh == pytest.approx(2.0)
    assert energy(home).charge_kwh == pytest.approx(2.0)


def test_a_battery_that_empties_within_a_step_of_the_profile_stops_at_that_very_moment() -> None:
    home = make_home(constant(2.0), soc_kwh=1.0, batteries=[BATTERY])
    home.advance_to(HOURS * 3600.0)
    # 1 kWh stored gives 0.95 kWh: 28.5 minutes at 2 kW.
    assert energy(home, 28, 29).discharge_kwh == pytest.approx(2.0 * 0.5 / 60.0)
    assert energy(home, 28, 29).import_kwh == pytest.approx(2.0 * 0.5 / 60.0)
    assert energy(home).import_kwh == pytest.approx(2.0 * HOURS - 0.95)


def test_an_idle_default_leaves_the_battery_alone() -> None:
    home = make_home(constant(1.0, 3.0), HomeBehaviour(battery_default="idle"), soc_kwh=5.0, batteries=[BATTERY])
    home.advance_to(3600.0)
    assert energy(home, 0, 60).charge_kwh == 0.0


def test_a_second_battery_takes_what_the_first_cannot() -> None:
    home = make_home(constant(0.0, 6.0), soc_kwh=0.0, batteries=[BATTERY, {**BATTERY, "id": "second"}])
    assert [battery.power_kw for battery in home.assets.batteries] == [4.0, 2.0]
    assert home.meter.net_kw == 0.0


def test_a_setpoint_moves_the_battery_and_the_battery_alone_moves_the_meter() -> None:
    home = make_home(constant(1.0), soc_kwh=5.0, batteries=[BATTERY])
    before = home.readings(START, 1)
    answer = home.offer(make_setpoint(3.0), START)
    after = home.readings(START, 2)
    assert answer is not None
    assert (answer.is_accepted, answer.applied_kw) == (True, 3.0)
    assert (before[BAT].power_kw, after[BAT].power_kw) == (-1.0, 3.0)
    assert (before[METER].power_kw, after[METER].power_kw) == (0.0, 4.0)


def test_at_the_end_of_a_setpoints_life_the_battery_is_back_on_its_default_at_that_instant() -> None:
    home = make_home(constant(1.0), soc_kwh=5.0, batteries=[BATTERY])
    home.offer(make_setpoint(3.0, life_min=7.25), START)
    home.advance_to(3600.0)
    assert energy(home, 0, 7).charge_kwh == pytest.approx(3.0 * 7.0 / 60.0)
    assert energy(home, 7, 8).charge_kwh == pytest.approx(3.0 * 0.25 / 60.0)
    assert energy(home, 7, 8).discharge_kwh == pytest.approx(1.0 * 0.75 / 60.0)


def test_a_full_battery_says_that_it_applies_nothing() -> None:
    home = make_home(constant(1.0), soc_kwh=10.0, batteries=[BATTERY])
    answer = home.offer(make_setpoint(3.0), START)
    assert answer is not None
    assert (answer.is_accepted, answer.applied_kw) == (True, 0.0)
    assert home.offer(make_setpoint(3.0), START) == answer


def test_a_refused_setpoint_changes_no_power() -> None:
    home = make_home(constant(1.0), soc_kwh=5.0, batteries=[BATTERY])
    answer = home.offer(make_setpoint(4000.0), START)
    assert answer is not None
    assert (answer.is_accepted, answer.applied_kw) == (False, None)
    assert answer.refusal == "outside limits: found 4000 kW, accepted -4 to 4 kW"
    assert home.meter.net_kw == 0.0


def test_a_setpoint_for_a_meter_or_a_stranger_is_not_answered() -> None:
    home = make_home(constant(1.0))
    assert home.offer(make_setpoint(1.0, device=METER), START) is None
    assert home.offer(make_setpoint(1.0, device=BAT), START) is None


def test_a_plant_generates_no_more_than_its_limit_while_the_limit_lives() -> None:
    home = make_home(constant(0.0, 4.0))
    answer = home.offer(make_setpoint(-1.0, device=PV, life_min=30), START)
    assert answer is not None
    assert answer.applied_kw == -1.0
    home.advance_to(3600.0)
    assert energy(home, 0, 60).pv_kwh == pytest.approx(0.5 * 1.0 + 0.5 * 4.0)
    assert energy(home, 0, 60).pv_available_kwh == pytest.approx(4.0)


def test_a_car_charges_on_arrival_and_obeys_a_setpoint_only_while_it_lives() -> None:
    profile = constant(0.0, sessions=[make_session(10.5, 300, 40.0)])
    home = make_home(profile, evs=[EV])
    home.advance_to(30 * 60.0)
    assert energy(home, 10, 11).ev_kwh == pytest.approx(7.0 * 0.5 / 60.0)
    home.offer(make_setpoint(0.0, device=CAR, minute=30, life_min=10), at(30))
    home.advance_to(60 * 60.0)
    assert energy(home, 30, 40).ev_kwh == 0.0
    assert energy(home, 40, 50).ev_kwh == pytest.approx(7.0 / 6.0)


def test_a_car_that_arrives_while_zero_is_held_waits() -> None:
    home = make_home(constant(0.0, sessions=[make_session(5, 300, 9.0)]), evs=[EV])
    home.offer(make_setpoint(0.0, device=CAR), START)
    home.advance_to(20 * 60.0)
    assert energy(home, 0, 15).ev_kwh == 0.0
    assert energy(home, 15, 20).ev_kwh == pytest.approx(7.0 * 5.0 / 60.0)


def test_a_car_has_what_it_needs_within_a_minute_and_the_power_ends_there() -> None:
    home = make_home(constant(0.0, sessions=[make_session(0, 300, 6.3 * 1.01)]), evs=[EV])
    home.advance_to(2 * 3600.0)
    assert energy(home, 0, 120).ev_kwh == pytest.approx(7.07)
    assert energy(home, 60, 61).ev_kwh == pytest.approx(0.07)


def test_a_start_setpoint_starts_the_run_that_waits() -> None:
    home = make_home(constant(0.0, runs=[make_run(10, 300)]), shiftable_loads=[WASHER])
    home.advance_to(20 * 60.0)
    answer = home.offer(make_setpoint(2.0, device=WASH, minute=20), at(20))
    assert answer is not None
    assert answer.applied_kw == 2.0
    home.advance_to(2 * 3600.0)
    assert energy(home, 20, 80).runs_kwh == pytest.approx(2.0)
    assert energy(home, 80, 120).runs_kwh == 0.0


def test_homes_without_a_controller_start_runs_on_request() -> None:
    home = make_home(constant(0.0, runs=[make_run(10, 300)]), UNCONTROLLED, shiftable_loads=[WASHER])
    home.advance_to(2 * 3600.0)
    assert energy(home, 10, 70).runs_kwh == pytest.approx(2.0)


def test_nothing_can_be_asked_of_the_time_after_the_profile() -> None:
    home = make_home(constant(1.0))
    with pytest.raises(ValueError, match="accepted up to the profile's end at 21600 s"):
        home.advance_to(HOURS * 3600.0 + 1.0)


def test_a_start_outside_the_profile_is_refused() -> None:
    site = make_site(make_member("anna"))
    with pytest.raises(ValueError, match="start: found 21600 s"):
        Home(
            site.members[0],
            constant(1.0).home("anna"),
            devices={},
            behaviour=CONTROLLED,
            start_utc=START + timedelta(hours=HOURS),
        )
